//! What a store finds that was left by one that has died.

use super::desk::{Desk, admitted, ask, close_on, crashed, hurried, unhurried};
use crate::book_suite::{row, settlement};
use crate::config::EmbeddedConfig;
use behest_contract::book::{Book, Bucket, Row};
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::money::MicroUsd;
use behest_contract::price::Price;
use behest_contract::purse::{Ask, Demand, Known, Measure, Purse, Refused, Window};
use futures::executor::block_on;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn tokens(window: Window, amount: u64) -> Demand {
    Demand { subject: 0, measure: Measure::Tokens, window, limit: 1 << 40, amount }
}

fn day() -> Demand {
    tokens(Window::Day, 100)
}

fn each_layer(amount: u64) -> Vec<Demand> {
    let demand = |subject, measure, window, amount| Demand {
        subject,
        measure,
        window,
        limit: 1 << 40,
        amount,
    };
    vec![
        demand(0, Measure::Requests, Window::Minute, 1),
        demand(0, Measure::InFlight, Window::Life, 1),
        demand(1, Measure::Requests, Window::Day, 1),
        demand(1, Measure::Tokens, Window::Day, amount),
        demand(0, Measure::Tokens, Window::Month, amount),
        demand(0, Measure::MicroUsd, Window::Month, amount),
        demand(2, Measure::Tokens, Window::Life, amount),
    ]
}

fn lost(rows: &[Row]) -> Vec<&str> {
    rows.iter().filter(|row| &*row.ending == "lost").map(|row| &*row.id).collect()
}

#[test]
fn a_restart_rebuilds_every_counter_to_the_token() {
    let desk = Desk::new();
    for n in 0..10 {
        let id = n.to_string();
        desk.admit_and_hold(&id, &each_layer(100));
        match n {
            0..7 => desk.close(&id),
            7 => desk.void(&id),
            _ => {}
        }
    }
    let used = |on: &Desk| -> Vec<_> { each_layer(0).iter().map(|of| on.used(*of)).collect() };
    // Seven were settled at 15 tokens and 7 micro-dollars; two are open at 100.
    assert_eq!(used(&desk), [9, 2, 9, 305, 305, 249, 305]);
    let mut found = Desk::opened(crashed(&desk.folder), desk.clock.clone());
    // The two were lost before anything was known of them: at the 15 tokens of their sketch.
    let after = [9, 0, 9, 135, 135, 63, 135];
    assert_eq!(used(&found), after);
    let rows = found.rows();
    assert_eq!((rows.len(), lost(&rows)), (9, vec!["8", "9"]));
    // And so it is however often it dies, before and after all is folded.
    for _ in 0..3 {
        found = Desk::opened(crashed(&found.folder), found.clock.clone());
        assert_eq!(used(&found), after);
        assert_eq!(found.rows(), rows);
    }
}

#[test]
fn a_lost_lease_is_booked_at_what_was_last_known_of_it() {
    let desk = Desk::with(hurried());
    let held = desk.admit("a", &[day()]).unwrap();
    for known in [20, 35] {
        held.known.note_tokens(known);
        desk.comes_true(|desk| {
            let found = Desk::opened(crashed(&desk.folder), desk.clock.clone());
            let written = found.rows().iter().map(|row| row.completion_tokens).sum::<u64>();
            found.used(day()) == known && written == known - 10
        });
    }
}

