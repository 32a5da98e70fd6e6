//! The Redis engine, with real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, goes by the clock on the wall, and has threads of its own"
)]

mod admission;
mod deployments;
mod directory;
mod events;
mod holds;
mod leases;
mod outages;
mod server;
mod suites;

use behest_contract::book::Row;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::purse::{Ask, Demand, Granted, Measure, Purse, Refused, Settlement, Window};
use behest_store::{Embedded, EmbeddedConfig, Redis, RedisConfig, RedisMode};
use futures::executor::block_on;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An engine with a ledger of its own.
struct Node {
    redis: Redis,
    folder: TempDir,
}

impl Node {
    /// Redis is there, and knows of all that this node has done.
    fn is_current(&self) -> bool {
        let tally = self.tally();
        tally.is_up && tally.backlog == 0 && !tally.is_alone
    }
}

impl Deref for Node {
    type Target = Redis;

    fn deref(&self) -> &Redis {
        &self.redis
    }
}

/// Numbers for a slow and busy machine: nothing here may depend on who is quick.
fn config(url: &str) -> RedisConfig {
    RedisConfig {
        command_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(2),
        probe_interval: Duration::from_millis(50),
        ..RedisConfig::new(url, RedisMode::Single)
    }
}

fn open(config: &RedisConfig) -> Node {
    open_in(tempfile::tempdir().unwrap(), config)
}

fn open_in(folder: TempDir, config: &RedisConfig) -> Node {
    let ledger = Embedded::open(folder.path().join("data"), &EmbeddedConfig::default()).unwrap();
    let redis = Redis::open(config, Arc::new(ledger)).unwrap();
    until("the engine is connected", || redis.is_up());
    Node { redis, folder }
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(30), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn demand(measure: Measure, window: Window, limit: u64, amount: u64) -> Demand {
    Demand { subject: 0, measure, window, limit, amount }
}

fn requests(limit: u64) -> Demand {
    demand(Measure::Requests, Window::Day, limit, 1)
}

fn tokens(limit: u64, amount: u64) -> Demand {
    demand(Measure::Tokens, Window::Day, limit, amount)
}

fn in_flight(limit: u64) -> Demand {
    demand(Measure::InFlight, Window::Life, limit, 1)
}

/// A row of now.
fn row(id: &str) -> Row {
    let at_ms = u64::try_from(SystemClock.unix().as_millis()).unwrap();
    Row { at_ms, ..behest_store::book_suite::row(id, 0) }
}

fn ask_of(tenant: &str, id: &str, demands: &[Demand]) -> Ask {
    Ask {
        id: id.into(),
        tenant: tenant.into(),
        subjects: [Arc::from("p:p")].into_iter().collect(),
        demands: demands.iter().copied().collect(),
        sketch: Arc::new(Row { tenant: tenant.into(), ..row(id) }),
        known: Arc::default(),
    }
}

fn ask(id: &str, demands: &[Demand]) -> Ask {
    ask_of("t", id, demands)
}

fn admit(on: &Redis, ask: &Ask) -> Result<Granted, Refused> {
    block_on(on.admit(ask.clone()).settled())
}

fn settlement(ask: &Ask, tokens: u64) -> Settlement {
    let (id, tenant) = (ask.id.clone(), ask.tenant.clone());
    Settlement { id, tenant, tokens, micro_usd: 0, void: false }
}

/// What a counter has come to: asked for nothing, and that nothing given back.
fn count(on: &Redis, of: Demand) -> u64 {
    static COUNTS: AtomicU32 = AtomicU32::new(0);
    let id = format!("count {}", COUNTS.fetch_add(1, Ordering::Relaxed));
    let asks = ask(&id, &[Demand { limit: 1 << 50, amount: 0, ..of }]);
    let used = admit(on, &asks).unwrap().used[0];
    on.settle(Settlement { void: true, ..settlement(&asks, 0) });
    used
}
