use super::{Folder, connection, put, schema};
use crate::config::EmbeddedConfig;
use crate::error::Error;
use behest_contract::directory::{Directory, Revision};
use futures::executor::block_on;
use rusqlite::Connection;
use std::fs;

/// A step of the future: it changes what is there and adds to it.
const NEXT: &str = "
    CREATE TABLE next (id INTEGER PRIMARY KEY, body BLOB) STRICT;
    INSERT INTO next (body) SELECT zeroblob(3000) FROM records;
    ALTER TABLE records ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
    UPDATE records SET seen = 1;
";

/// How SQLite's log is laid out.
const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

fn version(connection: &Connection) -> usize {
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap()
        as usize
}

fn with_next() -> Vec<&'static str> {
    [schema::MIGRATIONS, &[NEXT]].concat()
}

#[test]
fn a_new_file_gets_all_migrations_and_an_old_one_those_it_has_not_had() {
    let folder = Folder::new();
    let store = folder.open();
    block_on(put(&store, "a", "x")).unwrap();
    drop(store);
    let mut connection = folder.connect();
    assert_eq!(version(&connection), schema::MIGRATIONS.len());
    for _ in 0..2 {
        schema::migrate(&mut connection, &with_next()).unwrap();
        assert_eq!(version(&connection), schema::MIGRATIONS.len() + 1);
        let copied: i64 =
            connection.query_one("SELECT count(*) FROM next", [], |row| row.get(0)).unwrap();
        assert_eq!(copied, 1);
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    drop(folder.open());
    let mut connection = folder.connect();
    schema::migrate(&mut connection, &with_next()).unwrap();
    drop(connection);
    let before = fs::read(folder.database()).unwrap();
    let refusal = folder.refusal();
    let (newest, next) = (schema::MIGRATIONS.len(), schema::MIGRATIONS.len() + 1);
    assert!(
        matches!(&refusal, Error::Newer { found, known, .. } if (*found, *known) == (next, newest)),
        "{refusal}"
    );
    assert!(refusal.to_string().contains("a newer version has written this store"), "{refusal}");
    assert_eq!(fs::read(folder.database()).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    for others in
        ["CREATE TABLE theirs (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"]
    {
        let folder = Folder::new();
        let connection = folder.connect();
        connection.execute_batch(others).unwrap();
        drop(connection);
        let before = fs::read(folder.database()).unwrap();
        let refusal = folder.refusal();
        assert!(matches!(refusal, Error::Foreign(_)), "{others}: {refusal}");
        assert_eq!(fs::read(folder.database()).unwrap(), before, "{others}");
    }
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let folder = Folder::new();
    drop(folder.open());
    let mut connection = folder.connect();
    let broken = format!("{NEXT} INSERT INTO nowhere VALUES (1);");
    let migrations = [schema::MIGRATIONS, &[&broken]].concat();
    assert!(schema::migrate(&mut connection, &migrations).is_err());
    assert_eq!(version(&connection), schema::MIGRATIONS.len());
    assert!(connection.prepare("SELECT * FROM next").is_err());
    drop(connection);
    assert!(folder.open().is_healthy());
}

/// A folder as it is found when the log's end has not reached the disk.
fn image(database: &[u8], log: &[u8]) -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path()).unwrap();
    fs::write(folder.database(), database).unwrap();
    fs::write(folder.log(), log).unwrap();
    folder
}

/// The version of the schema that is found so.
fn version_found(database: &[u8], log: &[u8]) -> usize {
    let folder = image(database, log);
    let connection = folder.connect();
    let sound: String =
        connection.query_one("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let records: i64 =
        connection.query_one("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
    assert_eq!(records, 20);
    let version = version(&connection);
    let has_next = connection.prepare("SELECT count(*), sum(seen) FROM next, records").is_ok();
    assert_eq!(has_next, version > schema::MIGRATIONS.len());
    version
}

#[test]
fn a_migration_cut_off_anywhere_leaves_the_old_file_or_the_new_one() {
    let folder = Folder::new();
    let store = folder.open();
    for n in 0..20 {
        block_on(put(&store, &n.to_string(), "x")).unwrap();
    }
    drop(store);
    let config = EmbeddedConfig::default();
    let mut connection = connection::prepared(&folder.database(), &config).unwrap();
    schema::migrate(&mut connection, &with_next()).unwrap();
    let database = fs::read(folder.database()).unwrap();
    let log = fs::read(folder.log()).unwrap();
    let frames = (log.len() - HEADER) / FRAME;
    assert!(frames > 10, "{frames} frames");

    let (old, new) = (schema::MIGRATIONS.len(), schema::MIGRATIONS.len() + 1);
    for frame in 0..frames {
        for more in [0, 10, 24, 2000, FRAME - 1] {
            let cut = HEADER + frame * FRAME + more;
            assert_eq!(version_found(&database, &log[..cut]), old, "cut at {cut}");
        }
    }
    assert_eq!(version_found(&database, &log), new);
}

#[test]
fn a_log_cut_off_anywhere_keeps_every_commit_that_was_answered_before() {
    let folder = Folder::new();
    let store = folder.open();
    let mut answered_at = Vec::new();
    for n in 0..12_u64 {
        block_on(put(&store, &n.to_string(), "x")).unwrap();
        answered_at.push(fs::metadata(folder.log()).unwrap().len() as usize);
    }
    let database = fs::read(folder.database()).unwrap();
    let log = fs::read(folder.log()).unwrap();
    for frame in 0..(log.len() - HEADER) / FRAME {
        for more in [0, 10, 2000] {
            let cut = HEADER + frame * FRAME + more;
            let answered = answered_at.iter().filter(|at| **at <= cut).count();
            // Those before the first of this test are in the log too: it starts with the schema.
            let found = image(&database, &log[..cut]).open();
            let revision = block_on(found.revision()).unwrap().0;
            assert_eq!(revision, answered as u64, "cut at {cut}");
            let records = block_on(found.changes_after(Revision(0))).unwrap();
            let told: Vec<_> = records.iter().map(|record| record.revision.0).collect();
            assert_eq!(told, Vec::from_iter(1..=revision), "cut at {cut}");
            assert_eq!(block_on(found.audit(None, 100)).unwrap().len(), answered);
        }
    }
}

#[test]
fn a_file_that_was_made_and_not_migrated_is_a_new_one() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.database(), "").unwrap();
    assert_eq!(block_on(folder.open().revision()), Ok(Revision(0)));

    let folder = Folder::new();
    folder.connect().pragma_update(None, "journal_mode", "WAL").unwrap();
    assert_eq!(block_on(folder.open().revision()), Ok(Revision(0)));
}

#[test]
fn many_who_open_a_new_store_at_once_make_one() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let folder = &folder;
            scope.spawn(move || block_on(put(&folder.open(), &n.to_string(), "x")).unwrap());
        }
    });
    assert_eq!(block_on(folder.open().revision()), Ok(Revision(8)));
}
