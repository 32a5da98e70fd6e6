//! What is known of counters without asking: as they were last seen, and this node's share of a limit
//! while Redis is away.

use super::holds::Holds;
use super::live::{Counter, Lease, Live};
use behest_contract::purse::{Ask, Demand, Granted, Measure, Refused, Window};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// For so long it is believed that a counter is full.
const FULL_FOR: Duration = Duration::from_secs(1);

/// More counters are not remembered; those of windows that are over go first.
const SEEN_MAX: usize = 200_000;

#[derive(Debug, Clone, Copy)]
struct Seen {
    used: u64,
    at: Instant,
    /// Admitted by this node since Redis is away.
    alone: u64,
}

type Key = (Arc<str>, Counter);

/// Counters as they were last seen.
pub(super) struct Share {
    seen: Mutex<HashMap<Key, Seen>>,
    /// Nodes that lived when they were last counted.
    nodes: AtomicU64,
    is_alone: AtomicBool,
}

impl Share {
    pub(super) fn new() -> Self {
        Self { seen: Mutex::default(), nodes: AtomicU64::new(1), is_alone: AtomicBool::new(false) }
    }

    pub(super) fn set_nodes(&self, nodes: u64) {
        self.nodes.store(nodes.max(1), Ordering::Relaxed);
    }

    pub(super) fn nodes(&self) -> u64 {
        self.nodes.load(Ordering::Relaxed)
    }

    /// Redis has said what a counter has come to. Only counts of requests are of use without it.
    pub(super) fn saw(&self, tenant: &Arc<str>, counter: &Counter, used: u64, now: Instant) {
        if counter.measure != Measure::Requests {
            return;
        }
        let mut seen = self.seen.lock();
        if seen.len() >= SEEN_MAX {
            seen.retain(|(_, kept), _| {
                kept.begin >= counter.begin || kept.window != counter.window
            });
            if seen.len() >= SEEN_MAX {
                seen.clear();
            }
        }
        let fresh = Seen { used, at: now, alone: 0 };
        let known = seen.entry((tenant.clone(), counter.clone())).or_insert(fresh);
        (known.used, known.at) = (used, now);
    }

    /// Redis is told of all that was counted alone.
    pub(super) fn is_told(&self) {
        if self.is_alone.swap(false, Ordering::Relaxed) {
            self.seen.lock().values_mut().for_each(|seen| seen.alone = 0);
        }
    }

    /// Whether this node has admitted by its share, and Redis is not told of it yet.
    pub(super) fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// The first demand for requests whose counter was full a moment ago.
    pub(super) fn peek(
        &self,
        tenant: &Arc<str>,
        counters: &[(Counter, Demand)],
        now: Instant,
        at: Duration,
    ) -> Result<(), Refused> {
        let seen = self.seen.lock();
        for (index, (counter, demand)) in counters.iter().enumerate() {
            let Some(known) = seen.get(&(tenant.clone(), counter.clone())) else { continue };
            let is_fresh = now.saturating_duration_since(known.at) <= FULL_FOR;
            if is_fresh && known.used.saturating_add(demand.amount.max(1)) > demand.limit {
                return Err(Refused::Full { demand: index, used: known.used, at });
            }
        }
        Ok(())
    }

    /// Admits by this node's share of what is left, and tokens and money by what it holds. `None` if it
    /// does not hold as much.
    ///
    /// The share of a counter of requests is what was left of it when Redis was last heard, divided by
    /// the nodes; of places in flight, the limit divided by the nodes, of which what this node holds is
    /// taken. One at least, where anything was left.
    pub(super) fn admit(
        &self,
        ask: &Ask,
        nonce: &str,
        (live, holds): (&Live, &Holds),
        (at, now, hold_expiry): (Duration, Instant, Duration),
    ) -> Option<Result<Granted, Refused>> {
        let counters = Counter::of(ask, at);
        // Held until the lease is open: of two at once, the second sees the first.
        let mut seen = self.seen.lock();
        let mut used: SmallVec<[u64; 8]> = SmallVec::new();
        for (index, ((counter, amount), demand)) in counters.iter().zip(&ask.demands).enumerate() {
            let key = (ask.tenant.clone(), counter.clone());
            let (base, mine) = match demand.measure {
                Measure::Requests => {
                    seen.get(&key).map_or((0, 0), |known| (known.used, known.alone))
                }
                Measure::InFlight => (0, live.places(&ask.tenant, counter)),
                Measure::Tokens | Measure::MicroUsd => {
                    used.push(0);
                    continue;
                }
            };
            let left = demand.limit.saturating_sub(base);
            let share = if left == 0 { 0 } else { (left / self.nodes()).max(1) };
            if mine.saturating_add((*amount).max(1)) > share {
                let used = base.saturating_add(mine);
                return Some(Err(Refused::Full { demand: index, used, at }));
            }
            used.push(base.saturating_add(mine).saturating_add(*amount));
        }
        let held = holds.reserve(&ask.tenant, &counters, (now, hold_expiry))?;
        let kept = counters.iter().zip(&mut used).filter(|((counter, _), _)| {
            matches!(counter.measure, Measure::Tokens | Measure::MicroUsd)
        });
        kept.zip(held).for_each(|((_, used), held)| *used = held);
        for (counter, amount) in counters {
            if counter.measure == Measure::Requests {
                let key = (ask.tenant.clone(), counter);
                let fresh = Seen { used: 0, at: now, alone: 0 };
                let known = seen.entry(key).or_insert(fresh);
                known.alone = known.alone.saturating_add(amount);
            }
        }
        self.is_alone.store(true, Ordering::Relaxed);
        live.insert((ask.tenant.clone(), ask.id.clone()), Lease::new(nonce.into(), ask, at, true));
        Some(Ok(Granted { used, at }))
    }
}

/// The counters that a peek asks for.
pub(super) fn peeked(
    subjects: &[Arc<str>],
    demands: &[Demand],
    begin_of: impl Fn(Window) -> u64,
) -> Option<Vec<(Counter, Demand)>> {
    let counter = |demand: &Demand| {
        let subject = subjects.get(usize::from(demand.subject))?.clone();
        let (measure, window) = (demand.measure, demand.window);
        Some((Counter { subject, measure, window, begin: begin_of(window) }, *demand))
    };
    demands.iter().map(counter).collect()
}
