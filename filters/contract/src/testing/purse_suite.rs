//! The behaviour that every [`Purse`] must show: one check for each promise of the port.
//!
//! [`run`] makes all of them. An engine whose leases outlive the process, or which counts over nodes,
//! has more to show than these.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a check fails by panicking"
)]

use super::block_on;
use crate::clock::ManualClock;
use crate::purse::{Ask, Demand, Granted, Measure, Opening, Purse, Refused, Settlement, Window};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// 2025-06-15 15:06:40 UTC: twenty seconds before a minute's end.
pub const START: u64 = 1_750_000_000;

/// A purse under examination, and the clock that it goes by.
struct Desk {
    purse: Arc<dyn Purse>,
    clock: ManualClock,
}

/// A check and its name.
type Check = (&'static str, fn(&Desk));

/// Makes all checks, each on a new purse.
pub fn run<P: Purse + 'static>(make: impl Fn(ManualClock) -> Arc<P>) {
    let checks: &[Check] = &[
        ("all_or_nothing", all_or_nothing),
        ("the_first_full_demand_is_named", the_first_full_demand_is_named),
        ("windows_are_the_calendars", windows_are_the_calendars),
        ("settling_books_what_was_used", settling_books_what_was_used),
        ("more_than_was_reserved_is_booked_whole", more_than_was_reserved_is_booked_whole),
        ("a_void_lease_takes_everything_back", a_void_lease_takes_everything_back),
        ("settling_twice_is_settling_once", settling_twice_is_settling_once),
        ("an_unknown_lease_is_nothing", an_unknown_lease_is_nothing),
        ("places_in_flight_are_given_back", places_in_flight_are_given_back),
        ("a_settlement_belongs_to_the_window_of_its_admission", late_settlements),
        ("to_ask_for_nothing_is_to_ask_whether_it_is_full", nothing_is_a_question),
        ("what_was_used_before_is_set_and_not_added", raises_are_set),
        ("a_peek_takes_nothing", a_peek_takes_nothing),
        ("subjects_and_tenants_are_told_apart", subjects_and_tenants_are_told_apart),
        ("the_largest_numbers_do_no_harm", the_largest_numbers_do_no_harm),
        ("of_many_at_once_exactly_the_limit_is_admitted", many_at_once),
    ];
    for (name, check) in checks {
        announce(name);
        let clock = ManualClock::at(START);
        check(&Desk { purse: make(clock.clone()), clock });
    }
}

/// Says which check it is that may fail now; a test's output is shown only if it does.
#[expect(clippy::print_stderr, reason = "it is a test's output")]
fn announce(name: &str) {
    eprintln!("check: {name}");
}

fn demand(subject: u8, measure: Measure, window: Window, limit: u64, amount: u64) -> Demand {
    Demand { subject, measure, window, limit, amount }
}

fn requests(limit: u64) -> Demand {
    demand(0, Measure::Requests, Window::Minute, limit, 1)
}

fn tokens(limit: u64, amount: u64) -> Demand {
    demand(1, Measure::Tokens, Window::Day, limit, amount)
}

fn full(demand: usize, used: u64) -> Refused {
    Refused::Full { demand, used, at: Duration::from_secs(START) }
}

impl Desk {
    fn ask_of(&self, tenant: &str, subject: &str, id: &str, demands: &[Demand]) -> Ask {
        Ask {
            id: id.into(),
            tenant: tenant.into(),
            subjects: [subject, "u:p/u", "s:p/u/s"].map(Arc::from).into(),
            demands: demands.iter().copied().collect(),
            sketch: Arc::default(),
            known: Arc::default(),
        }
    }

    fn admit(&self, id: &str, demands: &[Demand]) -> Result<Granted, Refused> {
        block_on(self.purse.admit(self.ask_of("t", "p:p", id, demands)).settled())
    }

    fn used(&self, id: &str, demands: &[Demand]) -> Vec<u64> {
        self.admit(id, demands).unwrap().used.to_vec()
    }

    fn settle(&self, id: &str, tokens: u64, micro_usd: u64, void: bool) {
        self.purse.settle(Settlement {
            id: id.into(),
            tenant: "t".into(),
            tokens,
            micro_usd,
            void,
        });
    }

    /// What a counter has come to: asked for nothing, and that nothing given back.
    fn count(&self, mut of: Demand) -> u64 {
        of.limit = 1 << 53;
        of.amount = 0;
        let used = self.used("count", &[of])[0];
        self.settle("count", 0, 0, true);
        used
    }
}

