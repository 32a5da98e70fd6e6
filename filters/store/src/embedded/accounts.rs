//! Admission and the books: what is open, what has been counted, what was booked.
//!
//! Each change has two halves, in memory and in the journal, and an order that makes every death harmless:
//!
//! - *An admission* is taken in memory, then queued, then written together with all that is queued by then,
//!   then answered. Dead before the write: nobody was told of it. Dead after: it is in the journal, and will be booked as lost. A write that fails takes it back.
//! - *A close* is taken out of memory, then queued, and written by whoever writes next: its request comes
//!   back for that. Whatever was given back may be taken by another before the close is written: dead in
//!   between, both are open in the journal, and the first is booked as lost. That is never too little.
//!
//! No lock is held during a write but the journal's own. The caller of `admit` is the only one who knows
//! the lease's name until it has returned, so a close never overtakes its admission.

mod boots;
pub(super) mod clerk;
pub(super) mod counters;
pub(super) mod fold;
pub(super) mod key;
mod others;
pub(super) mod places;
mod seen;
#[cfg(test)]
mod tests;
mod window_clock;

use super::alarm::{Alarm, Part};
use super::journal::combiner::{Group, NotWritten};
use super::journal::{Boot, Journal, Position};
use crate::config::EmbeddedConfig;
use crate::error::Error;
use behest_contract::book::Row;
use behest_contract::clock::Clock;
use behest_contract::directory::Failure;
use behest_contract::purse::{Ask, Demand, Granted, Opening, Refused, Settlement};
use boots::Boots;
use counters::{Kind, Spent, Taken};
use key::{Key, Keyer};
use others::{Other, Others};
use parking_lot::Mutex;
use places::{Names, Places, spent_on, unavailable};
use rusqlite::Connection;
use seen::ALL;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use window_clock::WindowClock;

/// Where the journals lie, beside the database.
const FOLDER: &str = "journal";

/// How many counters are raised in one write.
const RAISED_AT_ONCE: usize = 500;

pub(super) struct Accounts {
    clock: WindowClock,
    keyer: Keyer,
    places: Places,
    others: Others,
    journal: Journal,
    boots: Boots,
    memory: Mutex<fold::Memory>,
    lease_expiry: Duration,
    /// The journal's writes that are folded.
    folded_groups: AtomicU64,
    is_folding: AtomicBool,
    /// The folder with the journals cannot be read: nobody knows what others have taken.
    is_blind: AtomicBool,
    /// Rows for which there was no room while the journal could not be written.
    rows_lost: AtomicU64,
    alarm: Arc<Alarm>,
}

impl Accounts {
    /// Begins a boot, and counts on from what is found of those before it.
    pub(super) fn open(
        on: &mut Connection,
        database: &Path,
        config: &EmbeddedConfig,
        clock: Arc<dyn Clock>,
        alarm: Arc<Alarm>,
    ) -> Result<Self, Error> {
        let folder = database.parent().unwrap_or(database).join(FOLDER);
        let in_folder = |error| Error::Folder(folder.clone(), error);
        let in_database = |error| Error::Database(database.to_owned(), error);
        let newest = fold::newest_boot(on).map_err(in_database)?;
        let boots = Boots::begin(&folder, newest).map_err(in_folder)?;
        let file_max = config.journal_file_max_bytes;
        let kept_max = config.journal_kept_max_bytes;
        let journal = Journal::new((&folder, boots.own()), file_max, kept_max, alarm.clone());
        let secret = fold::secret(on).map_err(in_database)?;
        let accounts = Self {
            clock: WindowClock::new(clock),
            keyer: Keyer::new(&secret),
            places: Places::new(),
            others: Others::default(),
            journal,
            boots,
            memory: Mutex::default(),
            lease_expiry: config.lease_expiry,
            folded_groups: AtomicU64::new(0),
            is_folding: AtomicBool::new(false),
            is_blind: AtomicBool::new(false),
            rows_lost: AtomicU64::new(0),
            alarm,
        };
        let others = accounts.boots.others().map_err(in_folder)?;
        accounts.count_on(on, others).map_err(in_database)?;
        // Reads what is not folded yet, and takes those that died for lost.
        accounts.visit_others().map_err(in_folder)?;
        Ok(accounts)
    }

