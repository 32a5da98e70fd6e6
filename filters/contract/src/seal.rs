//! The port for sealing: what is stored and must not be read by whoever copies the store.

use crate::secret::Secret;
use std::fmt;

/// Where a sealed value belongs. It is bound into the seal: a value that was moved to another tenant,
/// record or field does not open there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The tenant, or "" for the gateway itself.
    pub tenant: &'a str,
    /// The collection.
    pub collection: &'a str,
    /// The record.
    pub record: &'a str,
    /// The field in it.
    pub field: &'a str,
}

/// Why a value was not sealed or opened. It does not tell more: there is nothing more to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// No key opens it: it was sealed under another one, belongs elsewhere, or was changed.
    Unopened,
    /// The machine has no random bytes to give.
    NoRandom,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unopened => "no key opens this sealed value",
            Self::NoRandom => "the machine gives no random bytes",
        })
    }
}

impl std::error::Error for SealError {}

/// Seals and opens values under the master key.
pub trait Seal: Send + Sync {
    /// Seals a text for its place.
    fn seal(&self, place: Place<'_>, clear: &Secret) -> Result<String, SealError>;

    /// Opens what was sealed for this place.
    fn open(&self, place: Place<'_>, sealed: &str) -> Result<Secret, SealError>;

    /// Whether it is sealed under an older master key, and should be sealed again.
    fn is_outdated(&self, sealed: &str) -> bool;
}
