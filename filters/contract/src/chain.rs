//! Filters in a row.
//!
//! On the way in they are visited in order, on the way out and at the close in reverse. A filter that
//! reads a fact which no earlier one states is an error when the chain is built.

use crate::clock::Clock;
use crate::delta::Delta;
use crate::denial::{Denial, Verdict};
use crate::facts::{FactKey, Facts};
use crate::filter::{Commit, Filter, Hears, Visit};
use crate::outcome::Outcome;
use crate::prompt::Prompt;
use http::HeaderMap;
use pingora_http::RequestHeader;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A filter reads what nobody has stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderError {
    /// The filter's name.
    pub filter: &'static str,
    /// The fact's name.
    pub fact: &'static str,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter `{}` reads {}, which nobody states before it", self.filter, self.fact)
    }
}

impl std::error::Error for OrderError {}

/// Filters in the order of their visits.
pub struct Chain {
    filters: Vec<Arc<dyn Filter>>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.filters.iter().map(|filter| filter.name())).finish()
    }
}

impl Chain {
    /// A chain, given the facts that are stated before its first filter.
    pub fn new(
        filters: Vec<Arc<dyn Filter>>,
        given: &[FactKey],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OrderError> {
        let mut stated = given.to_vec();
        for filter in &filters {
            require(filter.as_ref(), &filter.reads(), &stated)?;
            stated.extend(filter.states());
        }
        for filter in &filters {
            require(filter.as_ref(), &filter.reads_at_close(), &stated)?;
        }
        Ok(Self { filters, clock })
    }

    /// The filters' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.filters.iter().map(|filter| filter.name())
    }

    /// Begins a request's visits.
    pub fn enter(&self) -> Visits {
        let rooms = self.filters.iter().map(|filter| Room {
            name: filter.name(),
            hears: filter.hears(),
            visit: filter.enter(),
            spent: Duration::ZERO,
        });
        Visits { rooms: rooms.collect(), clock: self.clock.clone(), spare: Vec::new() }
    }
}

fn require(filter: &dyn Filter, wanted: &[FactKey], stated: &[FactKey]) -> Result<(), OrderError> {
    match wanted.iter().find(|key| !stated.contains(key)) {
        Some(missing) => Err(OrderError { filter: filter.name(), fact: missing.name() }),
        None => Ok(()),
    }
}

struct Room {
    name: &'static str,
    hears: Hears,
    visit: Box<dyn Visit>,
    spent: Duration,
}

/// One request's visits to all filters.
pub struct Visits {
    rooms: SmallVec<[Room; 6]>,
    clock: Arc<dyn Clock>,
    spare: Vec<Delta>,
}

impl Visits {
    /// Visits the rooms with the head, until one refuses.
    pub async fn head(&mut self, head: &mut RequestHeader, facts: &mut Facts) -> Verdict {
        let mut from = self.clock.now();
        for room in &mut self.rooms {
            let verdict = room.visit.head(head, facts).verdict().await;
            from = room.clocked(from, self.clock.now());
            verdict?;
        }
        Ok(())
    }

    /// Visits the rooms with the prompt, until one refuses.
    pub async fn prompt(&mut self, prompt: &mut Prompt, facts: &mut Facts) -> Verdict {
        let mut from = self.clock.now();
        for room in &mut self.rooms {
            let verdict = room.visit.prompt(prompt, facts).verdict().await;
            from = room.clocked(from, self.clock.now());
            verdict?;
        }
        Ok(())
    }

    /// Visits the rooms in reverse with the answer's headers.
    pub fn reply(&mut self, headers: &mut HeaderMap, facts: &Facts) {
        for room in self.rooms.iter_mut().rev() {
            room.visit.reply(headers, facts);
        }
    }

    /// What of an answer any room listens to.
    pub fn hear(&self) -> Hears {
        self.rooms.iter().map(|room| room.hears).max().unwrap_or_default()
    }

    /// Leads pieces of an answer through the rooms in reverse; `deltas` then holds what came out.
    pub fn deltas(&mut self, deltas: &mut Vec<Delta>) {
        for room in self.rooms.iter_mut().rev() {
            if room.hears == Hears::Nothing {
                continue;
            }
            for delta in deltas.drain(..) {
                if room.hears == Hears::Usage && matches!(delta, Delta::Text(_)) {
                    self.spare.push(delta);
                } else {
                    room.visit.delta(delta, &mut self.spare);
                }
            }
            std::mem::swap(deltas, &mut self.spare);
        }
    }

    /// Why the answer must end here, if a room says so.
    pub fn broken(&mut self) -> Option<Box<Denial>> {
        self.rooms.iter_mut().rev().find_map(|room| room.visit.broken())
    }

    /// What must be done before the last event may leave, in reverse order.
    pub fn commits(&mut self) -> SmallVec<[Commit; 1]> {
        self.rooms.iter_mut().rev().filter_map(|room| room.visit.commit()).collect()
    }

    /// Tells the rooms, in reverse, how it ended. Call it once.
    pub fn close(&mut self, outcome: &Outcome, facts: &Facts) {
        for room in self.rooms.iter_mut().rev() {
            room.visit.close(outcome, facts);
        }
    }

    /// How long each room took on the way in, its waits included.
    pub fn spent(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.rooms.iter().map(|room| (room.name, room.spent))
    }
}

impl Room {
    fn clocked(&mut self, from: Instant, now: Instant) -> Instant {
        self.spent += now.saturating_duration_since(from);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::{Chain, OrderError};
    use crate::clock::SystemClock;
    use crate::facts::{Endpoint, FactKey, RequestId};
    use crate::filter::{Filter, Visit};
    use std::sync::Arc;

    struct Room(&'static str, Vec<FactKey>, Vec<FactKey>);
    struct Nothing;

    impl Visit for Nothing {}

    impl Filter for Room {
        fn name(&self) -> &'static str {
            self.0
        }
        fn reads(&self) -> Vec<FactKey> {
            self.1.clone()
        }
        fn states(&self) -> Vec<FactKey> {
            self.2.clone()
        }
        fn enter(&self) -> Box<dyn Visit> {
            Box::new(Nothing)
        }
    }

    #[test]
    fn a_fact_is_stated_before_it_is_read() {
        let states = || Arc::new(Room("first", vec![], vec![FactKey::of::<RequestId>()]));
        let reads = || Arc::new(Room("second", vec![FactKey::of::<RequestId>()], vec![]));
        let build = |rooms: Vec<Arc<dyn Filter>>, given: &[FactKey]| {
            Chain::new(rooms, given, Arc::new(SystemClock)).map(drop)
        };
        assert_eq!(build(vec![states(), reads()], &[]), Ok(()));
        let wrong = OrderError { filter: "second", fact: "RequestId" };
        assert_eq!(build(vec![reads(), states()], &[]), Err(wrong.clone()));
        assert_eq!(build(vec![reads()], &[FactKey::of::<Endpoint>()]), Err(wrong));
        assert_eq!(build(vec![reads()], &[FactKey::of::<RequestId>()]), Ok(()));
    }
}
