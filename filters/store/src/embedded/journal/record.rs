//! What is written to the journal.

use super::row;
use super::wire::{Reading, Writing};
use crate::embedded::accounts::counters::{AllTaken, Kind, Spent, Taken};
use crate::embedded::accounts::key::Key;
use behest_contract::book::Row;

const OPEN: u8 = 1;
const PROGRESS: u8 = 2;
const CLOSE: u8 = 3;

/// A lease was opened.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::embedded) struct Open {
    pub(in crate::embedded) taken: AllTaken,
    /// The row to be booked if it is lost.
    pub(in crate::embedded) sketch: Row,
    /// What is known of its tokens; told by [`Record::Progress`].
    pub(in crate::embedded) known_tokens: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::embedded) enum Record {
    /// A lease was opened.
    Open(Key, Box<Open>),
    /// This is now known of a lease's tokens.
    Progress(Key, u64),
    /// A lease was closed, a request was booked, or both.
    Close(Option<(Key, Spent)>, Option<Box<Row>>),
}

/// Writes [`Record::Open`]. The row's id and tenant are the lease's, whatever the sketch says.
pub(in crate::embedded) fn put_open(
    out: &mut Vec<u8>,
    lease: Key,
    taken: &[Taken],
    sketch: &Row,
    (id, tenant): (&str, &str),
) {
    out.push(OPEN);
    out.put_key(lease);
    out.put_number(taken.len() as u64);
    for taken in taken {
        out.put_key(taken.key);
        out.push(taken.kind.code());
        out.put_number(u64::from(taken.since));
        out.put_number(taken.amount);
    }
    row::put(out, sketch, id, tenant);
}

/// Writes [`Record::Progress`].
pub(in crate::embedded) fn put_progress(out: &mut Vec<u8>, lease: Key, tokens: u64) {
    out.push(PROGRESS);
    out.put_key(lease);
    out.put_number(tokens);
}

/// Writes [`Record::Close`].
pub(in crate::embedded) fn put_close(
    out: &mut Vec<u8>,
    lease: Option<(Key, Spent)>,
    row: Option<&Row>,
) {
    out.push(CLOSE);
    out.push(u8::from(lease.is_some()) | u8::from(row.is_some()) << 1);
    if let Some((lease, spent)) = lease {
        out.put_key(lease);
        out.push(u8::from(spent.void));
        out.put_number(spent.tokens);
        out.put_number(spent.micro_usd);
    }
    if let Some(row) = row {
        row::put(out, row, &row.id, &row.tenant);
    }
}

/// Reads one. `None` for what another version has written.
pub(in crate::embedded) fn read(bytes: &[u8]) -> Option<Record> {
    let mut from = Reading(bytes);
    match from.byte()? {
        OPEN => read_open(&mut from),
        PROGRESS => Some(Record::Progress(from.key()?, from.number()?)),
        CLOSE => read_close(&mut from),
        _ => None,
    }
}

fn read_open(from: &mut Reading<'_>) -> Option<Record> {
    let (lease, count) = (from.key()?, from.number()?);
    let mut taken = AllTaken::new();
    for _ in 0..count {
        let key = from.key()?;
        let kind = Kind::of(from.byte()?)?;
        let since = u32::try_from(from.number()?).ok()?;
        taken.push(Taken { key, kind, since, amount: from.number()? });
    }
    let sketch = row::read(from)?;
    Some(Record::Open(lease, Box::new(Open { taken, sketch, known_tokens: 0 })))
}

fn read_close(from: &mut Reading<'_>) -> Option<Record> {
    let has = from.byte()?;
    let lease = if has & 1 == 0 {
        None
    } else {
        let lease = from.key()?;
        let void = from.byte()? != 0;
        Some((lease, Spent { void, tokens: from.number()?, micro_usd: from.number()? }))
    };
    let row = if has & 2 == 0 { None } else { Some(Box::new(row::read(from)?)) };
    Some(Record::Close(lease, row))
}

#[cfg(test)]
mod tests;