fn raises_are_set(desk: &Desk) {
    let day = demand(0, Measure::Tokens, Window::Day, 100, 10);
    let month = demand(0, Measure::MicroUsd, Window::Month, 100, 10);
    let raise = |tokens: u64, micro_usd: u64| {
        let to =
            |measure, window, amount| Opening { subject: "p:p".into(), measure, window, amount };
        let both = vec![
            to(Measure::Tokens, Window::Day, tokens),
            to(Measure::MicroUsd, Window::Month, micro_usd),
        ];
        block_on(desk.purse.raise("t", Duration::from_secs(START), both)).unwrap();
    };
    raise(50, 60);
    raise(50, 60);
    assert_eq!(desk.used("a", &[day, month]), [60, 70]);
    desk.settle("a", 4, 5, false);
    // Less than there is changes nothing, more is what there is.
    for (tokens, micro_usd, counts) in [(54, 60, [54, 65]), (50, 70, [54, 70]), (95, 1, [95, 70])] {
        raise(tokens, micro_usd);
        assert_eq!([desk.count(day), desk.count(month)], counts);
    }
    assert_eq!(desk.admit("b", &[day]), Err(full(0, 95)));
    // It belongs to its window, its tenant and its subject.
    let other = desk.ask_of("t2", "p:p", "c", &[day]);
    assert_eq!(block_on(desk.purse.admit(other).settled()).unwrap().used.to_vec(), [10]);
    desk.clock.advance(Duration::from_secs(86_400));
    assert_eq!([desk.count(day), desk.count(month)], [0, 70]);
}

fn all_or_nothing(desk: &Desk) {
    let asked = [requests(9), demand(0, Measure::InFlight, Window::Life, 9, 1), tokens(10, 6)];
    let granted = desk.admit("a", &asked).unwrap();
    assert_eq!(granted.used.to_vec(), [1, 1, 6]);
    assert_eq!(granted.at, Duration::from_secs(START));
    assert_eq!(desk.admit("b", &asked), Err(full(2, 6)));
    for (demand, used) in asked.iter().zip([1, 1, 6]) {
        assert_eq!(desk.count(*demand), used);
    }
    // What was refused is no lease: its name is free, and settling it is nothing.
    desk.settle("b", 9, 9, false);
    assert_eq!(desk.count(tokens(0, 0)), 6);
    assert_eq!(desk.used("b", &[tokens(10, 4)]), [10]);
}

fn the_first_full_demand_is_named(desk: &Desk) {
    desk.admit("a", &[requests(1), tokens(10, 10)]).unwrap();
    assert_eq!(desk.admit("b", &[tokens(10, 1), requests(1)]), Err(full(0, 10)));
    assert_eq!(desk.admit("b", &[requests(1), tokens(10, 1)]), Err(full(0, 1)));
}

fn windows_are_the_calendars(desk: &Desk) {
    let each = [Window::Minute, Window::Day, Window::Month];
    let asked = each.map(|window| demand(0, Measure::Requests, window, 99, 1));
    // (seconds until then, what each window has come to)
    let steps = [
        (0, [1, 1, 1]),
        (19, [2, 2, 2]),
        (1, [1, 3, 3]),
        // To the end of 15 June.
        (31_979, [1, 4, 4]),
        (1, [1, 1, 5]),
        // To the end of June.
        (1_295_999, [1, 1, 6]),
        (1, [1, 1, 1]),
    ];
    for (step, (seconds, used)) in steps.into_iter().enumerate() {
        desk.clock.advance(Duration::from_secs(seconds));
        let id = format!("step {step}");
        assert_eq!(desk.used(&id, &asked), used, "{id}");
        desk.settle(&id, 0, 0, false);
    }
}

fn settling_books_what_was_used(desk: &Desk) {
    let money = |amount| demand(0, Measure::MicroUsd, Window::Month, 1_000, amount);
    let life = |amount| demand(2, Measure::Tokens, Window::Life, 1_000, amount);
    desk.admit("a", &[requests(9), tokens(100, 90), money(500), life(90)]).unwrap();
    desk.settle("a", 40, 7, false);
    assert_eq!(desk.count(requests(9)), 1);
    assert_eq!(desk.count(tokens(0, 0)), 40);
    assert_eq!(desk.count(money(0)), 7);
    assert_eq!(desk.count(life(0)), 40);
    assert_eq!(desk.used("b", &[tokens(100, 60)]), [100]);
    desk.settle("b", 0, 0, false);
    assert_eq!(desk.count(tokens(0, 0)), 40);
}

fn more_than_was_reserved_is_booked_whole(desk: &Desk) {
    desk.admit("a", &[tokens(100, 10)]).unwrap();
    desk.settle("a", 250, 0, false);
    assert_eq!(desk.count(tokens(0, 0)), 250);
    assert_eq!(desk.admit("b", &[tokens(100, 1)]), Err(full(0, 250)));
}

