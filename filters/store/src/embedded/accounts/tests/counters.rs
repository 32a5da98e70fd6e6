use crate::embedded::accounts::counters::{Counters, Kind, LIFE_IDLE_MAX_MINUTES, Spent, Taken};
use crate::embedded::accounts::key::{Key, Keyer};
use behest_contract::purse::{Measure, Window};
use std::time::Duration;

const DAY: u32 = 24 * 60;

fn key(name: &str) -> Key {
    Keyer::new(&[0; 16]).tenant("t").subject(name)
}

fn taken(name: &str, kind: Kind, since: u32, amount: u64) -> Taken {
    Taken { key: key(name), kind, since, amount }
}

fn tokens(window: Window) -> Kind {
    Kind::new(Measure::Tokens, window)
}

fn swept(counters: &mut Counters, now: u32) -> usize {
    counters.sweep(now, usize::MAX);
    counters.len()
}

#[test]
fn a_kind_is_its_code() {
    for code in 0..=u8::MAX {
        let Some(kind) = Kind::of(code) else {
            assert!(code >= 16);
            continue;
        };
        assert_eq!(kind.code(), code);
        assert_eq!(Kind::new(kind.measure(), kind.window()), kind);
    }
}

#[test]
fn windows_begin_and_end_by_the_calendar() {
    let time = Duration::from_secs(1_750_000_000);
    for (window, since, end) in [
        (Window::Minute, 1_749_999_960, 1_750_000_020),
        (Window::Day, 1_749_945_600, 1_750_032_000),
        (Window::Month, 1_748_736_000, 1_751_328_000),
    ] {
        let kind = tokens(window);
        assert_eq!(kind.around(time), (since / 60, end / 60));
        assert_eq!(kind.end(since / 60), end / 60);
    }
}

#[test]
fn a_window_that_is_over_is_dropped_when_the_next_one_comes_or_is_swept() {
    let mut counters = Counters::default();
    let day = tokens(Window::Day);
    counters.take(&taken("a", day, 0, 5), 10);
    assert_eq!(counters.used(key("a"), day, 0), 5);
    counters.take(&taken("a", day, DAY, 7), DAY);
    assert_eq!(counters.used(key("a"), day, 0), 0);
    assert_eq!(counters.used(key("a"), day, DAY), 7);
    counters.take(&taken("b", tokens(Window::Minute), DAY, 7), DAY);
    assert_eq!(swept(&mut counters, DAY), 2);
    assert_eq!(swept(&mut counters, DAY + 1), 1);
    assert_eq!(swept(&mut counters, 2 * DAY), 0);
}

#[test]
fn what_is_settled_after_its_window_changes_nothing() {
    let mut counters = Counters::default();
    let late = taken("a", tokens(Window::Minute), 0, 5);
    counters.take(&late, 0);
    counters.take(&taken("a", tokens(Window::Minute), 1, 3), 1);
    counters.settle(&late, &Spent { tokens: 99, micro_usd: 0, void: false }, 1);
    assert_eq!(counters.used(key("a"), late.kind, 0), 0);
    assert_eq!(counters.used(key("a"), late.kind, 1), 3);
}

#[test]
fn a_life_lasts_while_it_is_used_and_a_day_longer() {
    let mut counters = Counters::default();
    let life = taken("s", tokens(Window::Life), 0, 5);
    counters.take(&life, 0);
    let idle = LIFE_IDLE_MAX_MINUTES;
    assert_eq!(swept(&mut counters, idle - 1), 1);
    counters.settle(&life, &Spent { tokens: 4, micro_usd: 0, void: false }, idle - 1);
    assert_eq!(swept(&mut counters, 2 * idle - 2), 1);
    assert_eq!(counters.used(key("s"), life.kind, 0), 4);
    assert_eq!(swept(&mut counters, 2 * idle - 1), 0);
}

#[test]
fn places_in_flight_are_forgotten_once_they_are_given_back() {
    let mut counters = Counters::default();
    let place = taken("p", Kind::new(Measure::InFlight, Window::Life), 0, 1);
    counters.take(&place, 0);
    counters.take(&place, 0);
    counters.settle(&place, &Spent::VOID, 0);
    assert_eq!(swept(&mut counters, 0), 1);
    assert_eq!(counters.used(place.key, place.kind, 0), 1);
    counters.settle(&place, &Spent { tokens: 9, micro_usd: 9, void: false }, 0);
    assert_eq!(swept(&mut counters, 0), 0);
}

#[test]
fn each_measure_keeps_what_is_its_own() {
    let spent = Spent { tokens: 40, micro_usd: 7, void: false };
    for (measure, kept) in [
        (Measure::Requests, 1),
        (Measure::InFlight, 0),
        (Measure::Tokens, 40),
        (Measure::MicroUsd, 7),
    ] {
        let taken = taken("a", Kind::new(measure, Window::Day), 0, 1);
        assert_eq!(spent.kept(&taken), kept);
        assert_eq!(Spent::VOID.kept(&taken), 0);
    }
}
