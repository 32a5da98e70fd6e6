//! Keys that have been verified, remembered for a while; and keys that are being verified.
//!
//! The memory is keyed by a MAC of the *whole* presented key under a secret that lives as long as the
//! process: a key that differs in its last character is another key, and the map's keys tell nothing
//! to who reads them. Only verified keys enter it, so guessing neither grows it nor displaces
//! anything. Callers who bring the same key at the same time share one run of Argon2id.

use crate::api_key::{Authentication, Digest, KeyRecord};
use crate::config::AuthConfig;
use crate::error::{Error, Refusal};
use behest_contract::clock::Clock;
use behest_contract::ports::Offload;
use behest_contract::secret::Secret;
use futures::channel::oneshot;
use futures::future::{FutureExt, Shared};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::{Mutex, RwLock};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The in-memory verifier.
pub(crate) struct Verifier {
    /// Holds the secret in the form that is cheap to start from.
    keyed: Hmac<Sha256>,
    verified: RwLock<HashMap<Digest, Verified>>,
    /// Where both locks are held, this one is taken first.
    runs: Mutex<Runs>,
    verified_for: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Verified {
    key: Arc<KeyRecord>,
    since: Instant,
}

/// The verifications under way. Numbered, so that a run which was forgotten in the meantime does not
/// take another one's place.
#[derive(Default)]
struct Runs {
    last: u64,
    by_mac: HashMap<Digest, Run>,
}

struct Run {
    number: u64,
    key: Arc<KeyRecord>,
    end: End,
}

/// What all callers of one run wait for.
type End = Shared<oneshot::Receiver<bool>>;

/// Whether a caller starts a run, joins one, or came just after its end.
enum Joined {
    First(Ticket, End),
    Later(End),
    After(Arc<KeyRecord>),
}

impl Verifier {
    pub(crate) fn new(clock: Arc<dyn Clock>, config: AuthConfig) -> Result<Self, Error> {
        // A whole block, so that HMAC takes it as it is.
        let mut secret = [0; 64];
        getrandom::fill(&mut secret).map_err(Error::NoRandom)?;
        let keyed = Hmac::new(&secret.into());
        Self::remembering(HashMap::new(), keyed, clock, config)
    }

    /// A verifier for the next configuration, which remembers what this one does of the keys that are
    /// still there. This one is not changed: the next one might never be put to use.
    pub(crate) fn carried_over(
        &self,
        records: &HashMap<Digest, Arc<KeyRecord>>,
        clock: Arc<dyn Clock>,
        config: AuthConfig,
    ) -> Result<Self, Error> {
        let still_there = |(mac, old): (&Digest, &Verified)| {
            let key = records.get(&Digest::from(old.key.lookup))?.clone();
            Some((*mac, Verified { key, since: old.since }))
        };
        let verified = self.verified.read().iter().filter_map(still_there).collect();
        Self::remembering(verified, self.keyed.clone(), clock, config)
    }

    fn remembering(
        verified: HashMap<Digest, Verified>,
        keyed: Hmac<Sha256>,
        clock: Arc<dyn Clock>,
        config: AuthConfig,
    ) -> Result<Self, Error> {
        let verified_for = config.verified_for;
        if !(VERIFIED_FOR_MIN..=VERIFIED_FOR_MAX).contains(&verified_for) {
            return Err(Error::VerifiedFor);
        }
        let runs = Mutex::default();
        Ok(Self { keyed, verified: RwLock::new(verified), runs, verified_for, clock })
    }

    /// The MAC under which a presented key is remembered.
    pub(crate) fn mac(&self, presented: &str) -> Digest {
        let mut mac = self.keyed.clone();
        mac.update(presented.as_bytes());
        Digest::from(<[u8; 32]>::from(mac.finalize().into_bytes()))
    }

    /// The key of this MAC, if it was verified lately.
    pub(crate) fn recall(&self, mac: &Digest) -> Option<Arc<KeyRecord>> {
        let verified = self.verified.read();
        let found = verified.get(mac)?;
        let age = self.clock.now().saturating_duration_since(found.since);
        (age < self.verified_for).then(|| found.key.clone())
    }

    /// Verifies a key by its hash, in a run that is shared with whoever else waits for it.
    pub(crate) fn verify(
        self: &Arc<Self>,
        mac: Digest,
        key: &Arc<KeyRecord>,
        presented: &str,
        offload: &dyn Offload,
    ) -> Authentication {
        let end = match self.join(mac, key) {
            Joined::After(key) => return Authentication::Known(key),
            Joined::Later(end) => end,
            Joined::First(ticket, end) => {
                let presented = Secret::new(presented);
                // A refused job is dropped with its ticket: everyone who waits for it learns.
                let _ = offload.run(Box::new(move || ticket.run(&presented)));
                end
            }
        };
        let key = key.clone();
        Authentication::Pending(Box::pin(async move {
            match end.await {
                Ok(true) => Ok(key),
                Ok(false) => Err(Refusal::Unknown),
                Err(oneshot::Canceled) => Err(Refusal::Busy),
            }
        }))
    }

    /// The lock is not held while the job is handed over: an offload may run it there and then.
    fn join(self: &Arc<Self>, mac: Digest, key: &Arc<KeyRecord>) -> Joined {
        let mut runs = self.runs.lock();
        // A run may have ended since the caller last looked.
        if let Some(key) = self.recall(&mac) {
            return Joined::After(key);
        }
        if let Some(run) = runs.by_mac.get(&mac) {
            return Joined::Later(run.end.clone());
        }
        let (done, end) = oneshot::channel();
        let end = end.shared();
        runs.last += 1;
        let number = runs.last;
        runs.by_mac.insert(mac, Run { number, key: key.clone(), end: end.clone() });
        let place = Place { verifier: self.clone(), mac, number };
        Joined::First(Ticket { place, key: key.clone(), done }, end)
    }

    /// Drops what is remembered of a key, and the runs that would make it remembered.
    pub(crate) fn forget(&self, id: &str) {
        let mut runs = self.runs.lock();
        runs.by_mac.retain(|_, run| *run.key.id != *id);
        self.verified.write().retain(|_, verified| *verified.key.id != *id);
    }
}

/// The right to run one verification and to tell everyone of its end.
struct Ticket {
    place: Place,
    key: Arc<KeyRecord>,
    done: oneshot::Sender<bool>,
}

impl Ticket {
    fn run(self, presented: &Secret) {
        let Self { place, key, done } = self;
        let good = key.verify(presented.expose());
        if good {
            place.remember(key);
        }
        drop(place);
        // Nobody may be waiting any more; the key stays verified for the next one.
        let _ = done.send(good);
    }
}

/// A run's place among those under way. It is given up on every way out: a refused job, a lost one, a
/// panic in it.
struct Place {
    verifier: Arc<Verifier>,
    mac: Digest,
    number: u64,
}

impl Place {
    /// Remembers the key as verified, unless it was forgotten while the run went on.
    fn remember(&self, key: Arc<KeyRecord>) {
        let runs = self.verifier.runs.lock();
        if runs.holds(self) {
            let since = self.verifier.clock.now();
            self.verifier.verified.write().insert(self.mac, Verified { key, since });
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut runs = self.verifier.runs.lock();
        if runs.holds(self) {
            runs.by_mac.remove(&self.mac);
        }
    }
}

impl Runs {
    fn holds(&self, place: &Place) -> bool {
        self.by_mac.get(&place.mac).is_some_and(|run| run.number == place.number)
    }
}

const VERIFIED_FOR_MIN: Duration = Duration::from_secs(1);
const VERIFIED_FOR_MAX: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests;
