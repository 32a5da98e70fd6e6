//! The records and the audit, in SQL.

use super::writer::Trouble;
use behest_contract::directory::{
    AuditLine, AuditRecord, Change, Expect, Failure, Record, RecordKey, Revision,
};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

/// Makes all changes and writes the audit's line, or says what stands against it.
pub(super) fn commit(
    on: &Connection,
    changes: Vec<Change>,
    audit: &AuditLine,
) -> Result<Revision, Trouble> {
    let revision = raise(on)?;
    for change in changes {
        if !holds(change.expect, find(on, &change.key)?) {
            return Err(Trouble::Refused(Failure::Conflict(change.key)));
        }
        put(on, &change, revision)?;
    }
    note(on, audit, revision)?;
    Ok(revision)
}

/// The revision now.
pub(super) fn revision(on: &Connection) -> Result<Revision> {
    on.prepare_cached("SELECT number FROM revision")?.query_one([], |row| revision_in(row, 0))
}

/// The records last written after a revision.
pub(super) fn changes_after(on: &Connection, after: Revision) -> Result<Vec<Record>> {
    let mut statement = on.prepare_cached(
        "SELECT collection, id, revision, body FROM records WHERE revision > ?1
         ORDER BY revision, collection, id",
    )?;
    let records = statement.query_map([signed(after.0)], |row| {
        let key = RecordKey { collection: row.get(0)?, id: row.get(1)? };
        Ok(Record { key, revision: revision_in(row, 2)?, body: row.get(3)? })
    })?;
    records.collect()
}

/// Lines of the audit, newest first.
pub(super) fn audit(
    on: &Connection,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<AuditRecord>> {
    let mut statement = on.prepare_cached(
        "SELECT number, at_ms, body FROM audit WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let before = before.map_or(i64::MAX, signed);
    let lines = statement.query_map([before, signed(limit as u64)], |row| {
        let line = AuditLine { at_ms: unsigned(row.get(1)?), body: row.get(2)? };
        Ok(AuditRecord { number: unsigned(row.get(0)?), line })
    })?;
    lines.collect()
}

/// Takes the next revision. It is the file's and not this process's: another may write too.
fn raise(on: &Connection) -> Result<Revision> {
    on.prepare_cached("UPDATE revision SET number = number + 1 RETURNING number")?
        .query_one([], |row| revision_in(row, 0))
}

/// A record as it stands before a change.
struct Found {
    revision: Revision,
    is_deleted: bool,
}

fn find(on: &Connection, key: &RecordKey) -> Result<Option<Found>> {
    on.prepare_cached(
        "SELECT revision, body IS NULL FROM records WHERE collection = ?1 AND id = ?2",
    )?
    .query_row([&*key.collection, &*key.id], |row| {
        Ok(Found { revision: revision_in(row, 0)?, is_deleted: row.get(1)? })
    })
    .optional()
}

fn holds(expect: Expect, found: Option<Found>) -> bool {
    match expect {
        Expect::Anything => true,
        Expect::Absent => found.is_none_or(|found| found.is_deleted),
        Expect::Present => found.is_some_and(|found| !found.is_deleted),
        Expect::At(revision) => found.is_some_and(|found| found.revision == revision),
    }
}

fn put(on: &Connection, change: &Change, revision: Revision) -> Result<()> {
    let mut statement = on.prepare_cached(
        "INSERT INTO records (collection, id, revision, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (collection, id)
         DO UPDATE SET revision = excluded.revision, body = excluded.body",
    )?;
    let RecordKey { collection, id } = &change.key;
    statement.execute(params![collection, id, signed(revision.0), change.body.as_deref()])?;
    Ok(())
}

fn note(on: &Connection, line: &AuditLine, revision: Revision) -> Result<()> {
    on.prepare_cached("INSERT INTO audit (number, at_ms, body) VALUES (?1, ?2, ?3)")?
        .execute(params![signed(revision.0), signed(line.at_ms), &*line.body])?;
    Ok(())
}

fn revision_in(row: &Row<'_>, column: usize) -> Result<Revision> {
    Ok(Revision(unsigned(row.get(column)?)))
}

/// SQLite's integers have a sign. What does not fit is beyond all that is ever stored.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
