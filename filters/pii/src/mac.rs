//! The keyed digest behind placeholders and hashes.

use behest_contract::secret::Secret;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use std::fmt;

/// A message authentication code. Whoever does not hold its key can neither make a placeholder nor
/// guess a value from one.
pub trait Mac: Send + Sync {
    /// The code of some parts; moving a byte from one part to the next changes it.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32];
}

/// HMAC-SHA-256 under a secret key.
#[derive(Clone)]
pub struct SecretMac {
    keyed: Option<Hmac<Sha256>>,
}

impl SecretMac {
    /// A code under this key.
    pub fn new(key: &Secret) -> Self {
        // HMAC takes keys of any length: there is no error to tell.
        Self { keyed: Hmac::new_from_slice(key.expose().as_bytes()).ok() }
    }
}

impl Mac for SecretMac {
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let Some(mut mac) = self.keyed.clone() else { return [0; 32] };
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SecretMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretMac")
    }
}
