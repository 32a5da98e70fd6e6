//! How a request ended.

use crate::book::Bucket;
use crate::delta::Usage;
use crate::denial::Kind;
use std::sync::Arc;
use std::time::Duration;

/// The six endings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The whole answer was delivered.
    Completed,
    /// A room refused.
    Denied,
    /// The provider refused, broke or answered nonsense.
    UpstreamFailed,
    /// The client went away.
    ClientLeft,
    /// A deadline passed.
    TimedOut,
    /// Something of ours failed, or the gateway was told to stop.
    Internal,
}

impl Ending {
    /// A word for logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Denied => "denied",
            Self::UpstreamFailed => "upstream_failed",
            Self::ClientLeft => "client_left",
            Self::TimedOut => "timed_out",
            Self::Internal => "internal",
        }
    }
}

/// The target that answered, or was tried last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The model's name in this gateway.
    pub model: Arc<str>,
    /// The provider's configured name.
    pub provider: Arc<str>,
    /// Whose key it was called with.
    pub bucket: Bucket,
}

/// Everything that is known only at the end; given to each visit's `close`.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The status that the client got; 0 if it got none.
    pub status: u16,
    /// Why it was refused or failed, if it was.
    pub kind: Option<Kind>,
    /// What the provider reported.
    pub usage: Option<Usage>,
    /// Where it went, if it went anywhere.
    pub route: Option<Route>,
    /// Requests sent to providers.
    pub attempts: u32,
    /// From the request's head to its last byte.
    pub total: Duration,
    /// From the request's head to the provider's first byte, if there was one.
    pub first_byte: Option<Duration>,
    /// The provider's time: from the sending of a request to the end of its answer, all attempts
    /// together. `total` less this is what the gateway added.
    pub upstream: Duration,
}
