//! The keys of a gateway, and the answer to "whose is this one?".
//!
//! Each presented key meets up to three gates, cheapest first: the [`verifier`](crate::verifier)'s map
//! of keys that have been verified, the records by SHA-256, and only for a key that has a record its
//! Argon2id hash, off the event loop. Who guesses keys never gets beyond the second.

mod digest;
mod record;

pub(crate) use digest::Digest;
pub use record::KeyRecord;

use crate::config::{AuthConfig, DeclaredKey};
use crate::credential::{CREDENTIAL_BYTES_MAX, is_token};
use crate::error::{Error, Errors, Refusal};
use crate::verifier::Verifier;
use behest_contract::clock::Clock;
use behest_contract::ports::Offload;
use futures::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// All keys of one configuration. Changing them means building the next one from this one.
pub struct ApiKeys {
    records: HashMap<Digest, Arc<KeyRecord>>,
    verifier: Arc<Verifier>,
    offload: Arc<dyn Offload>,
}

/// What is known of a presented key.
pub enum Authentication {
    /// It is this one.
    Known(Arc<KeyRecord>),
    /// It is none of ours.
    Unknown,
    /// It is one of ours by its digest, and is being verified by its hash.
    Pending(BoxFuture<'static, Result<Arc<KeyRecord>, Refusal>>),
}

impl Authentication {
    /// The answer, after the wait if there is one.
    pub async fn settled(self) -> Result<Arc<KeyRecord>, Refusal> {
        match self {
            Self::Known(key) => Ok(key),
            Self::Unknown => Err(Refusal::Unknown),
            Self::Pending(verdict) => verdict.await,
        }
    }
}

impl ApiKeys {
    /// Turns declared keys into records. Keys that `previous` has too keep their hash; each new one
    /// costs an Argon2id run here, so call this where blocking is fine.
    pub fn declare(
        declared: Vec<DeclaredKey>,
        previous: Option<&Self>,
    ) -> Result<Vec<KeyRecord>, Errors> {
        Errors::none(declared.iter().filter_map(fault).collect())?;
        let hashed = declared.into_iter().map(|key| {
            let known =
                previous.and_then(|keys| keys.record(&KeyRecord::lookup(key.secret.expose())));
            let phc = match known {
                Some(record) => record.phc.clone(),
                None => KeyRecord::hash(key.secret.expose())?,
            };
            Ok(KeyRecord::declared(key, phc))
        });
        hashed.collect::<Result<_, Error>>().map_err(Errors::from)
    }

    /// Keys from their records. What `previous` has verified stays verified, for the rest of its time,
    /// if the key is still there; a key that is not is unknown from now on.
    pub fn new(
        records: Vec<KeyRecord>,
        previous: Option<&Self>,
        offload: Arc<dyn Offload>,
        clock: Arc<dyn Clock>,
        config: AuthConfig,
    ) -> Result<Self, Errors> {
        let records = indexed(records)?;
        let verifier = match previous {
            Some(keys) => keys.verifier.carried_over(&records, clock, config)?,
            None => Verifier::new(clock, config)?,
        };
        Ok(Self { records, verifier: Arc::new(verifier), offload })
    }

    /// Whose key this is. Waits only for a key of ours that has not been verified lately.
    pub fn authenticate(&self, presented: &str) -> Authentication {
        let mac = self.verifier.mac(presented);
        if let Some(key) = self.verifier.recall(&mac) {
            return Authentication::Known(key);
        }
        match self.records.get(&Digest::of(presented)) {
            Some(key) => self.verifier.verify(mac, key, presented, self.offload.as_ref()),
            None => Authentication::Unknown,
        }
    }

    /// Drops, at once, what is remembered of a key: whoever presents it next has it verified anew, and
    /// a verification that is under way is not remembered.
    pub fn forget(&self, id: &str) {
        self.verifier.forget(id);
    }

    /// The record of a key, by the SHA-256 of the whole key.
    pub fn record(&self, lookup: &[u8; 32]) -> Option<&Arc<KeyRecord>> {
        self.records.get(&Digest::from(*lookup))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.records.values().map(|record| &record.id)).finish()
    }
}

/// What is wrong with one declared key.
fn fault(key: &DeclaredKey) -> Option<Error> {
    let secret = key.secret.expose();
    match secret.chars().count() {
        ..KEY_CHARS_MIN => Some(Error::ShortKey(key.id.clone())),
        _ if secret.len() > CREDENTIAL_BYTES_MAX => Some(Error::LongKey(key.id.clone())),
        _ if !is_token(secret) => Some(Error::UnfitKey(key.id.clone())),
        _ => None,
    }
}

/// The records by their digest, if no two are in each other's way.
fn indexed(records: Vec<KeyRecord>) -> Result<HashMap<Digest, Arc<KeyRecord>>, Errors> {
    let mut errors = Vec::new();
    let mut ids = HashSet::new();
    let mut indexed: HashMap<Digest, Arc<KeyRecord>> = HashMap::with_capacity(records.len());
    for record in records {
        if !ids.insert(record.id.clone()) {
            errors.push(Error::SameId(record.id.clone()));
        }
        if !record.has_fit_hash() {
            errors.push(Error::UnfitHash(record.id.clone()));
        }
        let record = Arc::new(record);
        if let Some(other) = indexed.insert(Digest::from(record.lookup), record.clone()) {
            errors.push(Error::SameSecret(other.id.clone(), record.id.clone()));
        }
    }
    Errors::none(errors).map(|()| indexed)
}

const KEY_CHARS_MIN: usize = 16;

#[cfg(test)]
pub(crate) mod tests;
