//! Refusals.
//!
//! A room says *why* it refuses; only the gateway's reply knows which status that is.

use crate::json::Malformed;
use std::borrow::Cow;
use std::time::Duration;

/// Why a request is refused or has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Malformed, missing or wrong fields.
    Invalid,
    /// A known path with another method.
    MethodNotAllowed,
    /// In the way of another request.
    Conflict,
    /// The body's length must be said.
    LengthRequired,
    /// The body is too large.
    TooLarge,
    /// The body is no JSON by its own account.
    UnsupportedMedia,
    /// An `Expect` that is not kept.
    ExpectationFailed,
    /// Well formed, yet it cannot be run.
    Unprocessable,
    /// The head is too large.
    HeadTooLarge,
    /// Any problem of the credential.
    Unauthenticated,
    /// The end user's quota is used up.
    QuotaExceeded,
    /// A budget is used up.
    BudgetExceeded,
    /// Known, and not allowed.
    Forbidden,
    /// Stopped by Sentinel.
    ContentBlocked,
    /// Stopped for personal data.
    PiiBlocked,
    /// There is no such thing.
    NotFound,
    /// A per-minute or concurrency layer is full.
    RateLimited,
    /// The provider refused, broke or answered nonsense.
    Upstream,
    /// Our own dependency is away, we are overloaded, or no provider is left.
    Unavailable,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// The client did not send its request in time.
    ClientTimeout,
    /// A bug of ours.
    Internal,
}

impl Kind {
    /// The word that clients branch on, and that logs show (CONTRACT 6).
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid
            | Self::MethodNotAllowed
            | Self::Conflict
            | Self::LengthRequired
            | Self::TooLarge
            | Self::UnsupportedMedia
            | Self::ExpectationFailed
            | Self::Unprocessable
            | Self::HeadTooLarge
            | Self::ClientTimeout => "validation_error",
            Self::Unauthenticated => "invalid_token",
            Self::QuotaExceeded => "quota_exceeded",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Forbidden => "forbidden",
            Self::ContentBlocked => "content_blocked",
            Self::PiiBlocked => "pii_blocked",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Upstream => "upstream_error",
            Self::Unavailable => "unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Internal => "internal_error",
        }
    }
}

/// A refusal, or a failure told to the client in the same shape.
#[derive(Debug, Clone)]
pub struct Denial {
    /// Why.
    pub kind: Kind,
    /// For the client. Holds no secret, no prompt and nothing of a provider's.
    pub message: Cow<'static, str>,
    /// The request's member that is at fault.
    pub param: Option<&'static str>,
    /// For the log only.
    pub note: Option<Box<str>>,
    /// How long to wait, where waiting helps.
    pub retry_after: Option<Duration>,
    /// Machine-readable particulars (CONTRACT 6).
    pub details: Option<Box<serde_json::Value>>,
    /// Whether the same request may fare better within a minute.
    pub retry_helps: bool,
}

impl Denial {
    /// A refusal with a message for the client.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            note: None,
            retry_after: None,
            details: None,
            retry_helps: true,
        }
    }

    /// Names the member at fault.
    #[must_use]
    pub fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }

    /// Adds a line for the log.
    #[must_use]
    pub fn note(mut self, note: impl Into<Box<str>>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Says how long to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds machine-readable particulars.
    #[must_use]
    pub fn details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }
}

/// Go on, or not. Boxed, because refusals are rare and every hook returns one of these.
pub type Verdict = Result<(), Box<Denial>>;

impl From<Denial> for Verdict {
    fn from(denial: Denial) -> Self {
        Err(Box::new(denial))
    }
}

impl From<Malformed> for Box<Denial> {
    fn from(bad: Malformed) -> Self {
        Self::new(Denial::new(Kind::Invalid, format!("The body is not valid JSON: {bad}.")))
    }
}
