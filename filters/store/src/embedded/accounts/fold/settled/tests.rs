use super::{Growth, bytes_of, drop_expired, known_counters, read};
use crate::embedded::accounts::counters::{Kind, LIFE_IDLE_MAX_MINUTES, Taken};
use crate::embedded::accounts::key::Keyer;
use crate::embedded::schema;
use behest_contract::purse::{Measure, Window};
use rusqlite::Connection;

/// A day's first minute.
const NOW: u32 = 20_000 * 1440;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, schema::MIGRATIONS).unwrap();
    connection
}

fn taken(name: &str, window: Window, since: u32) -> Taken {
    let key = Keyer::new(&[0; 16]).tenant("t").subject(name);
    Taken { key, kind: Kind::new(Measure::Tokens, window), since, amount: 0 }
}

fn add(on: &Connection, taken: &Taken, kept: u64, now: u32) {
    let mut growth = Growth::default();
    growth.add(taken, kept, now);
    growth.write(on, now).unwrap();
}

fn known(on: &Connection, now: u32) -> Vec<(Window, u32, u64)> {
    let mut known = Vec::new();
    let each = |slot: Taken| known.push((slot.kind.window(), slot.since, slot.amount));
    known_counters(on, now, each).unwrap();
    known.sort_by_key(|slot| (slot.1, slot.2));
    known
}

#[test]
fn counters_grow_window_by_window() {
    let on = database();
    let (today, tomorrow) = (taken("a", Window::Day, NOW), taken("a", Window::Day, NOW + 1440));
    add(&on, &today, 5, NOW);
    add(&on, &today, 7, NOW + 1);
    add(&on, &today, 0, NOW + 1);
    assert_eq!(known(&on, NOW + 2), [(Window::Day, NOW, 12)]);
    add(&on, &tomorrow, 1, NOW + 1440);
    // The day before is kept, in case that the clock goes back.
    assert_eq!(known(&on, NOW), [(Window::Day, NOW, 12), (Window::Day, NOW + 1440, 1)]);
    assert_eq!(known(&on, NOW + 1440), [(Window::Day, NOW + 1440, 1)]);
}

#[test]
fn a_life_is_one_counter_whenever_it_is_used() {
    let on = database();
    let life = taken("s", Window::Life, 0);
    add(&on, &life, 5, NOW);
    add(&on, &life, 6, NOW + 100);
    let last = NOW + 100 + LIFE_IDLE_MAX_MINUTES;
    assert_eq!(known(&on, last - 1), [(Window::Life, NOW + 100, 11)]);
    assert_eq!(known(&on, last), []);
}

#[test]
fn what_has_expired_is_dropped_little_by_little() {
    let on = database();
    let mut growth = Growth::default();
    for n in 0..5_000 {
        let window = if n % 2 == 0 { Window::Minute } else { Window::Month };
        growth.add(&taken(&n.to_string(), window, NOW), 1, NOW);
    }
    growth.write(&on, NOW).unwrap();
    let count =
        || -> i64 { on.query_one("SELECT count(*) FROM counters", [], |row| row.get(0)).unwrap() };
    let mut from = Vec::new();
    let mut drop_some = || (drop_expired(&on, NOW + 120, &mut from).unwrap(), count());
    let first = drop_some();
    assert!(first.0 && (3_500..5_000).contains(&first.1), "{first:?}");
    drop_some();
    assert_eq!(drop_some(), (true, 2_500));
    assert_eq!(drop_some(), (false, 2_500));
    assert!(from.is_empty(), "it begins anew");
}

#[test]
fn slots_are_read_as_they_were_written_and_damage_does_no_harm() {
    let on = database();
    add(&on, &taken("a", Window::Day, NOW), u64::MAX, NOW);
    let bytes: Vec<u8> = on.query_one("SELECT slots FROM counters", [], |row| row.get(0)).unwrap();
    assert_eq!(bytes_of(&read(&bytes)), bytes);
    for cut in 0..bytes.len() {
        assert!(read(&bytes[..cut]).is_empty());
    }
}
