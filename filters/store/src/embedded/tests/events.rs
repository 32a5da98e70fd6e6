use super::Folder;
use crate::config::EmbeddedConfig;
use crate::embedded::Embedded;
use crate::events_suite::{self, event, list};
use behest_contract::clock::{Clock, ManualClock, SystemClock};
use behest_contract::events::{EventQuery, Events};
use std::sync::Arc;
use std::time::Duration;

/// So long that nothing is written until somebody asks.
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn events_are_kept_as_the_port_promises() {
    events_suite::run(|| {
        let folder = Folder::new();
        Box::new(move || Arc::new(folder.open()))
    });
}

#[test]
fn the_oldest_make_way() {
    let folder = Folder::new();
    let store = folder.open_with(&EmbeddedConfig { events_max: 10, ..EmbeddedConfig::default() });
    for round in 0..3 {
        (0..8).for_each(|n| store.record(event(&format!("{round}-{n}"))));
        let told = list(&store, EventQuery::newest(100));
        assert!(told.len() <= 10);
        assert_eq!(&*told[0].event.request, format!("{round}-7"));
    }
    let last = list(&store, EventQuery::newest(1))[0].number;
    assert_eq!(last, 24, "a number is never given twice");
}

#[test]
fn what_is_too_old_is_forgotten() {
    let folder = Folder::new();
    let clock = ManualClock::at(SystemClock.unix().as_secs());
    let config = EmbeddedConfig { events_age_max: NEVER, ..EmbeddedConfig::default() };
    let store = Embedded::open_with_clock(folder.path(), &config, Arc::new(clock.clone())).unwrap();
    store.record(event("old"));
    assert_eq!(list(&store, EventQuery::newest(9)).len(), 1);
    clock.advance(NEVER + Duration::from_secs(60));
    assert_eq!(list(&store, EventQuery::newest(9)), []);
    let mut new = event("new");
    new.at_ms += 3_600_000;
    store.record(new);
    assert_eq!(list(&store, EventQuery::newest(9)).len(), 1);
    let kept: i64 =
        folder.connect().query_one("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
}

#[test]
fn those_that_find_no_room_are_counted_and_nobody_waits() {
    let folder = Folder::new();
    let store =
        folder.open_with(&EmbeddedConfig { fold_interval: NEVER, ..EmbeddedConfig::default() });
    (0..9000).for_each(|n| store.record(event(&n.to_string())));
    assert_eq!(store.dropped(), 9000 - 8192);
    let told = list(&store, EventQuery::newest(10_000));
    assert_eq!((told.len(), &*told[0].event.request), (8192, "8191"));
}
