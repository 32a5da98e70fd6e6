use crate::embedded::accounts::counters::Spent;
use crate::embedded::accounts::key::Keyer;
use crate::embedded::accounts::places::{Names, Places};
use behest_contract::clock::{Clock, ManualClock};
use behest_contract::purse::{Ask, Demand, Measure, Refused, Window};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod crowd;

const TIME: Duration = Duration::from_secs(1_750_000_000);
const EXPIRY: Duration = Duration::from_secs(60);

fn demand(subject: u8, measure: Measure, window: Window, limit: u64, amount: u64) -> Demand {
    Demand { subject, measure, window, limit, amount }
}

fn ask(id: &str, user: &str, demands: &[Demand]) -> Ask {
    Ask {
        id: id.into(),
        tenant: "t".into(),
        subjects: [Arc::from("p:p"), format!("u:p/{user}").into()].into_iter().collect(),
        demands: demands.iter().copied().collect(),
        sketch: Arc::default(),
        known: Arc::default(),
    }
}

struct Desk {
    places: Places,
    keyer: Keyer,
}

impl Desk {
    fn new() -> Self {
        Self { places: Places::new(), keyer: Keyer::new(&[3; 16]) }
    }

    fn names(&self, ask: &Ask) -> Names {
        Names::of(&self.keyer, &ask.tenant, &ask.id, &ask.subjects)
    }

    fn admit(&self, ask: &Ask) -> Result<Vec<u64>, Refused> {
        let admitted = self.places.admit(&self.names(ask), ask, TIME);
        admitted.map(|(granted, _)| granted.used.to_vec())
    }

    fn close(&self, id: &str, tokens: u64) -> bool {
        let lease = self.keyer.tenant("t").lease(id);
        let spent = Spent { tokens, micro_usd: 0, void: false };
        self.places.close(lease, &spent, TIME)
    }

    /// What a counter has come to: a limit that nothing fits in tells.
    fn used(&self, mut of: Demand) -> u64 {
        (of.limit, of.amount) = (0, 1);
        let ask = ask("count", "u", &[of]);
        match self.places.peek(&self.names(&ask), &[of], TIME) {
            Err(Refused::Full { used, .. }) => used,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn thirty_two_threads_hit_every_limit_exactly_and_take_all_or_nothing() {
    let desk = Desk::new();
    let tokens = demand(0, Measure::Tokens, Window::Day, 7_000, 7);
    let requests = demand(1, Measure::Requests, Window::Day, 900, 1);
    let money = demand(0, Measure::MicroUsd, Window::Month, 1 << 40, 3);
    let admitted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..32 {
            let (desk, admitted) = (&desk, &admitted);
            scope.spawn(move || {
                for n in 0..100 {
                    let ask = ask(&format!("{thread}-{n}"), "u", &[money, tokens, requests]);
                    admitted.fetch_add(u64::from(desk.admit(&ask).is_ok()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 900);
    assert_eq!((desk.used(tokens), desk.used(requests)), (6_300, 900));
    assert_eq!(desk.used(money), 2_700, "a refusal has taken nothing");
    assert_eq!(desk.places.leases(), 900);
}

#[test]
fn of_two_hundred_at_once_a_budget_for_twenty_admits_twenty() {
    for _ in 0..20 {
        let desk = Desk::new();
        let money = demand(0, Measure::MicroUsd, Window::Month, 2_000, 100);
        let ready = std::sync::Barrier::new(200);
        let admitted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for n in 0..200 {
                let (desk, ready, admitted) = (&desk, &ready, &admitted);
                scope.spawn(move || {
                    let ask = ask(&n.to_string(), "u", &[money]);
                    ready.wait();
                    admitted.fetch_add(u64::from(desk.admit(&ask).is_ok()), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(admitted.into_inner(), 20);
        assert_eq!(desk.used(money), 2_000);
    }
}

#[test]
fn two_demands_of_one_counter_are_added() {
    let desk = Desk::new();
    let twice = demand(0, Measure::Tokens, Window::Day, 10, 6);
    let refused = desk.admit(&ask("a", "u", &[twice, twice]));
    assert_eq!(refused, Err(Refused::Full { demand: 1, used: 6, at: TIME }));
    assert_eq!(desk.used(twice), 0);
    let fits = Demand { limit: 12, ..twice };
    assert_eq!(desk.admit(&ask("a", "u", &[fits, fits])), Ok(vec![6, 12]));
    assert!(desk.close("a", 5));
    assert_eq!(desk.used(twice), 10);
}

#[test]
fn a_name_that_is_open_is_not_opened_again() {
    let desk = Desk::new();
    let tokens = demand(0, Measure::Tokens, Window::Day, 100, 6);
    desk.admit(&ask("a", "u", &[tokens])).unwrap();
    assert!(matches!(desk.admit(&ask("a", "u", &[tokens])), Err(Refused::Unavailable(_))));
    assert!(desk.close("a", 4) && !desk.close("a", 4));
    assert_eq!(desk.admit(&ask("a", "u", &[tokens])), Ok(vec![10]));
}

#[test]
fn a_demand_of_nobody_is_refused() {
    let desk = Desk::new();
    let nobody = demand(9, Measure::Tokens, Window::Day, 100, 6);
    assert!(matches!(desk.admit(&ask("a", "u", &[nobody])), Err(Refused::Unavailable(_))));
}

#[test]
fn a_lease_that_all_have_let_go_of_is_lost_after_its_time() {
    let desk = Desk::new();
    let clock = ManualClock::at(0);
    let tokens = demand(0, Measure::Tokens, Window::Day, 100, 60);
    let held = ask("held", "u", &[tokens]);
    let left = ask("left", "u", &[Demand { amount: 30, ..tokens }]);
    desk.admit(&held).unwrap();
    desk.admit(&left).unwrap();
    left.known.note_tokens(12);
    let review = || desk.places.review(clock.now(), TIME, EXPIRY);
    assert_eq!(review().progress.len(), 1);
    drop(left);
    let found = review();
    assert!(found.lost.is_empty() && found.progress.is_empty());
    clock.advance(EXPIRY - Duration::from_secs(1));
    assert!(review().lost.is_empty());
    clock.advance(Duration::from_secs(1));
    let lost = review().lost;
    let (_, row) = &lost[0];
    assert_eq!((lost.len(), row.prompt_tokens + row.completion_tokens), (1, 12));
    assert_eq!(desk.used(tokens), 72);
    assert!(!desk.close("left", 99));
    assert!(desk.close("held", 1));
    assert_eq!(desk.used(tokens), 13);
}

#[test]
fn tenants_whose_names_are_alike_share_nothing() {
    let desk = Desk::new();
    let tokens = demand(0, Measure::Tokens, Window::Day, 10, 10);
    for tenant in 0..100 {
        let mut ask = ask("a", "u", &[tokens]);
        ask.tenant = format!("tenant-{tenant}").into();
        assert_eq!(desk.admit(&ask), Ok(vec![10]), "{tenant}");
    }
    assert_eq!(desk.places.subjects(), 100);
}
