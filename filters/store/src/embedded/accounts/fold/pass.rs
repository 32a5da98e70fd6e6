//! One boot's records on their way into the database.

use super::settled::Growth;
use super::{Memory, Remembered, sql};
use crate::embedded::accounts::Accounts;
use crate::embedded::accounts::counters::Spent;
use crate::embedded::accounts::key::{Key, KeyMap};
use crate::embedded::accounts::places::spent_on;
use crate::embedded::journal::record::{Open, Record};
use crate::embedded::journal::tail::Tail;
use crate::embedded::journal::{Boot, Position};
use crate::embedded::ledger;
use behest_contract::book::Row;
use rusqlite::{Connection, Result};
use std::collections::{HashMap, HashSet};
use std::io;

/// How many records are folded in one transaction, about.
const RECORDS_MAX: usize = 20_000;

/// What was read and is not yet written.
pub(super) struct Pass {
    boot: Boot,
    now: u32,
    began_at: Position,
    tail: Tail,
    /// What is open behind the last record that was read.
    leases: KeyMap<Box<Open>>,
    /// Of those, the ones that the database does not have.
    fresh: HashSet<Key>,
    /// Those of the database's that were closed.
    gone: Vec<Key>,
    /// What is newly known of leases' tokens.
    progress: HashMap<Key, u64>,
    /// Leases whose rows are others than the database has.
    renamed: HashSet<Key>,
    rows: Vec<Row>,
    growth: Growth,
}

impl Pass {
    pub(super) fn begin(
        on: &Connection,
        accounts: &Accounts,
        memory: &mut Memory,
        (boot, now): (Boot, u32),
    ) -> Result<Self> {
        let position = sql::position_of(on, boot)?;
        let remembered = memory.boots.remove(&boot).filter(|known| known.position == position);
        let leases = match remembered {
            Some(known) => known.leases,
            None => sql::leases_of(on, boot)?,
        };
        Ok(Self {
            boot,
            now,
            began_at: position,
            tail: Tail::new(accounts.boots.folder(), boot, position),
            leases,
            fresh: HashSet::new(),
            gone: Vec::new(),
            progress: HashMap::new(),
            renamed: HashSet::new(),
            rows: Vec::new(),
            growth: Growth::default(),
        })
    }

    /// Whether that was all that there is by now.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        let mut count = 0;
        while count < RECORDS_MAX {
            let Some(records) = self.tail.read()? else { return Ok(true) };
            count += records.len();
            records.into_iter().for_each(|record| self.apply(record));
        }
        Ok(false)
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Open(lease, open) => {
                self.close(lease, &Spent::VOID);
                self.leases.insert(lease, open);
                self.fresh.insert(lease);
            }
            Record::Progress(lease, progress) => {
                if let Some(open) = self.leases.get_mut(&lease) {
                    self.progress.insert(lease, progress.tokens);
                    if open.learn(progress) {
                        self.renamed.insert(lease);
                    }
                }
            }
            Record::Raise(to) => self.growth.raise(to, self.now),
            Record::Close(closed, row) => {
                if let Some((lease, spent)) = closed {
                    self.close(lease, &spent);
                }
                self.rows.extend(row.map(|row| *row));
            }
        }
    }

    fn close(&mut self, lease: Key, spent: &Spent) {
        let Some(open) = self.leases.remove(&lease) else { return };
        for taken in &open.taken {
            self.growth.add(taken, spent.kept(taken), self.now);
        }
        if !self.fresh.remove(&lease) {
            self.gone.push(lease);
        }
    }

    /// The boot is dead, and this was all that it has written.
    pub(super) fn book_lost(&mut self) {
        let leases: Vec<_> = self.leases.keys().copied().collect();
        for lease in leases {
            if let Some(open) = self.leases.get(&lease) {
                let row = open.lost_row();
                let spent = spent_on(&row);
                self.rows.push(row);
                self.close(lease, &spent);
            }
        }
    }

    /// Whether there was something to write.
    pub(super) fn write(&self, on: &Connection) -> Result<bool> {
        if self.position() == self.began_at && self.gone.is_empty() {
            return Ok(false);
        }
        ledger::insert(on, &self.rows)?;
        self.growth.write(on, self.now)?;
        for lease in &self.gone {
            sql::delete_lease(on, self.boot, *lease)?;
        }
        for (lease, tokens) in &self.progress {
            if !self.fresh.contains(lease) && self.leases.contains_key(lease) {
                sql::set_progress(on, self.boot, *lease, *tokens)?;
            }
        }
        for lease in self.fresh.union(&self.renamed) {
            if let Some(open) = self.leases.get(lease) {
                sql::put_lease(on, self.boot, *lease, open)?;
            }
        }
        sql::set_position(on, self.boot, self.position())?;
        Ok(true)
    }

    pub(super) fn position(&self) -> Position {
        self.tail.position()
    }

    /// Keeps for the next time what the database holds once this is committed.
    pub(super) fn remember(self, memory: &mut Memory) {
        let known = Remembered { position: self.position(), leases: self.leases };
        memory.boots.insert(self.boot, known);
    }
}
