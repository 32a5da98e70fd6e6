//! The tables, and how a file becomes one that has them.
//!
//! Each migration is one transaction, so whatever interrupts it leaves the file as it was before or as
//! it is after. During an upgrade the version before goes on writing to the file that this one has
//! migrated: a migration adds, and takes nothing away that the version before it uses.

use crate::error::Error;
use rusqlite::{Connection, Result, TransactionBehavior};
use std::path::Path;

/// All of them, for ever, in order; the file's `user_version` says how many it has had.
pub(super) const MIGRATIONS: &[&str] = &[RECORDS, LEDGER, EVENTS];

/// Marks the file as ours: `bhst`.
const APPLICATION_ID: i64 = 0x6268_7374;

/// `scratch` is written to see whether a full disk has room again.
const RECORDS: &str = "
    PRAGMA application_id = 0x62687374;

    CREATE TABLE revision (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        number INTEGER NOT NULL
    ) STRICT;
    INSERT INTO revision (one, number) VALUES (1, 0);

    CREATE TABLE records (
        collection TEXT NOT NULL,
        id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        body BLOB, -- NULL: deleted
        UNIQUE (collection, id)
    ) STRICT;
    CREATE INDEX records_by_revision ON records (revision, collection, id);

    CREATE TABLE audit (
        number INTEGER PRIMARY KEY, -- the revision of the commit that it tells of
        at_ms INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;

    CREATE TABLE scratch (body BLOB NOT NULL) STRICT;
";

/// What the journal is folded into. `secret` makes the keys of counters and leases.
const LEDGER: &str = "
    CREATE TABLE ledger (
        at_ms INTEGER NOT NULL,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        project TEXT NOT NULL,
        user TEXT,
        session TEXT,
        thread TEXT,
        key TEXT NOT NULL,
        model TEXT NOT NULL,
        provider TEXT NOT NULL,
        bucket TEXT NOT NULL,
        status INTEGER NOT NULL,
        ending TEXT NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        reasoning_tokens INTEGER NOT NULL,
        micro_usd INTEGER, -- NULL: there is no price
        latency_ms INTEGER NOT NULL,
        first_byte_ms INTEGER,
        attempts INTEGER NOT NULL,
        estimated INTEGER NOT NULL,
        overrun INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX ledger_by_time ON ledger (at_ms, id);
    CREATE INDEX ledger_by_project ON ledger (tenant, project, at_ms);
    CREATE INDEX ledger_by_user ON ledger (project, user, at_ms) WHERE user IS NOT NULL;

    CREATE TABLE secret (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        bytes BLOB NOT NULL
    ) STRICT;
    INSERT INTO secret (one, bytes) VALUES (1, randomblob(16));

    CREATE TABLE journals (
        boot INTEGER PRIMARY KEY,
        file INTEGER NOT NULL, -- folded up to here
        offset INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE leases (
        boot INTEGER NOT NULL,
        lease BLOB NOT NULL,
        body BLOB NOT NULL, -- as in the journal
        known_tokens INTEGER NOT NULL,
        PRIMARY KEY (boot, lease)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE counters (
        key BLOB PRIMARY KEY, -- of a subject
        slots BLOB NOT NULL, -- what leases that are closed have used, window by window
        expires INTEGER NOT NULL -- in minutes since 1970
    ) STRICT, WITHOUT ROWID;
";

/// What guardrails have found. A number is never given twice, however few are kept.
const EVENTS: &str = "
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        project TEXT NOT NULL,
        kind TEXT NOT NULL,
        direction TEXT NOT NULL,
        mode TEXT NOT NULL,
        action TEXT NOT NULL,
        entities TEXT NOT NULL, -- one a line
        count INTEGER NOT NULL,
        request TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_time ON events (at_ms);
";

/// Refuses a file that is not ours, or not of our time. Writes nothing.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    let failed = |error| Error::Database(path.to_owned(), error);
    let (found, known) = (version(connection).map_err(failed)?, MIGRATIONS.len());
    if !is_ours(connection).map_err(failed)? {
        return Err(Error::Foreign(path.to_owned()));
    }
    if found > known {
        return Err(Error::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// Makes up for the migrations that the file has not had.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let had = version(connection)?;
    for (before, migration) in migrations.iter().enumerate().skip(had) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", before as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative one is nobody's; it is refused like one from far ahead.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Whether the file is marked as ours, or as empty as a new one.
fn is_ours(connection: &Connection) -> Result<bool> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(id == APPLICATION_ID || (id == 0 && tables == 0 && version(connection)? == 0))
}
