use super::desk::{Desk, ask};
use super::{Folder, ids, is_unavailable, put};
use crate::book_suite::{row, settlement};
use crate::config::EmbeddedConfig;
use crate::suite::{change, line};
use behest_contract::book::Book;
use behest_contract::directory::{Directory, Expect, Failure, Revision};
use behest_contract::purse::Purse;
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::join_all;
use std::time::Duration;

/// Keeps the writer waiting for as long as the statement's transaction lasts.
const HOLD: &str = "BEGIN IMMEDIATE";

#[test]
fn all_that_waits_shares_one_transaction() {
    let folder = Folder::new();
    let store = folder.open();
    let other = folder.connect();
    other.execute_batch(HOLD).unwrap();
    let commits: Vec<_> = (0..200).map(|n| put(&store, &n.to_string(), "x")).collect();
    other.execute_batch("ROLLBACK").unwrap();
    let ends = block_on(join_all(commits));
    let revisions: Vec<_> = ends.into_iter().map(|end| end.unwrap().0).collect();
    assert_eq!(revisions, Vec::from_iter(1..=200));
    // Those that the writer had found when it began to wait, and all the others.
    assert!(store.transactions() <= 2, "{} transactions", store.transactions());
}

#[test]
fn a_batch_has_its_bound() {
    let folder = Folder::new();
    let store = folder.open_with(&EmbeddedConfig { batch_max: 10, ..EmbeddedConfig::default() });
    let other = folder.connect();
    other.execute_batch(HOLD).unwrap();
    let commits: Vec<_> = (0..100).map(|n| put(&store, &n.to_string(), "x")).collect();
    other.execute_batch("ROLLBACK").unwrap();
    assert!(block_on(join_all(commits)).iter().all(Result::is_ok));
    assert!((10..=11).contains(&store.transactions()), "{} transactions", store.transactions());
}

#[test]
fn a_conflict_spoils_no_other_commit_of_its_transaction() {
    let folder = Folder::new();
    let store = folder.open();
    let other = folder.connect();
    other.execute_batch(HOLD).unwrap();
    let commits: Vec<_> = (0..90)
        .map(|n| {
            // Every third writes something first and then finds that it must not.
            let expect = if n % 3 == 2 { Expect::Present } else { Expect::Absent };
            let first = change(&format!("first {n}"), Expect::Anything, Some("x"));
            store.commit(vec![first, change(&n.to_string(), expect, Some("x"))], line(n))
        })
        .collect();
    other.execute_batch("ROLLBACK").unwrap();
    let ends = block_on(join_all(commits));
    for (n, end) in ends.iter().enumerate() {
        assert_eq!(end.is_ok(), n % 3 != 2, "{n}: {end:?}");
    }
    assert!(store.transactions() <= 2);
    assert_eq!(block_on(store.revision()), Ok(Revision(60)));
    let records = block_on(store.changes_after(Revision(0))).unwrap();
    assert_eq!(records.len(), 120);
    assert!(!ids(&records).contains(&"first 2"));
    assert_eq!(block_on(store.audit(None, 100)).unwrap().len(), 60);
}

#[test]
fn a_batch_of_refusals_writes_nothing() {
    let folder = Folder::new();
    let store = folder.open();
    let refused = block_on(store.commit(vec![change("a", Expect::Present, None)], line(1)));
    assert!(matches!(refused, Err(Failure::Conflict(_))));
    assert_eq!(store.transactions(), 0);
}

#[test]
fn a_full_queue_refuses_at_once_and_loses_nothing_that_it_took() {
    let folder = Folder::new();
    let config = EmbeddedConfig { queue_max: 4, batch_max: 2, ..EmbeddedConfig::default() };
    let store = folder.open_with(&config);
    let other = folder.connect();
    other.execute_batch(HOLD).unwrap();
    let mut taken = Vec::new();
    let refused = loop {
        let mut commit = put(&store, &taken.len().to_string(), "x");
        match (&mut commit).now_or_never() {
            Some(end) => break end,
            None => taken.push(commit),
        }
    };
    assert!(is_unavailable(&refused), "{refused:?}");
    // Four in the queue, and up to two in the writer's hands.
    assert!((4..=6).contains(&taken.len()), "{} taken", taken.len());
    assert!(store.is_healthy());
    other.execute_batch("ROLLBACK").unwrap();
    let count = taken.len();
    assert!(block_on(join_all(taken)).iter().all(Result::is_ok));
    let records = block_on(store.changes_after(Revision(0))).unwrap();
    assert_eq!(records.len(), count);
}

#[test]
fn a_writer_that_waits_too_long_for_another_process_refuses_and_goes_on() {
    let folder = Folder::new();
    let busy_timeout = Duration::from_millis(20);
    let store = folder.open_with(&EmbeddedConfig { busy_timeout, ..EmbeddedConfig::default() });
    let other = folder.connect();
    other.execute_batch(HOLD).unwrap();
    assert!(is_unavailable(&block_on(put(&store, "a", "x"))));
    assert!(store.is_healthy());
    // Reading waits for nobody.
    assert_eq!(block_on(store.revision()), Ok(Revision(0)));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(block_on(put(&store, "a", "x")), Ok(Revision(1)));
}

#[test]
fn requests_that_begin_and_end_together_share_their_writes() {
    const MANY: u64 = 50;
    let desk = Desk::new();
    let store = &desk.store;
    let asked = (0..MANY).map(|n| store.admit(ask(&n.to_string(), &[])).settled());
    assert!(block_on(join_all(asked)).iter().all(Result::is_ok));
    assert_eq!(store.0.accounts.writes(), 1);
    for n in 0..MANY {
        let row = row(&n.to_string(), 0);
        store.close_soon(Some(settlement(&row)), Some(row));
    }
    assert!(store.owes_a_flush());
    assert_eq!(store.0.accounts.writes(), 1);
    store.flush_closed();
    assert!(!store.owes_a_flush());
    assert_eq!(store.0.accounts.writes(), 2);
    assert_eq!(desk.rows().len() as u64, MANY);
}

#[test]
fn what_nobody_has_flushed_is_told_all_the_same() {
    let desk = Desk::new();
    let row = row("1", 0);
    desk.store.close_soon(Some(settlement(&row)), Some(row));
    assert_eq!(desk.rows().len(), 1);
}
