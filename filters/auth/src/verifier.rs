//! Keys that have been verified, remembered for a while; and keys that are being verified.
//!
//! The memory is keyed by a MAC of the *whole* presented key under a secret that lives as long as the
//! process: a key that differs in its last character is another key, and the map's keys tell nothing
//! to who reads them. Only verified keys enter it, so guessing neither grows it nor displaces
//! anything. Callers who bring the same key at the same time share one run of Argon2id, and keys that
//! wait for theirs stand in a [`queue`].
//!
//! One verifier serves all configurations of a process: that a key satisfies a hash does not depend on
//! them, and a change in the middle of a restart's rush must not begin it anew. Whether the key is
//! still there is for [`ApiKeys`](crate::ApiKeys) to say.

mod queue;

use crate::api_key::{Authentication, Digest, KeyRecord};
use crate::config::AuthConfig;
use crate::error::{Error, Refusal};
use behest_contract::clock::Clock;
use behest_contract::ports::Offload;
use futures::channel::oneshot;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::{Mutex, RwLock};
use queue::{End, Picked, Queue};
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
    queue: Mutex<Queue>,
    offload: Arc<dyn Offload>,
    clock: Arc<dyn Clock>,
}

struct Verified {
    key: Arc<KeyRecord>,
    since: Instant,
}

/// Whether a caller waits, came just after the end of what it would have waited for, or cannot wait.
enum Joined {
    Waiting(End),
    After,
    Full,
}

impl Verifier {
    pub(crate) fn new(offload: Arc<dyn Offload>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        // A whole block, so that HMAC takes it as it is.
        let mut secret = [0; 64];
        getrandom::fill(&mut secret).map_err(Error::NoRandom)?;
        let keyed = Hmac::new(&secret.into());
        let (verified, queue) = Default::default();
        Ok(Self { keyed, verified, queue, offload, clock })
    }

    /// Takes over the numbers of a configuration.
    pub(crate) fn configure(&self, config: AuthConfig) {
        self.queue.lock().configure(config.verify_at_once, config.verify_wait);
    }

    /// The MAC under which a presented key is remembered.
    pub(crate) fn mac(&self, presented: &str) -> Digest {
        let mut mac = self.keyed.clone();
        mac.update(presented.as_bytes());
        Digest::from(<[u8; 32]>::from(mac.finalize().into_bytes()))
    }

    /// The key of this MAC, as it was when it was verified, if that is not too long ago.
    pub(crate) fn recall(&self, mac: &Digest, verified_for: Duration) -> Option<Arc<KeyRecord>> {
        let verified = self.verified.read();
        let found = verified.get(mac)?;
        let age = self.clock.now().saturating_duration_since(found.since);
        (age < verified_for).then(|| found.key.clone())
    }

    /// Verifies a key by its hash, in a run that is shared with whoever else waits for it.
    pub(crate) fn verify(
        self: &Arc<Self>,
        mac: Digest,
        key: &Arc<KeyRecord>,
        presented: &str,
        verified_for: Duration,
    ) -> Authentication {
        let end = match self.join(mac, key, presented, verified_for) {
            Joined::After => return Authentication::Known(key.clone()),
            Joined::Full => return Authentication::Busy,
            Joined::Waiting(end) => end,
        };
        self.hand_over();
        let (key, clock) = (key.clone(), self.clock.clone());
        Authentication::Pending(Box::pin(async move {
            match end.await {
                Ok(true) if !key.is_over(&*clock) => Ok(key),
                Ok(_) => Err(Refusal::Unknown),
                Err(oneshot::Canceled) => Err(Refusal::Busy),
            }
        }))
    }

    /// A place in the queue, unless the key's run has ended since the caller last looked.
    fn join(
        &self,
        mac: Digest,
        key: &Arc<KeyRecord>,
        presented: &str,
        verified_for: Duration,
    ) -> Joined {
        let mut queue = self.queue.lock();
        let just_verified = self.recall(&mac, verified_for);
        if just_verified.is_some_and(|verified| verified.phc == key.phc) {
            return Joined::After;
        }
        let place = queue.join(mac, key, presented, self.clock.now());
        place.map_or(Joined::Full, Joined::Waiting)
    }

    /// Hands runs over to the offload, as many as may be there at a time. One caller does it for all
    /// who come meanwhile: an offload may run a job there and then, which ends here again.
    fn hand_over(self: &Arc<Self>) {
        if !self.queue.lock().begin_handing_over() {
            return;
        }
        while let Some(picked) = self.pick() {
            let ticket = Ticket { verifier: self.clone(), picked, is_done: false };
            // A refused job is dropped with its ticket: everyone who waits for it learns.
            if self.offload.run(Box::new(move || ticket.run())).is_err() {
                self.queue.lock().give_up_handing_over();
                return;
            }
        }
    }

    fn pick(&self) -> Option<Picked> {
        self.queue.lock().pick(self.clock.now())
    }

    /// Drops what is remembered of a key. Who waits for a run of it still learns its end, which is not
    /// remembered.
    pub(crate) fn forget(&self, id: &str) {
        self.queue.lock().forget(id);
        self.verified.write().retain(|_, verified| *verified.key.id != *id);
    }

    /// Drops what is remembered of keys that are no longer there.
    pub(crate) fn retain(&self, is_there: impl Fn(&KeyRecord) -> bool) {
        self.verified.write().retain(|_, verified| is_there(&verified.key));
    }
}

/// The right to run one verification and to tell everyone of its end. It is given up on every way out:
/// a refused job, a lost one, a panic in it.
struct Ticket {
    verifier: Arc<Verifier>,
    picked: Picked,
    is_done: bool,
}

impl Ticket {
    fn run(mut self) {
        let good = self.picked.key.verify(self.picked.presented.expose());
        self.is_done = true;
        let verifier = self.verifier.clone();
        let mut queue = verifier.queue.lock();
        let ended = queue.end(self.picked.number);
        if good && ended.is_to_be_remembered {
            let verified = Verified { key: self.picked.key.clone(), since: verifier.clock.now() };
            verifier.verified.write().insert(self.picked.mac, verified);
        }
        drop(queue);
        ended.tell(good);
        verifier.hand_over();
    }
}

impl Drop for Ticket {
    /// Nothing is handed over here: whoever drops a job may hold what the offload needs.
    fn drop(&mut self) {
        if !self.is_done {
            self.verifier.queue.lock().lose(self.picked.number);
        }
    }
}

#[cfg(test)]
mod tests;
