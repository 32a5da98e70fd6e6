//! 32 bytes that stand for a key.

use sha2::{Digest as _, Sha256};
use std::hash::{Hash, Hasher};
use subtle::ConstantTimeEq;

/// A digest or MAC of a whole key. Maps are keyed by it, and comparing two takes the same time
/// wherever they differ.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of a whole key. Its first 32 characters would not do: keys that share them exist.
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}
