//! Keys that are made while the gateway runs.

use super::KeyRecord;
use crate::error::Error;
use crate::random;
use behest_contract::secret::Secret;
use std::fmt;

/// A new key. The key itself is shown once, the rest is stored.
#[derive(Clone)]
pub struct NewKey {
    /// The key: `behest_sk_live_` and 32 lower-case hexadecimal digits.
    pub secret: Secret,
    /// SHA-256 of the whole key.
    pub lookup: [u8; 32],
    /// The Argon2id hash, as a PHC string.
    pub phc: String,
    /// The last four characters, for people to tell keys apart.
    pub last_four: Box<str>,
}

impl NewKey {
    /// Makes a key. It is hashed here, which takes 30 to 50 ms: not for the event loop.
    pub fn generate() -> Result<Self, Error> {
        let secret = Secret::new(random::named("behest_sk_live_")?);
        let lookup = KeyRecord::lookup(secret.expose());
        let phc = KeyRecord::hash(secret.expose())?;
        let last_four = secret.last_four().into();
        Ok(Self { secret, lookup, phc, last_four })
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("last_four", &self.last_four).finish_non_exhaustive()
    }
}
