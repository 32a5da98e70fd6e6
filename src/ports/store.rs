//! What is told of a node's own folder, and of a store that nodes share: how long it takes, and how it
//! stands.

use super::meter::PrometheusMeter;
use behest_contract::clock::Clock;
use behest_contract::directory::Answer;
use behest_contract::ports::{Counter, Histogram, Meter};
use behest_contract::purse::{Ask, Decision, Demand, Opening, Purse, Refused, Settlement};
use behest_store::{Embedded, Redis};
use prometheus::IntGauge;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts on to a total that somebody else keeps.
pub(super) struct Following {
    counter: Arc<dyn Counter>,
    labels: &'static [&'static str],
    counted: AtomicU64,
}

impl Following {
    pub(super) fn new(counter: Arc<dyn Counter>) -> Self {
        Self::labelled(counter, &[])
    }

    fn labelled(counter: Arc<dyn Counter>, labels: &'static [&'static str]) -> Self {
        // So that it is told before anything has happened.
        counter.add(labels, 0);
        Self { counter, labels, counted: AtomicU64::new(0) }
    }

    pub(super) fn to(&self, total: u64) {
        let counted = self.counted.fetch_max(total, Ordering::Relaxed);
        self.counter.add(self.labels, total.saturating_sub(counted));
    }
}

/// This node's own folder, watched.
pub struct OwnStore {
    store: Embedded,
    journal: Following,
    database: Following,
    rows_lost: Following,
}

impl OwnStore {
    /// Watches this one.
    pub fn new(store: Embedded, meter: &dyn Meter) -> Self {
        let help = "How often this node's folder could not be written or read, by what of it.";
        let errors = meter.counter("behest_store_errors_total", help, &["part"]);
        let help =
            "Rows of the ledger that were given up, because the folder could not be written.";
        Self {
            store,
            journal: Following::labelled(errors.clone(), &["journal"]),
            database: Following::labelled(errors, &["database"]),
            rows_lost: Following::new(meter.counter("behest_store_rows_lost_total", help, &[])),
        }
    }

    /// Brings the metrics up to date.
    pub fn read(&self) {
        let tally = self.store.tally();
        self.journal.to(tally.journal_errors);
        self.database.to(tally.database_errors);
        self.rows_lost.to(tally.rows_lost);
    }
}

/// A Redis that is watched.
pub struct SharedStore {
    redis: Redis,
    up: IntGauge,
    alone: IntGauge,
    nodes: IntGauge,
    leases: IntGauge,
    backlog: IntGauge,
    outages: Following,
    given_up: Following,
}

impl SharedStore {
    /// Watches this one.
    pub fn new(redis: Redis, meter: &PrometheusMeter) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| Following::new(meter.counter(name, help, &[]));
        Ok(Self {
            up: meter.gauge("behest_store_up", "Whether Redis answers.")?,
            alone: meter.gauge(
                "behest_store_alone",
                "Whether request limits go by this node's share of them, because Redis is away.",
            )?,
            nodes: meter.gauge("behest_store_nodes", "Nodes that share this Redis and live.")?,
            leases: meter.gauge("behest_store_leases", "Reservations of this node.")?,
            backlog: meter
                .gauge("behest_store_backlog", "Settlements that Redis has not received yet.")?,
            outages: counter("behest_store_outages_total", "How often Redis was lost."),
            given_up: counter(
                "behest_store_given_up_total",
                "Settlements that Redis never received.",
            ),
            redis,
        })
    }

    /// Waits until Redis has heard of all that was closed so far.
    pub fn flush(&self) -> Answer<()> {
        self.redis.flush()
    }

    /// Brings the metrics up to date.
    pub fn read(&self) {
        let tally = self.redis.tally();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.up.set(tally.is_up.into());
        self.alone.set(tally.is_alone.into());
        self.nodes.set(number(tally.nodes));
        self.leases.set(number(tally.leases as u64));
        self.backlog.set(number(tally.backlog as u64));
        self.outages.to(tally.outages);
        self.given_up.to(tally.given_up);
    }
}

/// A purse whose admissions are timed.
pub struct TimedPurse {
    inner: Arc<dyn Purse>,
    seconds: Arc<dyn Histogram>,
    clock: Arc<dyn Clock>,
}

impl TimedPurse {
    /// The same purse, timed.
    pub fn new(inner: Arc<dyn Purse>, meter: &dyn Meter, clock: Arc<dyn Clock>) -> Self {
        let help = "How long the shared store takes, by operation.";
        let seconds = meter.histogram("behest_store_seconds", help, &["operation"]);
        Self { inner, seconds, clock }
    }
}

impl Purse for TimedPurse {
    fn admit(&self, ask: Ask) -> Decision {
        let since = self.clock.now();
        let waiting = match self.inner.admit(ask) {
            Decision::Wait(waiting) => waiting,
            // Nobody was asked.
            done @ Decision::Done(_) => return done,
        };
        let (seconds, clock) = (self.seconds.clone(), self.clock.clone());
        Decision::Wait(Box::pin(async move {
            let decided = waiting.await;
            let took = clock.now().saturating_duration_since(since);
            seconds.observe(&["admit"], took.as_secs_f64());
            decided
        }))
    }

    fn peek(&self, tenant: &str, subjects: &[Arc<str>], demands: &[Demand]) -> Result<(), Refused> {
        self.inner.peek(tenant, subjects, demands)
    }

    fn raise(&self, tenant: &str, at: Duration, openings: Vec<Opening>) -> Answer<()> {
        self.inner.raise(tenant, at, openings)
    }

    fn settle(&self, settlement: Settlement) {
        self.inner.settle(settlement);
    }
}