    /// Sets all counters to what the database says, and follows the journals from where it was written.
    fn count_on(&self, on: &mut Connection, mut others: BTreeSet<Boot>) -> rusqlite::Result<()> {
        let time = self.time();
        // One reading, whoever else folds meanwhile.
        let reading = on.transaction()?;
        fold::known_counters(&reading, window_clock::minutes(time), |known| {
            self.places.set(&[known], time);
        })?;
        others.extend(fold::known_boots(&reading)?);
        for boot in others {
            let position = fold::position_of(&reading, boot)?;
            let leases = fold::leases_of(&reading, boot)?;
            let other = Other::at(self.boots.folder(), boot, position, leases);
            self.others.follow(boot, other, &self.places, time);
        }
        reading.finish()
    }

    /// The time that windows go by.
    fn time(&self) -> Duration {
        self.clock.time()
    }

    /// Takes in memory, and queues what is to be written of it.
    pub(super) fn admit(&self, ask: &Ask) -> Result<Admitted, Refused> {
        if self.is_blind.load(Ordering::Relaxed) {
            return Err(unavailable("the journals cannot be read"));
        }
        let time = self.time();
        let caught_up = self.others.catch_up(&self.places, time);
        caught_up.map_err(|error| unavailable(&format!("the journals cannot be read: {error}")))?;
        let names = Names::of(&self.keyer, &ask.tenant, &ask.id, &ask.subjects);
        let (granted, taken) = self.places.admit(&names, ask, time)?;
        let (lease, told) = (names.lease, (&*ask.sketch, ask.known.price()));
        match self.journal.open(lease, &taken, told, (&ask.id, &ask.tenant)) {
            Ok(group) => Ok(Admitted { lease, granted, group }),
            Err(error) => Err(self.not_written(lease, error)),
        }
    }

    /// The answer to an admission, once that is written.
    pub(super) fn written(&self, admitted: Admitted) -> Result<Granted, Refused> {
        let Admitted { lease, granted, group } = admitted;
        let written = self.journal.settle(group);
        written.map_err(|error| self.not_written(lease, error))?;
        Ok(granted)
    }

    fn not_written(&self, lease: Key, NotWritten(why): NotWritten) -> Refused {
        self.places.close(lease, &Spent::VOID, self.time());
        Refused::Unavailable(why)
    }

    pub(super) fn peek(
        &self,
        tenant: &str,
        subjects: &[Arc<str>],
        demands: &[Demand],
    ) -> Result<(), Refused> {
        let names = Names::of(&self.keyer, tenant, "", subjects);
        self.places.peek(&names, demands, self.time())
    }

    /// Sets counters that have come to less than is known.
    pub(super) fn raise(
        &self,
        tenant: &str,
        at: Duration,
        openings: &[Opening],
    ) -> Result<(), Failure> {
        let keyer = self.keyer.tenant(tenant);
        let taken = openings.iter().map(|opening| {
            let kind = Kind::new(opening.measure, opening.window);
            let since = kind.around(at).0;
            Taken { key: keyer.subject(&opening.subject), amount: opening.amount, since, kind }
        });
        for some in taken.collect::<Vec<_>>().chunks(RAISED_AT_ONCE) {
            self.places.raise(some, self.time());
            self.journal.raise(some).map_err(|error| Failure::Unavailable(error.0))?;
        }
        self.journal.flush();
        Ok(())
    }