#[test]
fn a_lost_lease_is_charged_for_what_it_has_written_and_names_its_provider() {
    let desk = Desk::with(hurried());
    let price = Price::new(MicroUsd::new(1_000_000), MicroUsd::new(2_000_000));
    let known = Arc::new(Known::priced(Some(price)));
    let asks = Ask { known: known.clone(), ..ask("a", &each_layer(100)) };
    let held = admitted(&desk.store, asks).unwrap();
    let money = each_layer(0)[5];
    // (written, sent to); the second time the lease lies in the database.
    for (attempts, written, provider) in [(1, 25, "first"), (2, 90, "second")] {
        known.note_tokens(10 + written);
        known.note_sent(&provider.into(), Bucket::Byok);
        let cost = 10 + 2 * written;
        desk.comes_true(|desk| {
            let found = Desk::opened(crashed(&desk.folder), desk.clock.clone());
            let row = &found.rows()[0];
            let sent = (&*row.provider, row.bucket, row.attempts);
            sent == (provider, Bucket::Byok, attempts)
                && (row.prompt_tokens, row.completion_tokens) == (10, written)
                && (row.micro_usd, found.used(money)) == (Some(cost), cost)
        });
        // It is the same when all of that is found folded.
        assert_eq!(desk.rows(), []);
    }
    drop(held);
}

#[test]
fn a_journal_cut_off_anywhere_keeps_what_was_written_before() {
    let desk = Desk::new();
    desk.admit_and_hold("first", &[day()]);
    // What is folded stays, whatever is left of the journal.
    desk.rows();
    let (mut opens, mut closes) = (Vec::new(), Vec::new());
    let length = || fs::metadata(desk.folder.journal(1, 1)).unwrap().len();
    for id in ["1", "2", "3"] {
        desk.admit_and_hold(id, &[day()]);
        opens.push(length());
        desk.close(id);
        closes.push(length());
    }
    let whole = fs::read(desk.folder.journal(1, 1)).unwrap();
    for cut in (0..whole.len()).step_by(13) {
        let image = crashed(&desk.folder);
        fs::write(image.journal(1, 1), &whole[..cut]).unwrap();
        let found = Desk::opened(image, desk.clock.clone());
        let before = |ends: &[u64]| ends.iter().filter(|end| **end <= cut as u64).count();
        let (opened, closed) = (before(&opens), before(&closes));
        let rows = found.rows();
        assert_eq!(rows.len(), opened + 1, "cut at {cut}");
        assert_eq!(lost(&rows).len(), opened - closed + 1, "cut at {cut}");
        assert_eq!(found.used(day()), 15 * (opened as u64 + 1), "cut at {cut}");
    }
}

#[test]
fn files_that_are_folded_are_deleted_and_nothing_is_lost_with_them() {
    let desk = Desk::with(EmbeddedConfig { journal_file_max_bytes: 1_000, ..unhurried() });
    for round in 1..5 {
        for n in 0..20 {
            let id = format!("{round}-{n}");
            desk.admit_and_hold(&id, &[day()]);
            close_on(&desk.store, row(&id, n));
        }
        let files = || desk.folder.journals().len();
        assert!(files() > 3, "{:?}", desk.folder.journals());
        let found = Desk::opened(crashed(&desk.folder), desk.clock.clone());
        assert_eq!(found.rows().len(), round * 20);
        assert_eq!(desk.rows().len(), round * 20);
        // The last one is still written to. Its lock is the other file.
        desk.comes_true(|_| files() == 2);
    }
    assert_eq!(desk.used(day()), 80 * 15);
}

#[test]
fn a_store_that_is_closed_leaves_one_file_and_books_what_was_open() {
    let desk = Desk::new();
    desk.admit_and_hold("a", &[day()]);
    let Desk { store, folder, clock, .. } = desk;
    drop(store);
    let files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["behest.db"]);
    let found = Desk::opened(folder, clock);
    assert_eq!(lost(&found.rows()), ["a"]);
    assert_eq!(found.used(day()), 15);
}

#[test]
fn a_journal_of_another_version_keeps_the_store_closed() {
    let desk = Desk::new();
    desk.admit_and_hold("a", &[day()]);
    let image = crashed(&desk.folder);
    let mut bytes = fs::read(image.journal(1, 1)).unwrap();
    bytes[7] = b'2';
    fs::write(image.journal(1, 1), &bytes).unwrap();
    let refusal = image.refusal().to_string();
    assert!(refusal.contains("another version has written this journal"), "{refusal}");
    assert_eq!(fs::read(image.journal(1, 1)).unwrap(), bytes);
    bytes[7] = b'1';
    fs::write(image.journal(1, 1), bytes).unwrap();
    assert_eq!(Desk::opened(image, desk.clock.clone()).rows().len(), 1);
}

