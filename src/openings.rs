//! Budgets that are set in the middle of their windows: what was used before counts too.
//!
//! A counter knows what was admitted while its layer was in force. When one is new, the ledger is asked
//! what its window has used so far, and the counter is set to that where it has come to less; and again a
//! little later, for what was under way meanwhile. Until the first answer, which the change itself waits
//! for a moment for, the counter counts from zero. Requests never wait.

use crate::house::Fixtures;
use behest_contract::directory::Failure;
use behest_quota::NewLayers;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after one answer the ledger is asked again: what was under way at the change ends in between.
const AGAIN_AFTER: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(60), Duration::from_secs(16 * 60)];

/// How long after a failure.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// New layers, and the tenant of their project.
pub type Opening = (Arc<str>, NewLayers);

/// Those whose counters are to be set.
#[derive(Default)]
pub struct Openings(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    waiting: Vec<Waiting>,
}

#[derive(Clone)]
struct Waiting {
    number: u64,
    opening: Opening,
    due: Instant,
    /// How often it was done.
    done: usize,
}

impl Openings {
    /// Has these done, the first time now.
    pub fn begin(&self, openings: Vec<Opening>, now: Instant) {
        let mut state = self.0.lock();
        for opening in openings {
            state.next += 1;
            let number = state.next;
            state.waiting.push(Waiting { number, opening, due: now, done: 0 });
        }
    }

    /// Does what is due.
    pub async fn carry_on(&self, fixtures: &Fixtures) {
        let now = fixtures.clock.now();
        let due: Vec<_> =
            self.0.lock().waiting.iter().filter(|one| one.due <= now).cloned().collect();
        for one in due {
            let end = raise(fixtures, &one.opening).await;
            self.note(&one, end.is_ok(), fixtures.clock.now());
            if let Err(failure) = end {
                let project = &one.opening.1.project;
                log::warn!("what {project} has used is not in its new limits yet: {failure}");
            }
        }
    }

    fn note(&self, one: &Waiting, is_done: bool, now: Instant) {
        let mut state = self.0.lock();
        // Two may have done it at the same time.
        let same = |it: &Waiting| (it.number, it.done) == (one.number, one.done);
        let Some(at) = state.waiting.iter().position(same) else { return };
        let mut one = state.waiting.swap_remove(at);
        let wait = if is_done { AGAIN_AFTER.get(one.done) } else { Some(&TRIED_AGAIN_AFTER) };
        one.done += usize::from(is_done);
        if let Some(wait) = wait {
            one.due = now + *wait;
            state.waiting.push(one);
        }
    }
}

async fn raise(fixtures: &Fixtures, (tenant, layers): &Opening) -> Result<(), Failure> {
    let at = fixtures.clock.unix();
    for question in layers.questions(tenant, at) {
        let sums = fixtures.book.usage(question.query.clone()).await?;
        fixtures.purse.raise(tenant, at, question.openings(&sums)).await?;
    }
    Ok(())
}
