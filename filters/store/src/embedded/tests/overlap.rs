//! Two who have one folder open, as during an upgrade: one finishes its streams, the other serves.

use super::Folder;
use super::desk::{Desk, admit_on, close_on, crashed, hurried, unhurried};
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

/// One that begins a new file with every few records.
fn in_small_files(config: EmbeddedConfig) -> EmbeddedConfig {
    EmbeddedConfig { journal_file_max_bytes: 1_000, ..config }
}

/// Fills some files, and has them folded.
fn close_many(desk: &Desk) {
    for n in 0..100 {
        let id = format!("many-{n}");
        drop(desk.admit(&id, &[day()]).unwrap());
        close_on(&desk.store, row(&id, 0));
        if n % 10 == 9 {
            assert_eq!(desk.rows().len(), n + 1);
        }
    }
}

#[test]
fn a_journal_is_kept_until_the_other_has_read_it() {
    let old = Desk::with(in_small_files(unhurried()));
    let new = beside(&old, unhurried());
    close_many(&old);
    assert_eq!(new.used(day()), 1500);
}

#[test]
fn a_journal_is_kept_until_the_other_has_found_it() {
    let seldom = EmbeddedConfig { fold_interval: Duration::from_millis(200), ..unhurried() };
    let old = Desk::with(seldom);
    let new = beside(&old, in_small_files(unhurried()));
    close_many(&new);
    old.comes_true(|old| old.used(day()) == 1500);
    // Then it goes, but for the file that is written to.
    new.comes_true(|new| {
        drop(new.rows());
        new.folder.journals().iter().filter(|file| file.starts_with("2-")).count() == 1
    });
}

#[test]
fn what_one_closes_at_its_very_end_the_other_still_reads() {
    let old = Desk::new();
    old.admit_and_hold("a", &[day()]);
    let new = beside(&old, unhurried());
    assert_eq!(new.used(day()), 100);
    old.close("a");
    let Desk { store, folder, .. } = old;
    drop(store);
    assert_eq!(new.used(day()), 15);
    drop(new);
    drop(folder);
}

#[test]
fn of_two_that_died_together_nothing_is_left_over() {
    let a = Desk::new();
    let b = beside(&a, unhurried());
    a.admit_and_hold("a", &[day()]);
    b.admit_and_hold("b", &[day()]);
    let found = Desk::opened_with(crashed(&a.folder), a.clock.clone(), hurried());
    assert_eq!(found.used(day()), 30);
    found.comes_true(|found| found.folder.journals().iter().all(|file| file.starts_with('3')));
    assert_eq!(found.rows().len(), 2);
    drop(b);
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
