//! Leases and positions, in SQL.

use crate::embedded::accounts::key::{Key, KeyMap};
use crate::embedded::journal::record::{self, Open, Record, put_open};
use crate::embedded::journal::{Boot, Position};
use crate::embedded::records::{signed, unsigned};
use rusqlite::{Connection, OptionalExtension, Result, params};

/// The folder's secret.
pub(in crate::embedded) fn secret(on: &Connection) -> Result<[u8; 16]> {
    on.query_one("SELECT bytes FROM secret", [], |row| row.get(0))
}

/// The newest boot that has folded anything, 0 if there is none.
pub(in crate::embedded) fn newest_boot(on: &Connection) -> Result<Boot> {
    let sql = "SELECT coalesce(max(boot), 0) FROM journals";
    on.query_one(sql, [], |row| Ok(Boot(unsigned(row.get(0)?))))
}

/// The boots that have something open where they are folded to.
pub(in crate::embedded) fn known_boots(on: &Connection) -> Result<Vec<Boot>> {
    let mut statement = on.prepare("SELECT DISTINCT boot FROM leases")?;
    let boots = statement.query_map([], |row| Ok(Boot(unsigned(row.get(0)?))))?;
    boots.collect()
}

/// How far a boot's journal is folded.
pub(in crate::embedded) fn position_of(on: &Connection, boot: Boot) -> Result<Position> {
    let mut statement = on.prepare_cached("SELECT file, offset FROM journals WHERE boot = ?1")?;
    let position = statement.query_row([signed(boot.0)], |row| {
        Ok(Position { file: row.get(0)?, offset: unsigned(row.get(1)?) })
    });
    Ok(position.optional()?.unwrap_or_default())
}

pub(super) fn set_position(on: &Connection, boot: Boot, position: Position) -> Result<()> {
    let sql = "INSERT INTO journals (boot, file, offset) VALUES (?1, ?2, ?3)
               ON CONFLICT (boot) DO UPDATE SET file = excluded.file, offset = excluded.offset";
    let Position { file, offset } = position;
    on.prepare_cached(sql)?.execute(params![signed(boot.0), file, signed(offset)])?;
    Ok(())
}

/// The leases that are open where a boot's journal is folded to.
pub(in crate::embedded) fn leases_of(on: &Connection, boot: Boot) -> Result<KeyMap<Box<Open>>> {
    let sql = "SELECT body, known_tokens FROM leases WHERE boot = ?1";
    let mut statement = on.prepare_cached(sql)?;
    let mut rows = statement.query([signed(boot.0)])?;
    let mut leases = KeyMap::default();
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(0)?;
        if let Some(Record::Open(lease, mut open)) = record::read(&body) {
            open.known_tokens = unsigned(row.get(1)?);
            leases.insert(lease, open);
        }
    }
    Ok(leases)
}

pub(super) fn put_lease(on: &Connection, boot: Boot, lease: Key, open: &Open) -> Result<()> {
    let mut body = Vec::new();
    let Open { taken, sketch, price, known_tokens } = open;
    let told = (sketch, price.as_ref());
    put_open(&mut body, lease, taken, told, (&sketch.id, &sketch.tenant));
    let sql = "INSERT OR REPLACE INTO leases (boot, lease, body, known_tokens)
               VALUES (?1, ?2, ?3, ?4)";
    let known = signed(*known_tokens);
    on.prepare_cached(sql)?.execute(params![signed(boot.0), lease.to_bytes(), body, known])?;
    Ok(())
}

pub(super) fn set_progress(on: &Connection, boot: Boot, lease: Key, tokens: u64) -> Result<()> {
    let sql = "UPDATE leases SET known_tokens = ?3 WHERE boot = ?1 AND lease = ?2";
    on.prepare_cached(sql)?.execute(params![signed(boot.0), lease.to_bytes(), signed(tokens)])?;
    Ok(())
}

pub(super) fn delete_lease(on: &Connection, boot: Boot, lease: Key) -> Result<()> {
    let sql = "DELETE FROM leases WHERE boot = ?1 AND lease = ?2";
    on.prepare_cached(sql)?.execute(params![signed(boot.0), lease.to_bytes()])?;
    Ok(())
}
