//! How SQLite is set up.

use super::schema;
use crate::config::EmbeddedConfig;
use crate::error::Error;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags, Result};
use std::path::Path;

const PAGE_BYTES: u64 = 4096;
/// SQLite's own bound.
const PAGES_MAX: u64 = 4_294_967_294;
/// How much of the log's file is kept after a burst.
const LOG_KEPT_BYTES: i64 = 16 << 20;

/// The writer's connection, to a file of the newest schema.
pub(super) fn prepared(path: &Path, config: &EmbeddedConfig) -> Result<Connection, Error> {
    let failed = |error| Error::Database(path.to_owned(), error);
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, config).map_err(failed)?;
    // SQLite quietly opens a file that it may not write for reading.
    if connection.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(Error::ReadOnly(path.to_owned()));
    }
    schema::check(&connection, path)?;
    if !set_up_log(&connection, config).map_err(failed)? {
        return Err(Error::NoWal(path.to_owned()));
    }
    schema::migrate(&mut connection, schema::MIGRATIONS).map_err(failed)?;
    Ok(connection)
}

/// A connection that reads.
pub(super) fn reading(path: &Path, config: &EmbeddedConfig) -> Result<Connection, Error> {
    let connect = || {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, config)?;
        leave_log_alone(&connection)?;
        // SQLite looks at the files when they are first read: that is now, not some day later.
        connection.query_one("SELECT count(*) FROM revision", [], |_| Ok(()))?;
        Ok(connection)
    };
    connect().map_err(|error| Error::Database(path.to_owned(), error))
}

/// Closes without a checkpoint, whoever else has the file open.
pub(super) fn leave_log_alone(connection: &Connection) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

fn open(path: &Path, mode: OpenFlags, config: &EmbeddedConfig) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(config.busy_timeout)?;
    // A mapped file turns an I/O error into a signal.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Whether there is a log now.
fn set_up_log(connection: &Connection, config: &EmbeddedConfig) -> Result<bool> {
    connection.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS only this reaches the platter; elsewhere it does nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // SQLite's own checkpoint keeps its errors to itself: the writer makes them instead.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES)?;
    if let Some(bytes) = config.size_max_bytes {
        let pages = (bytes / PAGE_BYTES).clamp(1, PAGES_MAX);
        connection.pragma_update(None, "max_page_count", pages as i64)?;
    }
    Ok(mode == "wal")
}
