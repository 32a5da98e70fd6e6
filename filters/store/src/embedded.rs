//! The embedded engine: one SQLite file, one thread that writes it, and a few that read it.

mod accounts;
mod alarm;
mod connection;
mod events;
mod folder;
mod health;
mod journal;
mod ledger;
mod ports;
mod queue;
mod reader;
mod records;
mod schema;
mod sync;
#[cfg(test)]
mod tests;
mod writer;

use crate::config::EmbeddedConfig;
use crate::error::Error;
pub use accounts::Tally;

use accounts::Accounts;
use accounts::clerk::Clerk;
use alarm::Alarm;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::directory::{
    Answer, AuditLine, AuditRecord, Change, Directory, Record, Revision,
};
use events::EventDesk;
use folder::Folder;
use health::Health;
use reader::Readers;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use writer::Writer;

/// A store in a folder of this machine. Clones share one.
///
/// The same folder may be open in two processes: what one commits the other sees.
///
/// A commit is handed over when it is called, and is made even if nobody waits for its answer. When the
/// last clone is dropped, what was handed over is finished first and the file is left tidy; this may
/// take some milliseconds.
#[derive(Clone)]
pub struct Embedded(Arc<Threads>);

/// Dropped from the top: the clerk hands his last work to the writer, and the last connection to close
/// must be the writer's, which checkpoints.
struct Threads {
    readers: Readers,
    _clerk: Clerk,
    writer: Writer,
    accounts: Arc<Accounts>,
    events: Arc<EventDesk>,
    health: Arc<Health>,
}

impl Embedded {
    /// Opens the store in a folder; makes both if they are not there.
    pub fn open(folder: impl AsRef<Path>, config: &EmbeddedConfig) -> Result<Self, Error> {
        Self::open_with_clock(folder, config, Arc::new(SystemClock))
    }

    /// The same with another clock, which windows and leases go by.
    pub fn open_with_clock(
        folder: impl AsRef<Path>,
        config: &EmbeddedConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        // Held until the end: of two processes that start at once, one makes or migrates the file.
        let folder = Folder::prepare(folder.as_ref())?;
        let mut connection = connection::prepared(folder.database(), config)?;
        let files = folder.files()?;
        let place = folder.database().parent().unwrap_or_else(|| folder.database());
        let alarm = Arc::new(Alarm::new(place, clock.clone()));
        let health = Arc::new(Health::new(alarm.clone()));
        let events = Arc::new(EventDesk::new(config, clock.clone()));
        let accounts = Accounts::open(&mut connection, folder.database(), config, clock, alarm)?;
        let accounts = Arc::new(accounts);
        let readers = Readers::start(folder.database(), config, &health)?;
        let writer = Writer::start(connection, files, config, &health)?;
        let clerk =
            Clerk::start(&accounts, &events, &writer.hand(), &health, config.fold_interval)?;
        Ok(Self(Arc::new(Threads { readers, _clerk: clerk, writer, accounts, events, health })))
    }

    /// How many transactions this handle has made durable: fewer than commits, if several shared one.
    pub fn transactions(&self) -> u64 {
        self.0.writer.transactions()
    }

    /// What this handle has in its hands.
    pub fn tally(&self) -> Tally {
        self.0.accounts.tally()
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("healthy", &self.is_healthy()).finish_non_exhaustive()
    }
}

impl Directory for Embedded {
    fn commit(&self, changes: Vec<Change>, audit: AuditLine) -> Answer<Revision> {
        self.0.writer.submit(move |on| records::commit(on, changes, &audit))
    }

    fn revision(&self) -> Answer<Revision> {
        self.0.readers.ask(records::revision)
    }

    fn changes_after(&self, revision: Revision) -> Answer<Vec<Record>> {
        self.0.readers.ask(move |on| records::changes_after(on, revision))
    }

    fn audit(&self, before: Option<u64>, limit: usize) -> Answer<Vec<AuditRecord>> {
        self.0.readers.ask(move |on| records::audit(on, before, limit))
    }

    fn is_healthy(&self) -> bool {
        self.0.health.is_sound() && self.0.accounts.is_sound()
    }
}
