//! How long an admission takes, with every layer configured and counts in memory.
//!
//! `cargo bench -p behest-quota`. The bound to keep: 3 microseconds for the admission of all layers.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and fails by panicking"
)]

use behest_contract::clock::{Clock, SystemClock};
use behest_contract::delta::Usage;
use behest_contract::money::MicroUsd;
use behest_contract::price::Price;
use behest_contract::purse::{MemoryPurse, Purse};
use behest_contract::testing::block_on;
use behest_quota::{
    Budgets, ModelTerms, Output, Party, ProjectLimits, ProjectPolicy, PromptSize, QuotaConfig,
    SessionLimits, UserLimits, Want,
};
use std::hint::black_box;
use std::sync::Arc;

const ROUNDS: u32 = 200_000;
const REPEATS: u32 = 5;

fn config() -> QuotaConfig {
    let most = Some(1 << 50);
    let price = Price::new(MicroUsd::new(2_500_000), MicroUsd::new(10_000_000));
    let policy = ProjectPolicy {
        project: ProjectLimits {
            requests_per_minute: most,
            user_requests_per_minute: most,
            max_in_flight: most,
            tokens_per_day: most,
            tokens_per_month: most,
            micro_usd_per_day: most,
            micro_usd_per_month: most,
        },
        user: UserLimits {
            requests_per_day: most,
            tokens_per_minute: most,
            tokens_per_day: most,
            tokens_per_month: most,
            micro_usd_per_day: most,
            micro_usd_per_month: most,
            max_in_flight: most,
        },
        session: SessionLimits { tokens: most, micro_usd: most },
        ..ProjectPolicy::default()
    };
    let terms = ModelTerms { price: Some(price), ..ModelTerms::default() };
    QuotaConfig {
        projects: [("demo".into(), policy)].into(),
        models: [("m".into(), terms)].into(),
        ..QuotaConfig::default()
    }
}

/// The best of several runs, in nanoseconds a round.
fn measure(name: &str, mut round: impl FnMut(u32)) {
    let clock = SystemClock;
    let mut best = u128::MAX;
    for repeat in 0..REPEATS {
        let from = clock.now();
        for n in 0..ROUNDS {
            round(repeat * ROUNDS + n);
        }
        best = best.min(clock.now().duration_since(from).as_nanos() / u128::from(ROUNDS));
    }
    println!("{name:<44} {best:>6} ns");
}

fn main() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let purse: Arc<dyn Purse> = Arc::new(MemoryPurse::new(clock.clone()));
    let budgets = Budgets::new(config(), purse, clock);
    let (tenant, project, key, model) =
        (Arc::from("acme"), Arc::from("demo"), Arc::from("k"), Arc::from("m"));
    let party = |user| Party {
        tenant: &tenant,
        project: &project,
        user,
        tier: None,
        session: "default",
        key: &key,
    };
    let ids: Vec<Arc<str>> = (0..REPEATS * ROUNDS).map(|n| format!("request {n}").into()).collect();
    let want = |n: u32| Want {
        id: ids.get(n as usize).unwrap(),
        model: Some(&model),
        prompt: PromptSize { bytes: 1_000, ..PromptSize::default() },
        output: Output::Open { choices: 1 },
    };
    let usage = Some(Usage { prompt_tokens: 250, completion_tokens: 80, ..Usage::default() });

    measure("peek at 16 layers", |_| budgets.peek(black_box(&party(Some("ann")))).unwrap());
    measure("admit 16 layers and settle them", |n| {
        let lease = block_on(budgets.admit(black_box(&party(Some("ann"))), &want(n))).unwrap();
        budgets.settle(&lease, usage);
    });
    measure("admit a project's layers and settle them", |n| {
        let lease = block_on(budgets.admit(black_box(&party(None)), &want(n))).unwrap();
        budgets.settle(&lease, usage);
    });
}