fn a_void_lease_takes_everything_back(desk: &Desk) {
    let asked = [requests(9), demand(0, Measure::InFlight, Window::Life, 9, 1), tokens(100, 50)];
    desk.admit("a", &asked).unwrap();
    desk.settle("a", 40, 7, true);
    for demand in asked {
        assert_eq!(desk.count(demand), 0);
    }
}

fn settling_twice_is_settling_once(desk: &Desk) {
    desk.admit("a", &[requests(9), tokens(100, 50)]).unwrap();
    desk.settle("a", 40, 0, false);
    desk.settle("a", 50, 0, false);
    desk.settle("a", 50, 0, true);
    assert_eq!((desk.count(requests(9)), desk.count(tokens(0, 0))), (1, 40));
}

fn an_unknown_lease_is_nothing(desk: &Desk) {
    desk.settle("never asked", 40, 0, false);
    assert_eq!(desk.count(tokens(0, 0)), 0);
}

fn places_in_flight_are_given_back(desk: &Desk) {
    let place = demand(1, Measure::InFlight, Window::Life, 2, 1);
    desk.admit("a", &[place]).unwrap();
    desk.admit("b", &[place]).unwrap();
    assert_eq!(desk.admit("c", &[place]), Err(full(0, 2)));
    desk.settle("a", 0, 0, false);
    assert_eq!(desk.used("c", &[place]), [2]);
    desk.settle("b", 0, 0, true);
    desk.settle("c", 0, 0, false);
    assert_eq!(desk.count(place), 0);
}

fn late_settlements(desk: &Desk) {
    let minute = |amount| demand(1, Measure::Tokens, Window::Minute, 100, amount);
    desk.admit("a", &[requests(9), minute(80), tokens(100, 80)]).unwrap();
    desk.clock.advance(Duration::from_secs(20));
    assert_eq!(desk.used("b", &[requests(9), minute(30), tokens(200, 30)]), [1, 30, 110]);
    desk.settle("a", 10, 0, false);
    assert_eq!(desk.count(minute(0)), 30);
    assert_eq!(desk.count(tokens(0, 0)), 40);
    desk.settle("b", 0, 0, true);
    assert_eq!(desk.count(requests(9)), 0);
}

fn nothing_is_a_question(desk: &Desk) {
    assert_eq!(desk.used("a", &[tokens(10, 0)]), [0]);
    desk.admit("b", &[tokens(10, 10)]).unwrap();
    assert_eq!(desk.admit("c", &[tokens(10, 0)]), Err(full(0, 10)));
    assert_eq!(desk.used("c", &[tokens(11, 0)]), [10]);
}

fn a_peek_takes_nothing(desk: &Desk) {
    let asked = [requests(1), tokens(10, 1)];
    let subjects = ["p:p", "u:p/u", "s:p/u/s"].map(Arc::from);
    let peek = || desk.purse.peek("t", &subjects, &asked);
    assert_eq!((peek(), peek()), (Ok(()), Ok(())));
    assert_eq!(desk.used("a", &asked), [1, 1]);
    assert_eq!(peek(), Err(full(0, 1)));
    desk.clock.advance(Duration::from_secs(20));
    assert_eq!(peek(), Ok(()));
}

fn subjects_and_tenants_are_told_apart(desk: &Desk) {
    for (n, (tenant, subject)) in
        [("t", "p:p"), ("t", "p:q"), ("t2", "p:p")].into_iter().enumerate()
    {
        let ask = |id: String| desk.ask_of(tenant, subject, &id, &[requests(1)]);
        let admit = |id| block_on(desk.purse.admit(ask(id)).settled());
        assert!(admit(n.to_string()).is_ok());
        assert_eq!(admit(format!("{n} more")), Err(full(0, 1)));
    }
}

fn the_largest_numbers_do_no_harm(desk: &Desk) {
    assert_eq!(desk.admit("a", &[tokens(u64::MAX - 1, u64::MAX)]), Err(full(0, 0)));
    // Engines may count in 53 or 63 bits, not in fewer.
    let most = 1 << 52;
    assert_eq!(desk.used("b", &[tokens(most, most)]), [most]);
    assert_eq!(desk.admit("c", &[tokens(most, 1)]), Err(full(0, most)));
    desk.settle("b", most, most, false);
    assert_eq!(desk.count(tokens(0, 0)), most);
}

fn many_at_once(desk: &Desk) {
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let admitted = &admitted;
            scope.spawn(move || {
                for call in 0..100 {
                    let asked = [requests(1_000), tokens(777, 7)];
                    match desk.admit(&format!("{thread} {call}"), &asked) {
                        Ok(_) => drop(admitted.fetch_add(1, Ordering::Relaxed)),
                        Err(Refused::Full { demand: 1, .. }) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 111);
    assert_eq!((desk.count(requests(9)), desk.count(tokens(0, 0))), (111, 777));
}
