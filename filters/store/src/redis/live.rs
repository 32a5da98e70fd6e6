//! The leases of this node that are open.

use super::names::{measure_letter, window_letter};
use behest_contract::book::Row;
use behest_contract::purse::{Ask, Known, Measure, Settlement, Window};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A counter: whose, of what, over which time, and when that began, in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Counter {
    pub(super) subject: Arc<str>,
    pub(super) measure: Measure,
    pub(super) window: Window,
    pub(super) begin: u64,
}

impl Counter {
    /// What it is called in Redis, behind what all of its tenant's keys begin with.
    pub(super) fn key(&self) -> String {
        let (measure, window) = (measure_letter(self.measure), window_letter(self.window));
        format!("c:{}:{measure}{window}:{}", self.subject, self.begin)
    }

    /// The counters of a request's demands by the windows of a time, and what is asked of each.
    pub(super) fn of(ask: &Ask, at: Duration) -> Vec<(Self, u64)> {
        let counter = |demand: &behest_contract::purse::Demand| {
            let subject = ask.subjects.get(usize::from(demand.subject))?.clone();
            let (measure, window) = (demand.measure, demand.window);
            Some((Self { subject, measure, window, begin: begin_of(window, at) }, demand.amount))
        };
        ask.demands.iter().filter_map(counter).collect()
    }
}

/// When the window of a time begins.
pub(super) fn begin_of(window: Window, at: Duration) -> u64 {
    window.around(at).map_or(0, |around| around.start.as_secs())
}

/// An open lease.
#[derive(Clone)]
pub(super) struct Lease {
    /// What this one admission is known by.
    pub(super) nonce: Box<str>,
    pub(super) taken: Vec<(Counter, u64)>,
    pub(super) sketch: Arc<Row>,
    pub(super) known: Arc<Known>,
    /// It was admitted without Redis, and its tokens and money are of what this node holds.
    pub(super) is_alone: bool,
}

impl Lease {
    pub(super) fn new(nonce: Box<str>, ask: &Ask, at: Duration, is_alone: bool) -> Self {
        Self {
            is_alone,
            nonce,
            taken: Counter::of(ask, at),
            sketch: ask.sketch.clone(),
            known: ask.known.clone(),
        }
    }

    /// The row to be booked if it is lost now, where more is known than was told at its admission.
    pub(super) fn progress(&self) -> Option<Row> {
        let is_news = self.known.tokens() > 0 || self.known.attempts() > 0;
        is_news.then(|| self.known.lost_row(&self.sketch))
    }

    /// Whether anybody but the store can still close it.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.known) > 1 || Arc::strong_count(&self.sketch) > 1
    }
}

struct Entry {
    lease: Lease,
    /// Since when nobody but the store has it.
    left_at: Option<Instant>,
}

/// Names a lease: its tenant and its id.
pub(super) type Name = (Arc<str>, Arc<str>);

/// All of them.
#[derive(Default)]
pub(super) struct Live(Mutex<State>);

#[derive(Default)]
struct State {
    leases: HashMap<Name, Entry>,
    /// Places in flight that they have taken, of each counter of a tenant.
    places: HashMap<(Arc<str>, Counter), u64>,
}

impl State {
    fn count(&mut self, tenant: &Arc<str>, lease: &Lease, add: impl Fn(u64, u64) -> u64) {
        let places = lease.taken.iter().filter(|(of, _)| of.measure == Measure::InFlight);
        for (counter, amount) in places {
            let key = (tenant.clone(), counter.clone());
            let held = add(self.places.get(&key).copied().unwrap_or(0), *amount);
            if held == 0 {
                self.places.remove(&key);
            } else {
                self.places.insert(key, held);
            }
        }
    }
}

impl Live {
    pub(super) fn insert(&self, name: Name, lease: Lease) {
        let mut state = self.0.lock();
        state.count(&name.0, &lease, u64::saturating_add);
        state.leases.insert(name, Entry { lease, left_at: None });
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.0.lock().leases.contains_key(name)
    }

    pub(super) fn remove(&self, settlement: &Settlement) -> Option<Lease> {
        let name = (settlement.tenant.clone(), settlement.id.clone());
        let mut state = self.0.lock();
        let lease = state.leases.remove(&name)?.lease;
        state.count(&name.0, &lease, u64::saturating_sub);
        Some(lease)
    }

    pub(super) fn find(&self, name: &Name) -> Option<Lease> {
        self.0.lock().leases.get(name).map(|entry| entry.lease.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().leases.len()
    }

    /// Those that nobody can close any more, since all who could have let go of them that long ago.
    pub(super) fn abandoned(&self, now: Instant, expiry: Duration) -> Vec<(Name, Lease)> {
        let mut left = Vec::new();
        for (name, entry) in &mut self.0.lock().leases {
            if entry.lease.is_held() {
                entry.left_at = None;
                continue;
            }
            let since = *entry.left_at.get_or_insert(now);
            if now.saturating_duration_since(since) >= expiry {
                left.push((name.clone(), entry.lease.clone()));
            }
        }
        left
    }

    /// The names of those of each tenant.
    pub(super) fn by_tenant(&self) -> HashMap<Arc<str>, Vec<Arc<str>>> {
        let mut tenants: HashMap<Arc<str>, Vec<_>> = HashMap::new();
        for (tenant, id) in self.0.lock().leases.keys() {
            tenants.entry(tenant.clone()).or_default().push(id.clone());
        }
        tenants
    }

    /// How many places of a counter they have taken.
    pub(super) fn places(&self, tenant: &Arc<str>, counter: &Counter) -> u64 {
        let key = (tenant.clone(), counter.clone());
        self.0.lock().places.get(&key).copied().unwrap_or(0)
    }
}
