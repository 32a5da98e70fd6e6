//! `kill -9` at random moments: no acknowledged commit is lost, and none is half there.

use crate::child::{self, COMMITTERS};
use behest_contract::directory::{Directory, Revision};
use futures::executor::block_on;
use rusqlite::Connection;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const ACKNOWLEDGED: usize = 10_000;
pub(crate) const SEED: &str = "BEHEST_STORE_TEST_SEED";

/// Numbers that look random, and are the same for the same seed (xorshift).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From the environment, to repeat a run; else new ones.
    pub(crate) fn seeded() -> Self {
        let given = std::env::var(SEED).ok().map(|seed| seed.parse().unwrap());
        Self(given.unwrap_or_else(|| RandomState::new().hash_one(0) | 1))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The child of the test below: without a folder there is nothing to do.
#[test]
fn writes_until_it_is_killed() {
    let Some((store, round)) = child::told() else { return };
    std::thread::scope(|scope| {
        for committer in 0..COMMITTERS {
            let store = &store;
            scope.spawn(move || {
                for n in 0.. {
                    let name = format!("{round}-{committer}-{n}");
                    let revision = block_on(child::commit(store, committer, &name)).unwrap().0;
                    // One write, so that the pipe holds a line or nothing of it.
                    let line = format!("acknowledged {name} {revision}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// The commits that a child was answered before it died, and their revisions.
fn killed_round(folder: &Path, round: u64, random: &mut Random) -> Vec<(String, u64)> {
    let mut command = child::command(&[], "killed::writes_until_it_is_killed", folder, round);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let enough = random.below(400) as usize;
    let mut acknowledged = Vec::new();
    let read = |line: String| {
        let mut words = child::acknowledged(&line)?.split(' ').map(str::to_owned);
        Some((words.next()?, words.next()?.parse().unwrap()))
    };
    acknowledged.extend(lines.by_ref().filter_map(read).take(enough));
    // Not at the moment of an acknowledgement, but at any.
    std::thread::sleep(Duration::from_micros(random.below(5000)));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    // The pipe outlives its writer.
    acknowledged.extend(lines.filter_map(read));
    acknowledged
}

/// Opens what a killed process has left, and holds it against what that was answered.
fn check(folder: &Path, acknowledged: &HashMap<String, u64>, rounds: u64) {
    let store = child::open(folder);
    let revision = block_on(store.revision()).unwrap().0;
    let records = block_on(store.changes_after(Revision(0))).unwrap();
    let (each, last): (Vec<_>, Vec<_>) =
        records.iter().partition(|record| &*record.key.collection == "each");

    let revisions: Vec<_> = each.iter().map(|record| record.revision.0).collect();
    assert_eq!(revisions, Vec::from_iter(1..=revision), "no gaps and no doubles");
    let kept: HashMap<&str, u64> =
        each.iter().map(|record| (&*record.key.id, record.revision.0)).collect();
    for (name, revision) in acknowledged {
        assert_eq!(kept.get(&**name), Some(revision), "{name} was acknowledged");
    }
    // Each committer waits for one at a time.
    assert!(kept.len() - acknowledged.len() <= (rounds * COMMITTERS) as usize);
    for record in last {
        let name = str::from_utf8(record.body.as_deref().unwrap()).unwrap();
        assert_eq!(kept.get(name), Some(&record.revision.0), "a commit is there with all it has");
    }
    let audit = block_on(store.audit(None, usize::MAX)).unwrap();
    assert_eq!(audit.len() as u64, revision);
    for line in audit {
        let name = str::from_utf8(&line.line.body).unwrap();
        assert_eq!(kept.get(name), Some(&line.number));
    }
    drop(store);
    check_integrity(folder);
}

pub(crate) fn check_integrity(folder: &Path) {
    let connection = Connection::open(folder.join("behest.db")).unwrap();
    let found: String =
        connection.query_one("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}

#[test]
fn killing_the_writer_at_random_moments_loses_no_acknowledged_commit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let mut random = Random::seeded();
    println!("{SEED}={}", random.0);
    let (mut acknowledged, mut rounds) = (HashMap::new(), 0);
    while acknowledged.len() < ACKNOWLEDGED {
        // In every other round this process has the folder open too, as during an upgrade: then the
        // dead writer's log is taken over by one who lives, else it is recovered from the file.
        let witness = rounds % 2 == 1;
        let witness = witness.then(|| child::open(&folder));
        let told = killed_round(&folder, rounds, &mut random);
        acknowledged.extend(told);
        rounds += 1;
        if let Some(witness) = witness {
            let mine = format!("witness-{rounds}");
            let revision = block_on(child::commit(&witness, COMMITTERS, &mine)).unwrap();
            acknowledged.insert(mine, revision.0);
        }
        check(&folder, &acknowledged, rounds);
    }
    println!("{} acknowledged in {rounds} rounds", acknowledged.len());
}
