//! What the operator declares: numbers, and keys with their secrets.

use behest_contract::secret::Secret;
use std::sync::Arc;
use std::time::Duration;

/// The numbers of this family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthConfig {
    /// How long a verified key is answered for from memory before its Argon2id hash is asked again.
    /// From one second to one day.
    pub verified_for: Duration,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self { verified_for: Duration::from_hours(1) }
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
