//! Tokens that were verified lately.
//!
//! Verifying costs what a dozen other rooms cost together, and a client that holds on to its token
//! sends it again and again. The memory is keyed by the SHA-256 of the whole token, so one that differs
//! anywhere is another one, and only genuine tokens enter it. What is remembered is not asked whether
//! its key or project is still there: the memory belongs to one configuration and ends with it.

use super::Verified;
use super::claims::Times;
use crate::api_key::Digest;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::time::Duration;

/// The memory: the present generation and the one before. When the present one is full the one before
/// is given up, which costs no search for what is oldest.
#[derive(Default)]
pub(super) struct Cache {
    generations: RwLock<Generations>,
}

#[derive(Default)]
struct Generations {
    present: HashMap<Digest, Entry>,
    before: HashMap<Digest, Entry>,
}

struct Entry {
    verified: Verified,
    times: Times,
    until: Duration,
}

impl Cache {
    /// What a token says, if it was verified within the last minute. Its times are the caller's to look
    /// at again.
    pub(super) fn recall(&self, token: &Digest, now: Duration) -> Option<(Verified, Times)> {
        let generations = self.generations.read();
        let entry = generations.present.get(token).or_else(|| generations.before.get(token))?;
        (now < entry.until).then(|| (entry.verified.clone(), entry.times))
    }

    /// Remembers a token that has just been verified.
    pub(super) fn remember(&self, token: Digest, verified: &Verified, times: Times, now: Duration) {
        let entry = Entry { verified: verified.clone(), times, until: now + REMEMBERED_FOR };
        let mut generations = self.generations.write();
        if generations.present.len() >= GENERATION_MAX {
            generations.before = std::mem::take(&mut generations.present);
        }
        generations.present.insert(token, entry);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let generations = self.generations.read();
        generations.present.len() + generations.before.len()
    }
}

/// Half of what is remembered at most.
pub(super) const GENERATION_MAX: usize = 4096;
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