    /// Gives back in memory, and queues what is to be written of it.
    pub(super) fn close(&self, settlement: Option<&Settlement>, row: Option<&Row>) {
        let lease = settlement.and_then(|settlement| {
            let lease = self.keyer.tenant(&settlement.tenant).lease(&settlement.id);
            let Settlement { tokens, micro_usd, void, .. } = *settlement;
            let spent = Spent { tokens, micro_usd, void };
            self.places.close(lease, &spent, self.time()).then_some((lease, spent))
        });
        if lease.is_some() || row.is_some() {
            self.write_close(lease, row);
        }
    }

    /// Writes what is queued.
    pub(super) fn flush(&self) {
        self.journal.flush();
    }

    /// How often the journal was written.
    #[cfg(test)]
    pub(super) fn writes(&self) -> u64 {
        self.journal.groups()
    }

    /// Whether anything is queued that nobody may come to write.
    pub(super) fn is_owing(&self) -> bool {
        self.journal.is_owing()
    }

    fn write_close(&self, lease: Option<(Key, Spent)>, row: Option<&Row>) {
        if self.journal.close(lease, row).is_err() {
            self.rows_lost.fetch_add(u64::from(row.is_some()), Ordering::Relaxed);
        }
    }

    /// What is to be done every now and then, whether anybody asks or not.
    fn look_after(&self) {
        self.journal.flush();
        self.journal.repair();
        let time = self.time();
        let review = self.places.review(self.clock.now(), time, self.lease_expiry);
        self.journal.progress(&review.progress);
        for (lease, row) in review.lost {
            self.write_close(Some((lease, spent_on(&row))), Some(&row));
        }
        self.journal.flush();
        self.is_blind.store(self.visit_others().is_err(), Ordering::Relaxed);
        self.places.sweep(time);
    }

    fn visit_others(&self) -> io::Result<()> {
        self.others.visit(&self.boots, &self.places, self.time())
    }

    /// Whether there is anything that may not be folded.
    pub(super) fn has_news(&self) -> bool {
        self.journal.is_owing()
            || !self.others.boots().is_empty()
            || self.journal.groups() != self.folded_groups.load(Ordering::Acquire)
    }

    /// Goes on in a new file: the one before is deleted once it is folded.
    pub(super) fn turn_page(&self) {
        self.journal.flush();
        self.journal.turn_page();
    }

    /// A fold was committed: this is how far, and these boots are no more.
    fn folded(&self, own: Position, over: &[Boot], groups: u64, is_last: bool) {
        self.folded_groups.fetch_max(groups, Ordering::AcqRel);
        for boot in over {
            // What stays is found over again, and found empty.
            drop(self.others.forget(&self.boots, *boot));
        }
        // What cannot be deleted now is when more is folded.
        let Ok(needed) = self.others.needed(&self.boots, self.boots.own()) else { return };
        if !is_last {
            drop(self.boots.delete_before(self.boots.own(), own.file.min(needed)));
        } else if needed == ALL {
            // Else it is deleted by whoever reads it to its end, and finds this boot dead.
            drop(self.boots.end());
        }
    }

    fn fold_ended(&self) {
        self.is_folding.store(false, Ordering::Release);
    }

    pub(super) fn is_sound(&self) -> bool {
        self.journal.is_sound() && !self.is_blind.load(Ordering::Relaxed)
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            leases: self.places.leases(),
            subjects: self.places.subjects(),
            rows_lost: self.rows_lost.load(Ordering::Relaxed),
            journal_errors: self.alarm.errors(Part::Journal),
            database_errors: self.alarm.errors(Part::Database),
        }
    }
}

/// An admission that is not written yet.
pub(super) struct Admitted {
    lease: Key,
    granted: Granted,
    group: Group,
}

/// What a store has in its hands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Leases of this handle that are open.
    pub leases: usize,
    /// Subjects whose counters are in memory.
    pub subjects: usize,
    /// Rows that were given up: the journal could not be written for so long that there was no more room
    /// to keep them. Their leases are booked as lost when the store is opened next.
    pub rows_lost: u64,
    /// How often the journal could not be written.
    pub journal_errors: u64,
    /// How often the database could not be written or read.
    pub database_errors: u64,
}
