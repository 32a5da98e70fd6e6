//! The keys of a gateway, and the answer to "whose is this one?".
//!
//! Each presented key meets up to three gates, cheapest first: the [`verifier`](crate::verifier)'s map
//! of keys that have been verified, the records by SHA-256, and only for a key that has a record its
//! Argon2id hash, off the event loop. Who guesses keys never gets beyond the second.

mod digest;
mod new_key;
mod record;

pub(crate) use digest::Digest;
pub use new_key::NewKey;
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
    clock: Arc<dyn Clock>,
    config: AuthConfig,
}

/// What is known of a presented key.
pub enum Authentication {
    /// It is this one.
    Known(Arc<KeyRecord>),
    /// It is none of ours.
    Unknown,
    /// It may be one of ours, but too many keys wait to be verified.
    Busy,
    /// It is one of ours by its digest, and is being verified by its hash.
    Pending(BoxFuture<'static, Result<Arc<KeyRecord>, Refusal>>),
}

impl Authentication {
    /// The answer, after the wait if there is one.
    pub async fn settled(self) -> Result<Arc<KeyRecord>, Refusal> {
        match self {
            Self::Known(key) => Ok(key),
            Self::Unknown => Err(Refusal::Unknown),
            Self::Busy => Err(Refusal::Busy),
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
    ) -> Result<Vec<Arc<KeyRecord>>, Errors> {
        Errors::none(declared.iter().filter_map(fault).collect())?;
        let hashed = declared.into_iter().map(|key| {
            let known =
                previous.and_then(|keys| keys.record(&KeyRecord::lookup(key.secret.expose())));
            let phc = match known {
                Some(record) => record.phc.clone(),
                None => KeyRecord::hash(key.secret.expose())?,
            };
            Ok(Arc::new(KeyRecord::declared(key, phc)))
        });
        hashed.collect::<Result<_, Error>>().map_err(Errors::from)
    }

    /// Keys from their records. What `previous` has verified stays verified, for the rest of its time,
    /// if the key is still there; a key that is not is unknown from now on, and must be verified anew
    /// should it come back. Records that `previous` has too are not looked at again. With a `previous`,
    /// its offload goes on serving.
    pub fn new(
        records: Vec<Arc<KeyRecord>>,
        previous: Option<&Self>,
        offload: Arc<dyn Offload>,
        clock: Arc<dyn Clock>,
        config: AuthConfig,
    ) -> Result<Self, Errors> {
        config.check()?;
        let records = indexed(records, previous)?;
        let verifier = match previous {
            Some(keys) => keys.verifier.clone(),
            None => Arc::new(Verifier::new(offload, clock.clone())?),
        };
        verifier.configure(config);
        let keys = Self { records, verifier, clock, config };
        keys.verifier.retain(|verified| keys.current(verified).is_some());
        Ok(keys)
    }

    /// Whose key this is. Waits only for a key of ours that has not been verified lately.
    pub fn authenticate(&self, presented: &str) -> Authentication {
        let verified_for = self.config.verified_for;
        let mac = self.verifier.mac(presented);
        let verified = self.verifier.recall(&mac, verified_for);
        if let Some(key) = verified.and_then(|key| self.current(&key)) {
            return self.unless_over(key, |key| Authentication::Known(key.clone()));
        }
        match self.records.get(&Digest::of(presented)) {
            Some(key) => {
                self.unless_over(key, |key| self.verifier.verify(mac, key, presented, verified_for))
            }
            None => Authentication::Unknown,
        }
    }

    fn unless_over(
        &self,
        key: &Arc<KeyRecord>,
        answer: impl FnOnce(&Arc<KeyRecord>) -> Authentication,
    ) -> Authentication {
        if key.is_over(&*self.clock) { Authentication::Unknown } else { answer(key) }
    }

    /// This configuration's record of a key that was verified in another one, if the hash is the same.
    fn current(&self, verified: &KeyRecord) -> Option<&Arc<KeyRecord>> {
        let record = self.records.get(&Digest::from(verified.lookup))?;
        let is_same = std::ptr::eq(&**record, verified) || record.phc == verified.phc;
        is_same.then_some(record)
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
fn indexed(
    records: Vec<Arc<KeyRecord>>,
    previous: Option<&ApiKeys>,
) -> Result<HashMap<Digest, Arc<KeyRecord>>, Errors> {
    let mut errors = Vec::new();
    let mut ids = HashSet::with_capacity(records.len());
    let mut indexed: HashMap<Digest, Arc<KeyRecord>> = HashMap::with_capacity(records.len());
    for record in records {
        if !ids.insert(record.id.clone()) {
            errors.push(Error::SameId(record.id.clone()));
        }
        // Reading ten thousand hashes anew would take longer than all the rest of a change.
        let is_known = previous.is_some_and(|keys| keys.current(&record).is_some());
        if !is_known && !record.has_fit_hash() {
            errors.push(Error::UnfitHash(record.id.clone()));
        }
        let id = record.id.clone();
        if let Some(other) = indexed.insert(Digest::from(record.lookup), record) {
            errors.push(Error::SameSecret(other.id.clone(), id));
        }
    }
    Errors::none(errors).map(|()| indexed)
}

const KEY_CHARS_MIN: usize = 16;

#[cfg(test)]
pub(crate) mod tests;
