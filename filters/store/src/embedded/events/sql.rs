//! The events, in SQL.

use crate::embedded::ledger::{Where, millis_up};
use crate::embedded::records::{signed, unsigned};
use behest_contract::events::{Event, EventQuery, EventRecord};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params, params_from_iter};
use std::time::Duration;

/// Ends each of the kinds of one event. It is in none: they are names of entities and rules.
const END: char = '\n';

pub(super) fn insert(on: &Connection, event: &Event) -> Result<()> {
    let sql = "INSERT INTO events (at_ms, tenant, project, kind, direction, mode, action, entities,
         count, request) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    on.prepare_cached(sql)?.execute(params![
        signed(event.at_ms),
        &*event.tenant,
        &*event.project,
        &*event.kind,
        &*event.direction,
        &*event.mode,
        &*event.action,
        event.entities.iter().flat_map(|name| [name.as_ref(), "\n"]).collect::<String>(),
        signed(event.count),
        &*event.request,
    ])?;
    Ok(())
}

/// Forgets what is too old, and the oldest of what is too much.
pub(super) fn prune(on: &Connection, kept_max: u64, oldest: Duration) -> Result<()> {
    on.prepare_cached("DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?1")?
        .execute([signed(kept_max)])?;
    on.prepare_cached("DELETE FROM events WHERE at_ms < ?1")?.execute([millis_up(oldest)])?;
    Ok(())
}

/// Events, newest first.
pub(super) fn list(on: &Connection, query: &EventQuery) -> Result<Vec<EventRecord>> {
    let mut filter = Where::default();
    filter.equal("tenant", query.tenant.as_deref());
    filter.equal("project", query.project.as_deref());
    filter.equal("kind", query.kind.as_deref());
    filter.within(&query.time);
    if let Some(before) = query.before {
        filter.and("number < ?", [Value::Integer(signed(before))]);
    }
    filter.values.push(Value::Integer(signed(query.limit as u64)));
    let sql = format!(
        "SELECT number, at_ms, tenant, project, kind, direction, mode, action, entities, count,
         request FROM events {} ORDER BY number DESC LIMIT ?",
        filter.sql
    );
    let mut statement = on.prepare_cached(&sql)?;
    let records = statement.query_map(params_from_iter(filter.values), record_in)?;
    records.collect()
}

fn record_in(row: &rusqlite::Row<'_>) -> Result<EventRecord> {
    let text = |column| row.get::<_, String>(column);
    let number = |column| row.get(column).map(unsigned);
    let entities = text(8)?;
    let event = Event {
        at_ms: number(1)?,
        tenant: text(2)?.into(),
        project: text(3)?.into(),
        kind: text(4)?.into(),
        direction: text(5)?.into(),
        mode: text(6)?.into(),
        action: text(7)?.into(),
        entities: entities.split_terminator(END).map(Into::into).collect(),
        count: number(9)?,
        request: text(10)?.into(),
    };
    Ok(EventRecord { number: number(0)?, event })
}
