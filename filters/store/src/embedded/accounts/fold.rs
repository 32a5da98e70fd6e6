//! The journal into the database.
//!
//! What a boot has written since its last fold, and how far it was read, go into one transaction: so
//! each record is folded exactly once, whoever dies in between, and whichever process of the folder does
//! it.

mod pass;
mod settled;
mod sql;

use super::Accounts;
use super::key::KeyMap;
use super::window_clock::minutes;
use crate::embedded::health::{Reach, reach};
use crate::embedded::journal::record::Open;
use crate::embedded::journal::{Boot, Position};
use crate::embedded::queue::gone;
use crate::embedded::writer::Job;
use behest_contract::directory::Failure;
use futures::channel::oneshot;
use pass::Pass;
use rusqlite::{Connection, Result};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

pub(in crate::embedded) use settled::known_counters;
pub(in crate::embedded) use sql::{known_boots, leases_of, newest_boot, position_of, secret};

/// What is remembered of a boot between two folds: what the database says at this position. If that is
/// at another by now, because a transaction failed or another process folded, it is read again.
struct Remembered {
    position: Position,
    leases: KeyMap<Box<Open>>,
}

#[derive(Default)]
pub(in crate::embedded) struct Memory {
    boots: HashMap<Boot, Remembered>,
    /// Up to which key counters were looked through for what has expired.
    swept_to: Vec<u8>,
}

/// Folds once.
pub(in crate::embedded) struct Fold {
    accounts: Arc<Accounts>,
    /// This boot is at its end: what it has open is lost.
    is_last: bool,
    outcome: Outcome,
    reply: Option<oneshot::Sender<Result<bool, Failure>>>,
}

#[derive(Default)]
struct Outcome {
    /// How far this boot's journal is folded.
    own: Position,
    /// Boots that are over, and booked.
    over: Vec<Boot>,
    /// The journal's writes that are folded.
    groups: u64,
    /// There is more than one transaction takes.
    has_more: bool,
    failure: Option<Failure>,
}

impl Fold {
    /// Tells at its end whether there is more to fold.
    pub(in crate::embedded) fn asked(
        accounts: Arc<Accounts>,
        reply: oneshot::Sender<Result<bool, Failure>>,
    ) -> Self {
        Self { accounts, is_last: false, outcome: Outcome::default(), reply: Some(reply) }
    }

    /// One that nobody waits for.
    pub(in crate::embedded) fn quiet(accounts: Arc<Accounts>, is_last: bool) -> Self {
        Self { accounts, is_last, outcome: Outcome::default(), reply: None }
    }

    fn fold_all(&self, on: &Connection) -> Result<(Outcome, bool), Trouble> {
        let accounts = &self.accounts;
        accounts.flush();
        // Counted first: whatever was written by now is read below.
        let mut outcome = Outcome { groups: accounts.journal.groups(), ..Outcome::default() };
        let own = accounts.boots.own();
        let mut memory = accounts.memory.lock();
        let now = minutes(accounts.time());
        let mut has_changed = settled::drop_expired(on, now, &mut memory.swept_to)?;
        for (boot, is_over) in accounts.others.boots().into_iter().chain([(own, self.is_last)]) {
            let mut pass = Pass::begin(on, accounts, &mut memory, (boot, now))?;
            let is_at_end = pass.read()?;
            outcome.has_more |= !is_at_end;
            if is_over && is_at_end {
                pass.book_lost();
                outcome.over.push(boot);
            }
            has_changed |= pass.write(on)?;
            if boot == own {
                outcome.own = pass.position();
            }
            if !is_over {
                pass.remember(&mut memory);
            }
        }
        if outcome.has_more {
            outcome.groups = 0;
        }
        Ok((outcome, has_changed))
    }
}

enum Trouble {
    Journal(io::Error),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

impl Job for Fold {
    fn run(&mut self, on: &Connection) -> Result<bool> {
        let why = match self.fold_all(on) {
            Ok((outcome, has_changed)) => {
                self.outcome = outcome;
                return Ok(has_changed);
            }
            Err(Trouble::Database(error)) if reach(&error) != Reach::Work => return Err(error),
            Err(Trouble::Database(error)) => error.to_string(),
            Err(Trouble::Journal(error)) => format!("the journal cannot be read: {error}"),
        };
        self.outcome.failure = Some(Failure::Unavailable(why.into()));
        Ok(false)
    }

    fn answer(self: Box<Self>, end: Result<(), Failure>) {
        let Self { accounts, outcome, reply, is_last } = *self;
        let end = match (end, outcome.failure) {
            (Err(failure), _) | (Ok(()), Some(failure)) => Err(failure),
            (Ok(()), None) => {
                let is_last = is_last && !outcome.has_more;
                let over: Vec<_> =
                    outcome.over.into_iter().filter(|boot| *boot != accounts.boots.own()).collect();
                accounts.folded(outcome.own, &over, outcome.groups, is_last);
                Ok(outcome.has_more)
            }
        };
        accounts.fold_ended();
        if let Some(reply) = reply {
            // Whoever asked may have left.
            drop(reply.send(end));
        }
    }
}

/// Waits for a fold's end.
pub(in crate::embedded) async fn ended(
    reply: oneshot::Receiver<Result<bool, Failure>>,
) -> Result<bool, Failure> {
    reply.await.unwrap_or_else(|_| Err(gone()))
}
