//! Whose key is verified next.
//!
//! After a restart every key that is in use must be verified at once, and each takes a thread for tens
//! of milliseconds. A first-in-first-out queue would make the busiest key wait behind a thousand idle
//! ones, and would fill the offload for everybody else. So few runs are handed over at a time, and the
//! next one is that of the key which most callers have asked for; among equals the one that has waited
//! longest. There is no timer: waiting ends when a run ends, which is many times a second as long as
//! anyone waits.

use crate::api_key::{Digest, KeyRecord};
use behest_contract::secret::Secret;
use futures::channel::oneshot;
use futures::future::{FutureExt, Shared};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What all callers of one run wait for.
pub(super) type End = Shared<oneshot::Receiver<bool>>;

/// The runs that wait and those that go on.
pub(super) struct Queue {
    last: u64,
    runs: HashMap<u64, Run>,
    /// The run that a caller with this key joins. One that was forgotten is not found any more, so that
    /// it cannot take a later one's place.
    by_mac: HashMap<Digest, u64>,
    running: usize,
    is_handing_over: bool,
    at_once: usize,
    wait: Duration,
}

struct Run {
    mac: Digest,
    key: Arc<KeyRecord>,
    /// Gone once the run goes on.
    presented: Option<Secret>,
    callers: u32,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    done: oneshot::Sender<bool>,
    end: End,
}

/// A run that is to go on now.
pub(super) struct Picked {
    pub(super) number: u64,
    pub(super) mac: Digest,
    pub(super) key: Arc<KeyRecord>,
    pub(super) presented: Secret,
}

/// A run that is over.
pub(super) struct Ended {
    /// Whether its key was not forgotten in the meantime.
    pub(super) is_to_be_remembered: bool,
    waiting: Option<Waiting>,
}

impl Ended {
    /// Tells everyone who waits. Nobody may be any more; the key stays verified for the next one.
    pub(super) fn tell(self, good: bool) {
        if let Some(waiting) = self.waiting {
            let _ = waiting.done.send(good);
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            last: 0,
            runs: HashMap::new(),
            by_mac: HashMap::new(),
            running: 0,
            is_handing_over: false,
            at_once: 1,
            wait: Duration::MAX,
        }
    }
}

impl Queue {
    pub(super) fn configure(&mut self, at_once: usize, wait: Duration) {
        self.at_once = at_once.max(1);
        self.wait = wait;
    }

    /// A place with whoever else waits for this key, or a new one. `None` if too many keys wait.
    pub(super) fn join(
        &mut self,
        mac: Digest,
        key: &Arc<KeyRecord>,
        presented: &str,
        now: Instant,
    ) -> Option<End> {
        let known = self.by_mac.get(&mac).copied();
        if let Some(run) = known.and_then(|number| self.runs.get_mut(&number)) {
            run.callers = run.callers.saturating_add(1);
            return Some(run.waiting.get_or_insert_with(|| Waiting::since(now)).end.clone());
        }
        if self.runs.len() >= RUNS_MAX {
            return None;
        }
        let waiting = Waiting::since(now);
        let end = waiting.end.clone();
        let run = Run {
            mac,
            key: key.clone(),
            presented: Some(Secret::new(presented)),
            callers: 1,
            waiting: Some(waiting),
        };
        self.last += 1;
        self.runs.insert(self.last, run);
        self.by_mac.insert(mac, self.last);
        Some(end)
    }

    /// Whether nobody else is handing over at the moment.
    pub(super) fn begin_handing_over(&mut self) -> bool {
        !std::mem::replace(&mut self.is_handing_over, true)
    }

    /// The next run, if it may go on already. If not, the handing over is at its end.
    pub(super) fn pick(&mut self, now: Instant) -> Option<Picked> {
        self.send_away(now);
        let picked = if self.running < self.at_once { self.take_next() } else { None };
        self.running += usize::from(picked.is_some());
        self.is_handing_over = picked.is_some();
        picked
    }

    /// The offload takes no more.
    pub(super) fn give_up_handing_over(&mut self) {
        self.is_handing_over = false;
        self.send_away_if_stuck();
    }

    /// A run has come to its end.
    pub(super) fn end(&mut self, number: u64) -> Ended {
        self.running = self.running.saturating_sub(1);
        let Some(run) = self.runs.remove(&number) else {
            return Ended { is_to_be_remembered: false, waiting: None };
        };
        let is_to_be_remembered = self.by_mac.get(&run.mac) == Some(&number);
        if is_to_be_remembered {
            self.by_mac.remove(&run.mac);
        }
        Ended { is_to_be_remembered, waiting: run.waiting }
    }

    /// A run will never come to its end. Who waits for it learns that when its sender is dropped.
    pub(super) fn lose(&mut self, number: u64) {
        drop(self.end(number));
        self.send_away_if_stuck();
    }

    /// Lets no later caller join the runs of a key.
    pub(super) fn forget(&mut self, id: &str) {
        let runs = &self.runs;
        let is_other = |number: &u64| runs.get(number).is_some_and(|run| *run.key.id != *id);
        self.by_mac.retain(|_, number| is_other(number));
    }

    fn take_next(&mut self) -> Option<Picked> {
        let waiting = self.runs.iter_mut().filter(|(_, run)| run.presented.is_some());
        let (number, run) = waiting.max_by_key(|(number, run)| (run.callers, Reverse(**number)))?;
        let presented = run.presented.take()?;
        Some(Picked { number: *number, mac: run.mac, key: run.key.clone(), presented })
    }

    /// Tells those who have waited for too long to come back. Their key keeps its place.
    fn send_away(&mut self, now: Instant) {
        for run in self.runs.values_mut().filter(|run| run.presented.is_some()) {
            let since = run.waiting.as_ref().map(|waiting| waiting.since);
            if since.is_some_and(|since| now.saturating_duration_since(since) >= self.wait) {
                run.waiting = None;
            }
        }
    }

    /// Where nothing goes on, no end of a run would ever call for the next one.
    fn send_away_if_stuck(&mut self) {
        if self.running == 0 && !self.is_handing_over {
            self.runs.clear();
            self.by_mac.clear();
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.by_mac.is_empty() && self.running == 0
    }
}

impl Waiting {
    fn since(now: Instant) -> Self {
        let (done, end) = oneshot::channel();
        Self { since: now, done, end: end.shared() }
    }
}

/// Keys that wait at most.
const RUNS_MAX: usize = 4096;

#[cfg(test)]
mod tests;
