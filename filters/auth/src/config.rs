//! What the operator declares: numbers, and keys with their secrets.

use crate::error::{Error, Errors};
use behest_contract::secret::Secret;
use std::sync::Arc;
use std::time::Duration;

/// The numbers of this family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthConfig {
    /// How long a verified key is answered for from memory before its Argon2id hash is asked again.
    /// From one second to one day.
    pub verified_for: Duration,
    /// How many verifications are handed to the offload at a time, at least 1. The others wait, the key
    /// with the most callers first, and leave the offload to other work.
    pub verify_at_once: usize,
    /// How long a caller waits for its turn before it is told to come back.
    pub verify_wait: Duration,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            verified_for: Duration::from_hours(1),
            verify_at_once: 2,
            verify_wait: Duration::from_mins(1),
        }
    }
}

impl AuthConfig {
    /// Says whether all numbers are within their bounds.
    pub(crate) fn check(self) -> Result<(), Errors> {
        let fits = (VERIFIED_FOR_MIN..=VERIFIED_FOR_MAX).contains(&self.verified_for);
        let unfit = [(!fits, Error::VerifiedFor), (self.verify_at_once == 0, Error::VerifyAtOnce)];
        Errors::none(unfit.into_iter().filter_map(|(is, error)| is.then_some(error)).collect())
    }
}

/// Whether requests with a key name an end user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndUserRule {
    /// They may.
    #[default]
    Allow,
    /// They must.
    Require,
    /// They must not.
    Forbid,
}

/// A key as the operator declares it, with its secret. [`ApiKeys::declare`](crate::ApiKeys::declare)
/// turns it into a record without one.
#[derive(Debug, Clone)]
pub struct DeclaredKey {
    /// The public id, such as `demo/ci`; usage is reported under it.
    pub id: Arc<str>,
    /// The tenant that owns the project.
    pub tenant: Arc<str>,
    /// The project that requests act for.
    pub project: Arc<str>,
    /// The key itself: 16 to 8,192 visible ASCII characters without a comma.
    pub secret: Secret,
    /// Whether requests name an end user.
    pub end_user: EndUserRule,
    /// Whether the key may call models, or only mint tokens.
    pub allow_on_chat: bool,
}

const VERIFIED_FOR_MIN: Duration = Duration::from_secs(1);
const VERIFIED_FOR_MAX: Duration = Duration::from_hours(24);
