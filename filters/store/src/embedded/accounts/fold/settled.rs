//! What closed leases have used, in the database: a row for each subject, with all its windows.
//!
//! One row, because a request changes nearly all of a subject's counters at once; and rows are changed in
//! the order of their keys, so that neighbours share a page.

use crate::embedded::accounts::counters::{Kind, LIFE_IDLE_MAX_MINUTES, Taken};
use crate::embedded::accounts::key::Key;
use behest_contract::purse::Window;
use rusqlite::{Connection, OptionalExtension, Result, params};
use smallvec::SmallVec;
use std::collections::BTreeMap;

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

/// How many rows are looked at for what has expired, in one fold.
const SEEN_MAX: u32 = 2_000;

/// A kind, a slot's begin, and what was used: 1, 4 and 8 bytes, the lowest first.
const SLOT_BYTES: usize = 13;

/// One counter of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    kind: Kind,
    /// When its window begins; of a life, when it was last used.
    since: u32,
    used: u64,
}

type Slots = SmallVec<[Slot; 8]>;

impl Slot {
    fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.kind.is_life() || self.since == other.since)
    }

    /// When it stops to count.
    fn until(&self) -> u32 {
        if self.kind.is_life() {
            return self.since.saturating_add(LIFE_IDLE_MAX_MINUTES);
        }
        self.kind.end(self.since)
    }

    /// When it may be dropped. What is over is kept for a while: if the clock is set back before the next
    /// start, its window is not granted once more.
    fn expires(&self) -> u32 {
        let kept = match self.kind.window() {
            Window::Minute => HOUR,
            Window::Day | Window::Month => 7 * DAY,
            Window::Life => 0,
        };
        self.until().saturating_add(kept)
    }
}

/// What subjects are to grow by, in the order of their keys.
#[derive(Default)]
pub(super) struct Growth {
    by: BTreeMap<[u8; 16], Slots>,
    /// What counters have come to at least.
    raised: BTreeMap<[u8; 16], Slots>,
}

impl Growth {
    pub(super) fn add(&mut self, taken: &Taken, kept: u64, now: u32) {
        if kept > 0 {
            let since = if taken.kind.is_life() { now } else { taken.since };
            let slots = self.by.entry(taken.key.to_bytes()).or_default();
            grow(slots, Slot { kind: taken.kind, since, used: kept });
        }
    }

    /// After what it has grown by so far, a counter has come to at least this.
    pub(super) fn raise(&mut self, to: Taken, now: u32) {
        let since = if to.kind.is_life() { now } else { to.since };
        let key = to.key.to_bytes();
        let grown = self.by.entry(key).or_default();
        let slot = Slot { kind: to.kind, since, used: to.amount };
        // What it grows by from here on comes on top, and what it has grown by lies in it.
        let before = grown.iter().find(|grown| grown.is(&slot)).map_or(0, |grown| grown.used);
        let used = slot.used.saturating_sub(before);
        self.raised.entry(key).or_default().push(Slot { used, ..slot });
    }

    pub(super) fn write(&self, on: &Connection, now: u32) -> Result<()> {
        let mut find = on.prepare_cached("SELECT slots FROM counters WHERE key = ?1")?;
        let mut put = on.prepare_cached(
            "INSERT INTO counters (key, slots, expires) VALUES (?1, ?2, ?3) ON CONFLICT (key)
             DO UPDATE SET slots = excluded.slots, expires = excluded.expires",
        )?;
        for (key, growth) in &self.by {
            let found: Option<Vec<u8>> = find.query_row([key], |row| row.get(0)).optional()?;
            let mut slots = read(&found.unwrap_or_default());
            slots.retain(|slot| slot.expires() > now);
            let raised = self.raised.get(key).into_iter().flatten();
            raised.for_each(|slot| raise(&mut slots, *slot));
            growth.iter().for_each(|slot| grow(&mut slots, *slot));
            let expires = slots.iter().map(Slot::expires).max().unwrap_or(now);
            put.execute(params![key, bytes_of(&slots), expires])?;
        }
        Ok(())
    }
}

fn grow(slots: &mut Slots, by: Slot) {
    match slots.iter_mut().find(|slot| slot.is(&by)) {
        Some(slot) => {
            slot.used = slot.used.saturating_add(by.used);
            slot.since = slot.since.max(by.since);
        }
        None => slots.push(by),
    }
}

fn raise(slots: &mut Slots, to: Slot) {
    match slots.iter_mut().find(|slot| slot.is(&to)) {
        Some(slot) => slot.used = slot.used.max(to.used),
        None => slots.push(to),
    }
}

fn bytes_of(slots: &[Slot]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(slots.len() * SLOT_BYTES);
    for slot in slots {
        bytes.push(slot.kind.code());
        bytes.extend(slot.since.to_le_bytes());
        bytes.extend(slot.used.to_le_bytes());
    }
    bytes
}

fn read(mut bytes: &[u8]) -> Slots {
    let mut slots = Slots::new();
    while let Some((slot, rest)) = bytes.split_first_chunk::<SLOT_BYTES>() {
        let [kind, s0, s1, s2, s3, used @ ..] = *slot;
        if let Some(kind) = Kind::of(kind) {
            let since = u32::from_le_bytes([s0, s1, s2, s3]);
            slots.push(Slot { kind, since, used: u64::from_le_bytes(used) });
        }
        bytes = rest;
    }
    slots
}

/// All counters that count now or later.
pub(in crate::embedded) fn known_counters(
    on: &Connection,
    now: u32,
    mut each: impl FnMut(Taken),
) -> Result<()> {
    let mut statement = on.prepare("SELECT key, slots FROM counters WHERE expires > ?1")?;
    let mut rows = statement.query([now])?;
    while let Some(row) = rows.next()? {
        let key = Key::from_bytes(row.get(0)?);
        for slot in read(row.get_ref(1)?.as_blob()?).iter().filter(|slot| slot.until() > now) {
            let Slot { kind, since, used } = *slot;
            each(Taken { key, kind, since, amount: used });
        }
    }
    Ok(())
}

/// Looks through the table from where it has stopped the last time, and drops what has expired. Whether
/// there was any.
pub(super) fn drop_expired(on: &Connection, now: u32, from: &mut Vec<u8>) -> Result<bool> {
    let sql = "SELECT max(key) FROM
               (SELECT key FROM counters WHERE key > ?1 ORDER BY key LIMIT ?2)";
    let last: Option<Vec<u8>> =
        on.prepare_cached(sql)?.query_one(params![&*from, SEEN_MAX], |row| row.get(0))?;
    let Some(last) = last else {
        from.clear();
        return Ok(false);
    };
    let sql = "DELETE FROM counters WHERE key > ?1 AND key <= ?2 AND expires <= ?3";
    let dropped = on.prepare_cached(sql)?.execute(params![&*from, last, now])?;
    *from = last;
    Ok(dropped > 0)
}

#[cfg(test)]
mod tests;
