//! The embedded engine: one SQLite file, one thread that writes it, and a few that read it.

mod connection;
mod folder;
mod health;
mod queue;
mod reader;
mod records;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use crate::config::EmbeddedConfig;
use crate::error::Error;
use behest_contract::directory::{
    Answer, AuditLine, AuditRecord, Change, Directory, Record, Revision,
};
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

/// Dropped from the top: the last connection to close must be the writer's, which checkpoints.
struct Threads {
    readers: Readers,
    writer: Writer,
    health: Arc<Health>,
}

impl Embedded {
    /// Opens the store in a folder; makes both if they are not there.
    pub fn open(folder: impl AsRef<Path>, config: &EmbeddedConfig) -> Result<Self, Error> {
        // Held until the end: of two processes that start at once, one makes or migrates the file.
        let folder = Folder::prepare(folder.as_ref())?;
        let connection = connection::prepared(folder.database(), config)?;
        let files = folder.files()?;
        let health = Arc::new(Health::default());
        let readers = Readers::start(folder.database(), config, &health)?;
        let writer = Writer::start(connection, files, config, &health)?;
        Ok(Self(Arc::new(Threads { readers, writer, health })))
    }

    /// How many transactions this handle has made durable: fewer than commits, if several shared one.
    pub fn transactions(&self) -> u64 {
        self.0.writer.transactions()
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
        self.0.health.is_sound()
    }
}