#[test]
fn an_erased_user_is_in_no_journal_either() {
    const NAME: &[u8] = b"ann@example.org";
    let desk = Desk::new();
    for is_folded_before in [false, true] {
        for n in 0..5 {
            let user = Some(str::from_utf8(NAME).unwrap().into());
            let id = format!("{is_folded_before} {n}");
            desk.store.close(None, Some(Row { user, ..row(&id, n) }));
        }
        if is_folded_before {
            desk.rows();
        }
        let erased = block_on(desk.store.erase_user("p", "ann@example.org", "x"));
        assert_eq!(erased, Ok(5));
        for file in desk.folder.journals() {
            let bytes = fs::read(desk.folder.path().join("journal").join(&file)).unwrap();
            assert!(!bytes.windows(NAME.len()).any(|part| part == NAME), "{file}");
        }
    }
    assert!(desk.rows().iter().all(|row| row.user.as_deref() == Some("x")));
}

#[test]
fn a_row_is_in_the_database_by_itself_within_a_second() {
    let desk = Desk::with(EmbeddedConfig::default());
    let other = desk.folder.connect();
    let closed_at = SystemClock.now();
    desk.store.close(None, Some(row("a", 0)));
    desk.comes_true(|_| {
        let count = "SELECT count(*) FROM ledger";
        other.query_one(count, [], |row| row.get::<_, i64>(0)).unwrap() == 1
    });
    let took = SystemClock.now() - closed_at;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_lease_that_nobody_can_close_any_more_is_booked_and_freed() {
    let desk = Desk::with(hurried());
    let left = desk.admit("left", &[day()]).unwrap();
    desk.admit_and_hold("held", &[tokens(Window::Day, 50)]);
    left.known.note_tokens(12);
    drop(left);
    desk.comes_true(|desk| {
        desk.clock.advance(Duration::from_secs(1));
        desk.store.tally().leases == 1
    });
    assert_eq!(desk.used(day()), 62);
    let rows = desk.rows();
    assert_eq!(lost(&rows), ["left"]);
    assert_eq!((rows[0].prompt_tokens, rows[0].completion_tokens), (10, 2));
    // Whoever comes too late changes nothing.
    desk.store.settle(settlement(&row("left", 0)));
    assert_eq!(desk.used(day()), 62);
}

#[test]
fn while_the_journal_cannot_be_written_nothing_is_admitted_and_nothing_closed_is_lost() {
    let desk = Desk::with(EmbeddedConfig { journal_file_max_bytes: 0, ..hurried() });
    desk.admit_and_hold("a", &[day()]);
    desk.admit_and_hold("b", &[day()]);
    let (folder, aside) = (desk.folder.path().join("journal"), desk.folder.path().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    assert!(matches!(desk.admit("c", &[day()]), Err(Refused::Unavailable(_))));
    desk.comes_true(|desk| !desk.is_healthy());
    desk.close("a");
    // Counting goes on in memory.
    assert_eq!(desk.peeked(day()), 115);
    fs::rename(&aside, &folder).unwrap();
    desk.comes_true(Desk::is_healthy);
    desk.admit_and_hold("c", &[day()]);
    assert_eq!(desk.rows(), [row("a", 0)]);
    assert_eq!(desk.store.tally().rows_lost, 0);
    let Desk { folder, clock, store, held } = desk;
    drop(store);
    let found = Desk::opened(folder, clock);
    assert_eq!(lost(&found.rows()), ["b", "c"]);
    assert_eq!(held.into_inner().len(), 3);
}
