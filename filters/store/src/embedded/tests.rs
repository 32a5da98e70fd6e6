use super::{Embedded, connection, schema};
use crate::config::EmbeddedConfig;
use crate::error::Error;
use crate::suite::{Open, change, line};
use behest_contract::directory::{Answer, Directory, Expect, Failure, Record, Revision};
use futures::executor::block_on;
use rusqlite::Connection;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

mod damage;
mod desk;
mod events;
mod group;
mod jumps;
mod migration;
mod overlap;
mod purse;
mod recovery;

crate::behaviour!(open_in_a_new_folder());

fn open_in_a_new_folder() -> Open {
    let folder = Folder::new();
    Box::new(move || Arc::new(folder.open()))
}

/// A folder that goes with its test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn database(&self) -> PathBuf {
        self.path().join("behest.db")
    }

    fn log(&self) -> PathBuf {
        self.path().join("behest.db-wal")
    }

    fn open(&self) -> Embedded {
        self.open_with(&EmbeddedConfig::default())
    }

    fn open_with(&self, config: &EmbeddedConfig) -> Embedded {
        Embedded::open(self.path(), config).unwrap()
    }

    fn refusal(&self) -> Error {
        Embedded::open(self.path(), &EmbeddedConfig::default()).unwrap_err()
    }

    /// A connection as another program would have it.
    fn connect(&self) -> Connection {
        fs::create_dir_all(self.path()).unwrap();
        Connection::open(self.database()).unwrap()
    }
}

fn put(store: &Embedded, id: &str, body: &str) -> Answer<Revision> {
    store.commit(vec![change(id, Expect::Anything, Some(body))], line(1))
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| &*record.key.id).collect()
}

fn is_unavailable<T>(answer: &Result<T, Failure>) -> bool {
    matches!(answer, Err(Failure::Unavailable(_)))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_owner_may_read_what_is_made() {
    let folder = Folder::new();
    let store = folder.open();
    block_on(put(&store, "a", "x")).unwrap();
    assert_eq!(mode(&folder.path()), 0o700);
    for file in ["behest.db", "behest.db-wal", "behest.db-shm"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_database_that_others_could_read_is_closed_to_them_and_the_folder_is_its_owners_affair() {
    let folder = Folder::new();
    drop(folder.open());
    fs::set_permissions(folder.database(), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    drop(folder.open());
    assert_eq!(mode(&folder.database()), 0o600);
    assert_eq!(mode(&folder.path()), 0o755);
}

#[test]
fn folders_above_it_are_made_too() {
    let folder = Folder::new();
    let below = folder.path().join("a").join("b");
    let store = Embedded::open(&below, &EmbeddedConfig::default()).unwrap();
    assert!(below.join("behest.db").exists());
    assert_eq!(mode(&below), 0o700);
    drop(store);
}

#[test]
fn a_folder_that_cannot_be_is_refused_by_name() {
    let folder = Folder::new();
    fs::write(folder.path(), "a file").unwrap();
    let refusal = folder.refusal();
    assert!(matches!(refusal, Error::Folder(..)));
    assert!(refusal.to_string().contains("data"), "{refusal}");
}

#[test]
fn the_file_is_set_up_to_lose_nothing() {
    let folder = Folder::new();
    let store = folder.open();
    let connection = connection::prepared(&folder.database(), &EmbeddedConfig::default()).unwrap();
    let number =
        |pragma| -> i64 { connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap() };
    let mode: String =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    // FULL is 2.
    for (pragma, want) in [("synchronous", 2), ("mmap_size", 0), ("wal_autocheckpoint", 0)] {
        assert_eq!(number(pragma), want, "{pragma}");
    }
    drop(store);
}

#[test]
fn a_closed_store_is_one_file() {
    let folder = Folder::new();
    let store = folder.open();
    let last = put(&store, "a", "x");
    drop(store);
    assert!(block_on(last).is_ok(), "what was handed over is finished first");
    let files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["behest.db"]);
}

#[test]
fn a_commit_that_nobody_waits_for_is_made() {
    let folder = Folder::new();
    let store = folder.open();
    drop(put(&store, "a", "x"));
    drop(store);
    let records = block_on(folder.open().changes_after(Revision(0))).unwrap();
    assert_eq!(ids(&records), ["a"]);
}

#[test]
fn clones_share_one_store_and_the_last_one_closes_it() {
    let folder = Folder::new();
    let store = folder.open();
    let clone = store.clone();
    drop(store);
    block_on(put(&clone, "a", "x")).unwrap();
    assert_eq!(clone.transactions(), 1);
}

#[test]
fn a_store_may_be_dropped_by_its_own_thread() {
    let folder = Folder::new();
    let store = folder.open();
    let (done, is_done) = std::sync::mpsc::channel();
    let held = store.clone();
    let answer = store.0.writer.submit(move |_| {
        // The last owner, once the test has let go.
        while Arc::strong_count(&held.0) > 1 {
            std::thread::yield_now();
        }
        drop(held);
        done.send(()).unwrap();
        Ok(())
    });
    drop(store);
    is_done.recv().unwrap();
    assert_eq!(block_on(answer), Ok(()));
}

#[test]
fn the_log_is_brought_into_the_database_while_the_store_runs() {
    let folder = Folder::new();
    let store = folder.open();
    let size = || fs::metadata(folder.database()).unwrap().len();
    let before = size();
    let body = "x".repeat(1 << 20);
    for n in 0..6 {
        block_on(put(&store, &n.to_string(), &body)).unwrap();
    }
    // The one after is begun when the checkpoint of those before has been made.
    block_on(put(&store, "last", "x")).unwrap();
    assert!(size() > before + (4 << 20), "{} bytes", size());
}
