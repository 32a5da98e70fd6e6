//! `kill -9` at random moments, while requests are admitted and closed: each that was closed has one row,
//! each that was open is lost once, and counters and rows agree to the token.

use crate::child;
use crate::killed::{Random, SEED, check_integrity};
use behest_contract::book::{Book, Row, RowQuery};
use behest_contract::purse::{Ask, Demand, Measure, Purse, Refused, Settlement, Window};
use behest_store::{Embedded, EmbeddedConfig};
use futures::executor::block_on;
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

const CLOSED: usize = 10_000;
const CLIENTS: u64 = 8;
const RESERVED: u64 = 100;
/// How often it is looked for a row that is missing. Only a test that fails looks so often.
const TRIES: u32 = 5000;

/// Folds, turns pages and deletes them all the time, so that any moment may be in the midst of it.
fn open(folder: &Path) -> Embedded {
    let config = EmbeddedConfig {
        fold_interval: Duration::from_millis(3),
        journal_file_max_bytes: 20_000,
        ..EmbeddedConfig::default()
    };
    Embedded::open(folder, &config).unwrap()
}

pub(crate) fn demand(measure: Measure, limit: u64, amount: u64) -> Demand {
    Demand { subject: 0, measure, window: Window::Life, limit, amount }
}

pub(crate) fn row(id: &str) -> Row {
    Row {
        id: id.into(),
        tenant: "t".into(),
        project: "p".into(),
        ending: "completed".into(),
        prompt_tokens: 10,
        completion_tokens: 5,
        ..Row::default()
    }
}

pub(crate) fn ask(id: &str, demands: &[Demand]) -> Ask {
    Ask {
        id: id.into(),
        tenant: "t".into(),
        subjects: ["s".into()].into_iter().collect(),
        demands: demands.iter().copied().collect(),
        sketch: Arc::new(row(id)),
        known: Arc::default(),
    }
}

pub(crate) fn admit(store: &Embedded, ask: &Ask) -> Result<(), Refused> {
    block_on(store.admit(ask.clone()).settled()).map(drop)
}

fn used(store: &Embedded, measure: Measure) -> u64 {
    match admit(store, &ask("used", &[demand(measure, 0, 1)])) {
        Err(Refused::Full { used, .. }) => used,
        other => unreachable!("{other:?}"),
    }
}

fn say(word: &str, id: &str) {
    // One write, so that the pipe holds a line or nothing of it.
    std::io::stdout().lock().write_all(format!("{word} {id}\n").as_bytes()).unwrap();
}

/// Some stay open; of some of those it is known how far they have come.
fn serve(store: &Embedded, client: &str) {
    let mut open = Vec::new();
    for n in 0.. {
        let id = format!("{client}-{n}");
        let demands = [
            demand(Measure::Tokens, u64::MAX, RESERVED),
            demand(Measure::InFlight, u64::MAX, 1),
            demand(Measure::Requests, u64::MAX, 1),
        ];
        let ask = ask(&id, &demands);
        admit(store, &ask).unwrap();
        say("acknowledged open", &id);
        if n % 10 == 3 {
            ask.known.note_tokens(40);
            open.push(ask);
            continue;
        }
        let end =
            Settlement { id: ask.id, tenant: ask.tenant, tokens: 15, micro_usd: 0, void: false };
        store.close(Some(end), Some(row(&id)));
        say("acknowledged closed", &id);
    }
}

/// The child of the test below: without a folder there is nothing to do.
#[test]
fn serves_until_it_is_killed() {
    let Some((folder, round)) = child::told_where() else { return };
    let store = open(&folder);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let store = &store;
            scope.spawn(move || serve(store, &format!("{round}-{client}")));
        }
    });
}

/// What a child was told before it died: request by request, and whether it was closed.
fn killed_round(folder: &Path, round: u64, random: &mut Random, told: &mut HashMap<String, bool>) {
    let mut command = child::command(&[], "requests::serves_until_it_is_killed", folder, round);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut read = |line: String| {
        let Some((word, id)) = child::acknowledged(&line).and_then(|said| said.split_once(' '))
        else {
            return;
        };
        *told.entry(id.to_owned()).or_default() |= word == "closed";
    };
    let enough = 10 + random.below(1500) as usize;
    lines.by_ref().take(enough).for_each(&mut read);
    // Not at the moment of an answer, but at any.
    std::thread::sleep(Duration::from_micros(random.below(5000)));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    // The pipe outlives its writer.
    lines.for_each(read);
}

fn rows(store: &Embedded) -> Vec<Row> {
    let query = RowQuery {
        tenant: None,
        project: None,
        user: None,
        time: Duration::ZERO..Duration::MAX,
        after: None,
        limit: usize::MAX,
    };
    block_on(store.rows(query)).unwrap()
}

/// The rows once nothing is in flight any more, and everybody who was told of a lease has one: who was there
/// before must first notice that the other came, and that it died.
fn rows_at_last(store: &Embedded, told: &HashMap<String, bool>) -> Vec<Row> {
    for _ in 0..TRIES {
        let rows = rows(store);
        let booked: HashSet<&str> = rows.iter().map(|row| &*row.id).collect();
        let all_booked = told.keys().all(|id| booked.contains(&**id));
        if all_booked && used(store, Measure::InFlight) == 0 {
            return rows;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("somebody who was admitted is not booked, or still in flight")
}

/// Holds what a killed process has left against what that was told.
fn check(store: &Embedded, told: &HashMap<String, bool>, rounds: u64) {
    let rows = rows_at_last(store, told);
    let booked: HashMap<&str, &Row> = rows.iter().map(|row| (&*row.id, row)).collect();
    assert_eq!(booked.len(), rows.len(), "no row is there twice");
    let mut unknown = rows.len();
    for (id, is_closed) in told {
        let Some(row) = booked.get(&**id) else { continue };
        assert!(!is_closed || &*row.ending == "completed", "{id} was closed");
        assert!(["completed", "lost"].contains(&&*row.ending));
        unknown -= 1;
    }
    // Each client waits for one at a time.
    assert!(unknown <= (rounds * CLIENTS) as usize, "{unknown} rows of nobody");
    let tokens = |row: &Row| row.prompt_tokens + row.completion_tokens;
    assert!(rows.iter().all(|row| [15, 40].contains(&tokens(row))));
    assert_eq!(used(store, Measure::Tokens), rows.iter().map(tokens).sum::<u64>());
    assert_eq!(used(store, Measure::Requests), rows.len() as u64);
}

#[test]
fn killing_the_server_at_random_moments_loses_and_doubles_no_row() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let mut random = Random::seeded();
    println!("{SEED}={}", random.0);
    let (mut told, mut rounds) = (HashMap::new(), 0);
    while told.values().filter(|is_closed| **is_closed).count() < CLOSED {
        // In every other round this process has the folder open too, as during an upgrade.
        let witness = (rounds % 2 == 1).then(|| open(&folder));
        killed_round(&folder, rounds, &mut random, &mut told);
        rounds += 1;
        if let Some(witness) = witness {
            check(&witness, &told, rounds);
        }
        let store = open(&folder);
        check(&store, &told, rounds);
        drop(store);
        check_integrity(&folder);
    }
    println!("{} admitted in {rounds} rounds", told.len());
    assert!(!folder.join("journal").exists(), "nothing is left over");
}
