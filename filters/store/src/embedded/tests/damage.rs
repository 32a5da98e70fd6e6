use super::{Folder, ids, is_unavailable, put};
use crate::config::EmbeddedConfig;
use crate::embedded::writer::Trouble;
use crate::error::Error;
use crate::suite::{change, line};
use behest_contract::directory::{Directory, Expect, Failure, Revision};
use futures::executor::block_on;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Room for a few records of this size.
const ROOM: u64 = 400 * 1024;
const LARGE: usize = 100 * 1024;

fn small_disk() -> EmbeddedConfig {
    EmbeddedConfig {
        size_max_bytes: Some(ROOM),
        full_retry: Duration::from_millis(5),
        ..EmbeddedConfig::default()
    }
}

/// How many large records fit.
fn fill(store: &crate::Embedded) -> usize {
    let body = "x".repeat(LARGE);
    (0..100).take_while(|n| block_on(put(store, &n.to_string(), &body)).is_ok()).count()
}

/// Waits for what another thread does. The bound is only for a test that fails.
fn comes_true(condition: impl Fn() -> bool) {
    for _ in 0..4000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not come true");
}

#[test]
fn a_full_disk_refuses_and_a_commit_that_makes_room_ends_it() {
    let folder = Folder::new();
    let patient = EmbeddedConfig { full_retry: Duration::MAX, ..small_disk() };
    let store = folder.open_with(&patient);
    let fitted = fill(&store);
    assert!((1..4).contains(&fitted), "{fitted} fitted");
    assert!(!store.is_healthy());
    assert_eq!(block_on(store.revision()), Ok(Revision(fitted as u64)));
    assert_eq!(block_on(store.changes_after(Revision(0))).unwrap().len(), fitted);
    assert!(is_unavailable(&block_on(put(&store, "more", &"x".repeat(LARGE)))));

    let delete = change("0", Expect::Present, None);
    let made_room = block_on(store.commit(vec![delete], line(1)));
    assert_eq!(made_room, Ok(Revision(fitted as u64 + 1)), "no revision was used up");
    assert!(store.is_healthy());
    assert!(block_on(put(&store, "more", &"x".repeat(LARGE / 2))).is_ok());
}

#[test]
fn a_full_disk_is_tried_again_while_nobody_writes() {
    let folder = Folder::new();
    let store = folder.open_with(&small_disk());
    fill(&store);
    assert!(!store.is_healthy());
    // Somebody else makes room.
    let other = folder.connect();
    other.execute("UPDATE records SET body = x'00'", []).unwrap();
    comes_true(|| store.is_healthy());
    assert!(block_on(put(&store, "more", &"x".repeat(LARGE))).is_ok());
    let scratch: i64 =
        other.query_one("SELECT count(*) FROM scratch", [], |row| row.get(0)).unwrap();
    assert_eq!(scratch, 0);
}

#[test]
fn one_that_asks_for_the_impossible_spoils_no_other() {
    let folder = Folder::new();
    let store = folder.open();
    let other = folder.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = put(&store, "before", "x");
    let constrained = store.0.writer.submit(|on| {
        on.execute("INSERT INTO scratch (body) VALUES (x'00')", [])?;
        on.execute("INSERT INTO revision (one, number) VALUES (2, 0)", [])?;
        Ok(())
    });
    let after = put(&store, "after", "x");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(block_on(before), Ok(Revision(1)));
    assert!(is_unavailable(&block_on(constrained)));
    assert_eq!(block_on(after), Ok(Revision(2)));
    assert!(store.is_healthy());
    let left: i64 = other.query_one("SELECT count(*) FROM scratch", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn an_error_in_the_midst_of_a_transaction_refuses_all_of_it() {
    let folder = Folder::new();
    let store = folder.open();
    let other = folder.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = put(&store, "first", "x");
    let batch = [
        put(&store, "before", "x"),
        store.0.writer.submit(|_| {
            let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_WRITE);
            Err(Trouble::Engine(rusqlite::Error::SqliteFailure(error, None)))
        }),
        put(&store, "after", "x"),
    ];
    other.execute_batch("ROLLBACK").unwrap();
    // It may have been alone in a transaction before the others, or among them.
    let first = block_on(first);
    for commit in batch {
        assert!(is_unavailable(&block_on(commit)));
    }
    assert!(!store.is_healthy());
    let records = block_on(store.changes_after(Revision(0))).unwrap();
    assert_eq!(ids(&records), if first.is_ok() { vec!["first"] } else { vec![] });
    assert!(is_unavailable(&block_on(put(&store, "later", "x"))));
    drop(other);
    drop(store);
    assert!(folder.log().exists(), "the log is left for whoever opens the file next");
    let records = block_on(folder.open().changes_after(Revision(0))).unwrap();
    assert_eq!(records.len(), usize::from(first.is_ok()));
}

#[test]
fn files_that_were_moved_or_replaced_are_not_written_to() {
    for file in ["behest.db", "behest.db-wal"] {
        for is_replaced in [false, true] {
            let folder = Folder::new();
            let store = folder.open();
            block_on(put(&store, "a", "x")).unwrap();
            let (path, aside) = (folder.path().join(file), folder.path().join("aside"));
            fs::rename(&path, &aside).unwrap();
            if is_replaced {
                fs::copy(&aside, &path).unwrap();
            }
            let refused = block_on(put(&store, "b", "x"));
            assert!(is_unavailable(&refused), "{file} {is_replaced}: {refused:?}");
            assert!(!store.is_healthy());
            assert_eq!(block_on(store.revision()), Ok(Revision(1)), "reads go on");
        }
    }
}

#[test]
fn a_damaged_file_is_noticed_by_a_reader_and_closed_to_writes() {
    let folder = Folder::new();
    let store = folder.open();
    for n in 0..200 {
        block_on(put(&store, &n.to_string(), &"x".repeat(1000))).unwrap();
    }
    drop(store);
    let file = OpenOptions::new().write(true).open(folder.database()).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    // Those of the records; the first ones hold the schema and the tables' roots.
    for page in 32..pages {
        file.write_all_at(&[0xa5; 4096], page * 4096).unwrap();
    }
    drop(file);
    let store = folder.open();
    assert!(is_unavailable(&block_on(store.changes_after(Revision(0)))));
    assert!(!store.is_healthy());
    assert!(is_unavailable(&block_on(put(&store, "b", "x"))));
    assert_eq!(block_on(store.revision()), Ok(Revision(200)), "reads go on where they can");
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.database(), "This is a text, and long enough to be looked at. ".repeat(200))
        .unwrap();
    let refusal = folder.refusal();
    assert!(matches!(refusal, Error::Database(..)), "{refusal}");
}

#[test]
fn a_writer_that_panics_leaves_nobody_waiting() {
    let folder = Folder::new();
    let store = folder.open();
    let panicked = store.0.writer.submit::<(), _>(|_| panic!("on purpose"));
    assert!(is_unavailable(&block_on(panicked)));
    // The answer comes while the thread unwinds; closing waits for its end.
    comes_true(|| !store.is_healthy());
    let refused: Result<_, Failure> = block_on(put(&store, "a", "x"));
    assert!(is_unavailable(&refused));
    assert_eq!(block_on(store.revision()), Ok(Revision(0)), "reads go on");
}
