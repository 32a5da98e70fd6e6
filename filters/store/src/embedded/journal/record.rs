//! What is written to the journal.

use super::wire::{Reading, Writing};
use super::{price, row};
use crate::embedded::accounts::counters::{AllTaken, Kind, Spent, Taken};
use crate::embedded::accounts::key::Key;
use crate::embedded::accounts::places::Progress;
use behest_contract::book::{Bucket, Row};
use behest_contract::price::Price;
use behest_contract::purse::{Sent, lost_row};

const OPEN: u8 = 1;
const PROGRESS: u8 = 2;
const CLOSE: u8 = 3;
const RAISE: u8 = 4;

/// A lease was opened.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::embedded) struct Open {
    pub(in crate::embedded) taken: AllTaken,
    /// The row to be booked if it is lost.
    pub(in crate::embedded) sketch: Row,
    /// What its tokens cost.
    pub(in crate::embedded) price: Option<Price>,
    /// What is known of its tokens; told by [`Record::Progress`].
    pub(in crate::embedded) known_tokens: u64,
}

impl Open {
    /// More is known of it. Whether its row is another now.
    pub(in crate::embedded) fn learn(&mut self, progress: Progress) -> bool {
        self.known_tokens = progress.tokens;
        let Some((sent, attempts)) = progress.sent else { return false };
        sent.name_in(&mut self.sketch, attempts);
        true
    }

    /// The row to be booked if it is lost.
    pub(in crate::embedded) fn lost_row(&self) -> Row {
        lost_row(&self.sketch, self.price.as_ref(), self.known_tokens)
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::embedded) enum Record {
    /// A lease was opened.
    Open(Key, Box<Open>),
    /// This is now known of a lease.
    Progress(Key, Progress),
    /// A counter has come to at least this.
    Raise(Taken),
    /// A lease was closed, a request was booked, or both.
    Close(Option<(Key, Spent)>, Option<Box<Row>>),
}

/// Writes [`Record::Open`]. The row's id and tenant are the lease's, whatever the sketch says. The price
/// comes last: there are versions that do not know of it, and pass over it.
pub(in crate::embedded) fn put_open(
    out: &mut Vec<u8>,
    lease: Key,
    taken: &[Taken],
    (sketch, price): (&Row, Option<&Price>),
    (id, tenant): (&str, &str),
) {
    out.push(OPEN);
    out.put_key(lease);
    out.put_number(taken.len() as u64);
    taken.iter().for_each(|taken| put_taken(out, taken));
    row::put(out, sketch, id, tenant);
    if let Some(price) = price {
        price::put(out, price);
    }
}

fn put_taken(out: &mut Vec<u8>, taken: &Taken) {
    out.put_key(taken.key);
    out.push(taken.kind.code());
    out.put_number(u64::from(taken.since));
    out.put_number(taken.amount);
}

/// Writes [`Record::Raise`].
pub(in crate::embedded) fn put_raise(out: &mut Vec<u8>, to: &Taken) {
    out.push(RAISE);
    put_taken(out, to);
}

/// Writes [`Record::Progress`]. Where it was sent comes last, as a price does.
pub(in crate::embedded) fn put_progress(out: &mut Vec<u8>, lease: Key, progress: &Progress) {
    out.push(PROGRESS);
    out.put_key(lease);
    out.put_number(progress.tokens);
    if let Some((sent, attempts)) = &progress.sent {
        out.put_number(u64::from(*attempts));
        out.push(u8::from(sent.bucket == Bucket::Byok));
        out.put_text(&sent.provider);
    }
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
        PROGRESS => Some(Record::Progress(from.key()?, read_progress(&mut from)?)),
        RAISE => read_taken(&mut from).map(Record::Raise),
        CLOSE => read_close(&mut from),
        _ => None,
    }
}

fn read_open(from: &mut Reading<'_>) -> Option<Record> {
    let (lease, count) = (from.key()?, from.number()?);
    let mut taken = AllTaken::new();
    for _ in 0..count {
        taken.push(read_taken(from)?);
    }
    let sketch = row::read(from)?;
    let price = if from.0.is_empty() { None } else { Some(price::read(from)?) };
    Some(Record::Open(lease, Box::new(Open { taken, sketch, price, known_tokens: 0 })))
}

fn read_taken(from: &mut Reading<'_>) -> Option<Taken> {
    let key = from.key()?;
    let kind = Kind::of(from.byte()?)?;
    let since = u32::try_from(from.number()?).ok()?;
    Some(Taken { key, kind, since, amount: from.number()? })
}

fn read_progress(from: &mut Reading<'_>) -> Option<Progress> {
    let tokens = from.number()?;
    if from.0.is_empty() {
        return Some(Progress { tokens, sent: None });
    }
    let attempts = u32::try_from(from.number()?).ok()?;
    let bucket = if from.byte()? == 0 { Bucket::Platform } else { Bucket::Byok };
    let sent = Sent { provider: from.text()?.into(), bucket };
    Some(Progress { tokens, sent: Some((sent, attempts)) })
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
