//! The layers of limits, by name.

use std::borrow::Cow;

/// One of the limits that a request must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Requests per client address and minute.
    Ip,
    /// Requests per project and minute.
    Project,
    /// Minted tokens per API key and minute.
    Mint,
}

impl Layer {
    /// The layer's name in `details.layer` and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            // A key that mints acts for its project, and the words are a closed set.
            Self::Project | Self::Mint => "project",
        }
    }

    /// What a client reads whom this layer refuses.
    pub(crate) fn refusal(self, limit: u64) -> Cow<'static, str> {
        let who = match self {
            Self::Ip => "address",
            Self::Project => "project",
            Self::Mint => "key",
        };
        format!("This {who} has reached its limit on requests per minute ({limit}).").into()
    }
}
