//! Two who have one folder open, as during an upgrade: one finishes its streams, the other serves.

use super::Folder;
use super::desk::{Desk, admit_on, close_on, hurried, unhurried};
use super::recovery::tokens;
use crate::book_suite::row;
use crate::config::EmbeddedConfig;
use behest_contract::purse::{Demand, Measure, Refused, Window};
use std::os::unix::fs::symlink;
use std::time::Duration;

fn day() -> Demand {
    tokens(Window::Day, 100)
}

/// Another handle on the same folder, by a name of its own.
fn beside(desk: &Desk, config: EmbeddedConfig) -> Desk {
    let folder = Folder(tempfile::TempDir::new_in(desk.folder.0.path()).unwrap());
    symlink(desk.folder.path(), folder.path()).unwrap();
    Desk::opened_with(folder, desk.clock.clone(), config)
}

#[test]
fn what_one_has_open_the_other_counts_as_reserved_until_it_is_closed() {
    let old = Desk::new();
    for id in ["a", "b", "c"] {
        old.admit_and_hold(id, &[day()]);
    }
    old.close("a");
    let new = beside(&old, unhurried());
    assert_eq!(new.used(day()), 215);
    assert_eq!(new.rows().len(), 1, "those that live are not lost");
    old.close("b");
    assert_eq!(new.used(day()), 130);
    old.void("c");
    assert_eq!(new.used(day()), 30);
    // What the old one still admits counts as well.
    old.admit_and_hold("d", &[day()]);
    assert_eq!(new.used(day()), 130);
    for desk in [&old, &new] {
        assert_eq!(desk.rows().len(), 2);
    }
}

#[test]
fn the_old_one_counts_what_the_new_one_has_open() {
    let old = Desk::with(hurried());
    let new = beside(&old, unhurried());
    new.admit_and_hold("a", &[day()]);
    // It looks who is there every now and then.
    old.comes_true(|old| old.used(day()) == 100);
    new.close("a");
    assert_eq!(old.used(day()), 15);
}

#[test]
fn a_budget_is_not_granted_once_more_to_the_successor() {
    let old = Desk::new();
    let full = Demand { limit: 100, ..day() };
    old.admit_and_hold("a", &[full]);
    let new = beside(&old, unhurried());
    assert!(matches!(new.admit("b", &[full]), Err(Refused::Full { used: 100, .. })));
    old.close("a");
    assert!(new.admit("b", &[Demand { amount: 85, ..full }]).is_ok());
}

#[test]
fn when_the_old_one_ends_what_it_had_open_is_lost_once() {
    let old = Desk::new();
    let flight = Demand { measure: Measure::InFlight, ..tokens(Window::Life, 1) };
    for id in ["a", "b"] {
        old.admit_and_hold(id, &[day(), flight]);
    }
    let new = beside(&old, hurried());
    assert_eq!((new.used(day()), new.used(flight)), (200, 2));
    old.close("a");
    let Desk { store, folder, .. } = old;
    drop(store);
    new.comes_true(|new| new.used(flight) == 0);
    assert_eq!(new.used(day()), 30);
    let rows = new.rows();
    let told: Vec<_> = rows.iter().map(|row| (&*row.id, &*row.ending)).collect();
    assert_eq!(told, [("a", "completed"), ("b", "lost")]);
    // Nothing of the old one is left but what belongs to the new one.
    new.comes_true(|_| folder.journals().iter().all(|file| file.starts_with('2')));
    drop(new);
    drop(folder);
}

#[test]
fn both_book_into_one_ledger_and_each_row_is_there_once() {
    let hurried = |file_max, millis| EmbeddedConfig {
        journal_file_max_bytes: file_max,
        fold_interval: Duration::from_millis(millis),
        ..EmbeddedConfig::default()
    };
    let old = Desk::with(hurried(40_000, 2));
    let new = beside(&old, hurried(50_000, 3));
    std::thread::scope(|scope| {
        for (n, store) in [old.store.clone(), new.store.clone()].into_iter().enumerate() {
            scope.spawn(move || {
                for request in 0..500 {
                    let id = format!("{n}-{request}");
                    admit_on(&store, &id, &[day()]).unwrap();
                    close_on(&store, row(&id, request));
                }
            });
        }
    });
    for desk in [&old, &new] {
        assert_eq!(desk.rows().len(), 1000);
        desk.comes_true(|desk| desk.used(day()) == 15_000);
    }
    let Desk { store, folder, clock, .. } = old;
    drop(store);
    drop(new);
    let found = Desk::opened(folder, clock);
    assert_eq!((found.rows().len(), found.used(day())), (1000, 15_000));
}
