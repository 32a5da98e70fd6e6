//! Clocks that jump.

use super::Folder;
use super::desk::{Desk, START, close_on, crashed, unhurried};
use super::recovery::tokens;
use crate::book_suite::row;
use behest_contract::book::Row;
use behest_contract::clock::{Clock, ManualClock};
use behest_contract::purse::{Demand, Measure, Refused, Window};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const DAY: i64 = 86_400;

/// A wall clock that is set, over one that goes on.
#[derive(Clone)]
struct Jumping {
    steady: ManualClock,
    set_by: Arc<AtomicI64>,
}

impl Clock for Jumping {
    fn now(&self) -> Instant {
        self.steady.now()
    }

    fn unix(&self) -> Duration {
        let unix = self.steady.unix().as_secs() as i64 + self.set_by.load(Ordering::Relaxed);
        Duration::from_secs(unix as u64)
    }
}

impl Jumping {
    fn jump(&self, seconds: i64) {
        self.set_by.fetch_add(seconds, Ordering::Relaxed);
    }

    fn pass(&self, seconds: u64) {
        self.steady.advance(Duration::from_secs(seconds));
    }
}

fn desk() -> Desk<Jumping> {
    let clock = Jumping { steady: ManualClock::at(START), set_by: Arc::default() };
    Desk::opened_with(Folder::new(), clock, unhurried())
}

/// The whole of a window's allowance.
fn whole(window: Window) -> Demand {
    Demand { subject: 1, measure: Measure::Tokens, window, limit: 100, amount: 100 }
}

/// Takes the whole allowance and uses it up. Whether there was one.
fn uses_up(desk: &Desk<Jumping>, demand: Demand) -> bool {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    match desk.admit(&id, &[demand]) {
        Ok(_) => {
            close_on(&desk.store, Row { prompt_tokens: 95, ..row(&id, 0) });
            true
        }
        Err(Refused::Full { used: 100, .. }) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn two_days_forward_and_back_grant_one_window_more_and_no_other() {
    for all in [whole(Window::Day), whole(Window::Minute)] {
        let desk = desk();
        assert!(uses_up(&desk, all) && !uses_up(&desk, all));
        desk.clock.jump(2 * DAY);
        assert!(uses_up(&desk, all) && !uses_up(&desk, all), "a new window, once");
        desk.clock.jump(-2 * DAY);
        assert!(!uses_up(&desk, all), "the one before is not granted again");
        desk.clock.jump(2 * DAY);
        assert!(!uses_up(&desk, all), "nor is the one of the jump");
        desk.clock.jump(-2 * DAY);
        assert!(!uses_up(&desk, all));
    }
}

#[test]
fn after_a_jump_back_windows_go_on_at_their_pace() {
    let desk = desk();
    let (minute, day) = (whole(Window::Minute), whole(Window::Day));
    assert!(uses_up(&desk, minute));
    desk.clock.jump(-2 * DAY);
    assert!(!uses_up(&desk, minute));
    // The next minute is twenty seconds away, and the one after it sixty more.
    for (seconds, has_begun) in [(19, false), (1, true), (59, false), (1, true)] {
        desk.clock.pass(seconds);
        assert_eq!(uses_up(&desk, minute), has_begun, "{seconds}");
    }
    let mut days = 0;
    for _ in 0..48 {
        desk.clock.pass(3_600);
        days += u32::from(uses_up(&desk, day));
    }
    assert_eq!(days, 3, "the first one's rest, and the two that began");
}

#[test]
fn a_start_after_a_jump_back_finds_what_its_window_has_used() {
    let desk = desk();
    let all = whole(Window::Day);
    assert!(uses_up(&desk, all));
    desk.clock.jump(2 * DAY);
    assert!(uses_up(&desk, all));
    desk.rows();
    desk.clock.jump(-2 * DAY);
    let found = Desk::opened(crashed(&desk.folder), desk.clock.clone());
    assert!(!uses_up(&found, all), "today's");
    found.clock.jump(2 * DAY);
    assert!(!uses_up(&found, all), "and that of the jump");
    found.clock.jump(DAY);
    assert!(uses_up(&found, all));
}

#[test]
fn what_is_settled_after_a_jump_belongs_to_the_window_of_its_admission() {
    let desk = desk();
    let day = tokens(Window::Day, 60);
    let held = desk.admit("a", &[day]).unwrap();
    desk.clock.jump(2 * DAY);
    assert_eq!(desk.used(day), 0);
    desk.clock.jump(-2 * DAY);
    desk.close("a");
    assert_eq!(desk.used(day), 0);
    assert_eq!(desk.rows().len(), 1);
    drop(held);
}
