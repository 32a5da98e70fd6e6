//! What an admission costs: `cargo bench -p behest-store --bench admission`.
//!
//! Ten demands on three subjects, as a request with every layer asks for; a user of its own each time or
//! always the same; the journal on the disk of the folder for temporary files.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it measures and prints")]

use behest_contract::book::{Book, Row, RowQuery};
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::purse::{Ask, Demand, Measure, Purse, Settlement, Window};
use behest_contract::testing::block_on;
use behest_store::{Embedded, EmbeddedConfig};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ROUNDS: u32 = 200_000;
const MANY: u64 = 1_000_000;

type Layer = (u8, Measure, Window);

/// Every layer of a request.
const LAYERS: [Layer; 10] = [
    (0, Measure::Requests, Window::Minute),
    (0, Measure::InFlight, Window::Life),
    (1, Measure::Requests, Window::Minute),
    (1, Measure::Requests, Window::Day),
    (1, Measure::InFlight, Window::Life),
    (1, Measure::Tokens, Window::Minute),
    (1, Measure::Tokens, Window::Day),
    (0, Measure::Tokens, Window::Day),
    (0, Measure::MicroUsd, Window::Month),
    (2, Measure::Tokens, Window::Life),
];

/// Those that are asked for where nothing is configured.
const DEFAULT_LAYERS: [Layer; 4] = [
    (0, Measure::Requests, Window::Minute),
    (1, Measure::Requests, Window::Minute),
    (1, Measure::Requests, Window::Day),
    (1, Measure::Tokens, Window::Day),
];

fn demands(layers: &[Layer], limit: u64) -> impl Iterator<Item = Demand> {
    let demand = move |(subject, measure, window): &Layer| Demand {
        subject: *subject,
        measure: *measure,
        window: *window,
        limit,
        amount: 1,
    };
    layers.iter().map(demand)
}

fn row(id: &Arc<str>) -> Row {
    Row {
        id: id.clone(),
        at_ms: 1_750_000_000_000,
        tenant: "acme".into(),
        project: "demo".into(),
        user: Some("ann@example.org".into()),
        session: Some("default".into()),
        key: "k_0123456789abcdef".into(),
        model: "large".into(),
        provider: "primary".into(),
        ending: "completed".into(),
        prompt_tokens: 1200,
        completion_tokens: 300,
        micro_usd: Some(6000),
        status: 200,
        attempts: 1,
        ..Row::default()
    }
}

fn ask(id: u64, user: u64, limit: u64) -> Ask {
    let id: Arc<str> = format!("01890a5d-ac96-774b-bcce-{id:012x}").into();
    Ask {
        tenant: "acme".into(),
        subjects: [
            "p:demo".into(),
            format!("u:demo/user-{user}").into(),
            format!("s:demo/user-{user}/default").into(),
        ]
        .into_iter()
        .collect(),
        demands: demands(&LAYERS, limit).collect(),
        sketch: Arc::new(row(&id)),
        id,
        known: Arc::default(),
    }
}

fn admit(store: &Embedded, ask: Ask) -> bool {
    block_on(store.admit(ask).settled()).is_ok()
}

fn settlement(ask: &Ask) -> Settlement {
    Settlement {
        id: ask.id.clone(),
        tenant: ask.tenant.clone(),
        tokens: 1500,
        micro_usd: 6000,
        void: false,
    }
}

/// Mean, and what half and nearly all of the rounds took at most.
fn report(name: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| {
        let place = (took.len() as f64 * share) as usize;
        took.get(place.min(took.len() - 1)).unwrap().as_nanos()
    };
    let mean = took.iter().sum::<Duration>().as_nanos() / took.len() as u128;
    println!("{name:<44} mean {mean:>6} ns   p50 {:>6}   p99 {:>6}", at(0.5), at(0.99));
}

fn measure(name: &str, store: &Embedded, users: u64, what: impl Fn(&Embedded, Ask, Row)) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut took = Vec::new();
    for n in 0..ROUNDS {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let ask = ask(id, u64::from(n) % users, u64::MAX);
        let row = row(&ask.id);
        let begun = SystemClock.now();
        what(store, ask, row);
        took.push(SystemClock.now() - begun);
    }
    report(name, took);
}

/// Brings all that is in the journal into the database.
fn fold(store: &Embedded) {
    let begun = SystemClock.now();
    let query = RowQuery {
        tenant: None,
        project: None,
        user: None,
        time: Duration::ZERO..Duration::MAX,
        after: None,
        limit: 0,
    };
    block_on(store.rows(query)).unwrap();
    let each = ((SystemClock.now() - begun) / ROUNDS).as_nanos();
    println!("{:<44} mean {each:>6} ns", "  its fold, behind the scenes");
}

/// How much a million users take.
fn memory(layers: &[Layer]) -> (tempfile::TempDir, Embedded) {
    let (folder, store) = open("memory");
    let before = resident_kib();
    for user in 0..MANY {
        let mut ask = ask(user, user, u64::MAX);
        ask.demands = demands(layers, u64::MAX).collect();
        let end = settlement(&ask);
        assert!(admit(&store, ask));
        store.settle(end);
    }
    let grown = resident_kib() - before;
    println!(
        "{MANY} users, {} layers: {} MiB, {} bytes per user; {} subjects",
        layers.len(),
        grown >> 10,
        grown * 1024 / MANY,
        store.tally().subjects
    );
    (folder, store)
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn open(name: &str) -> (tempfile::TempDir, Embedded) {
    let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
    // The journal is folded when this asks, so that one thing is measured at a time.
    let fold_interval = Duration::from_secs(3600);
    let config = EmbeddedConfig { fold_interval, ..EmbeddedConfig::default() };
    let store = Embedded::open(folder.path(), &config).unwrap();
    (folder, store)
}

fn main() {
    let (folder, store) = open("bench");
    for users in [1, MANY] {
        measure(&format!("peek, 10 demands, {users} users"), &store, users, |store, ask, _| {
            black_box(store.peek(&ask.tenant, &ask.subjects, &ask.demands)).unwrap();
        });
    }
    // A full last layer refuses: all the counting, and no write.
    measure("admission refused by the last of 10", &store, MANY, |store, mut ask, _| {
        if let Some(last) = ask.demands.last_mut() {
            last.limit = 0;
        }
        assert!(!admit(store, ask));
    });
    for users in [1, MANY] {
        let name = format!("admit + close with its row, {users} users");
        measure(&name, &store, users, |store, ask, row| {
            let end = settlement(&ask);
            assert!(admit(store, ask));
            store.close(Some(end), Some(row));
        });
        fold(&store);
    }
    drop(store);
    let begun = SystemClock.now();
    let store = Embedded::open(folder.path(), &EmbeddedConfig::default()).unwrap();
    let took = SystemClock.now() - begun;
    println!("opened with {} subjects in {} ms", store.tally().subjects, took.as_millis());
    let kept = [memory(&DEFAULT_LAYERS), memory(&LAYERS)];
    drop(kept);
}
