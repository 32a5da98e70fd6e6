//! The thread that writes.
//!
//! All work that waits shares one transaction, and so one `fsync`. Each piece has a savepoint of its
//! own: one that is refused leaves the others alone. Nobody is answered before the transaction is
//! durable, and nobody is told of a success that a failed transaction took along.

use super::connection;
use super::folder::Files;
use super::health::{Health, Reach, reach};
use super::queue::{self, Queue, answer, gone};
use crate::config::EmbeddedConfig;
use crate::error::Error;
use behest_contract::directory::{Answer, Failure};
use futures::channel::oneshot;
use rusqlite::{Connection, Result, TransactionBehavior};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

/// How many pages may wait in the log until they are brought into the database: 4 MiB.
const LOG_PAGES_MAX: i64 = 1000;

/// The one thread that writes.
pub(super) struct Writer {
    jobs: Queue<Box<dyn Job>>,
    health: Arc<Health>,
    transactions: Arc<AtomicU64>,
}

/// Why a piece of work was not done.
pub(super) enum Trouble {
    /// It said so itself.
    Refused(Failure),
    /// SQLite did.
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        files: Files,
        config: &EmbeddedConfig,
        health: &Arc<Health>,
    ) -> Result<Self, Error> {
        let (mut queue, jobs) = Queue::new(config.queue_max);
        let transactions = Arc::<AtomicU64>::default();
        let desk = Desk {
            connection,
            files,
            health: health.clone(),
            transactions: transactions.clone(),
            batch_max: config.batch_max.max(1),
            full_retry: config.full_retry,
        };
        queue.start("behest-store-writer", health, move || desk.run(&jobs))?;
        Ok(Self { jobs: queue, health: health.clone(), transactions })
    }

    /// Has a piece of work done in a transaction, and answers when that is durable. The work is handed
    /// over at once; giving up the answer does not take it back.
    pub(super) fn submit<T, W>(&self, work: W) -> Answer<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let job = Pending { work: Some(work), outcome: None, reply };
        answer(self.health.writable().and_then(|()| self.jobs.put(Box::new(job))), outcome)
    }

    /// Hands over a piece of work that answers for itself.
    pub(super) fn put(&self, job: Box<dyn Job>) -> Result<(), Failure> {
        self.health.writable().and_then(|()| self.jobs.put(job))
    }

    /// Another end of the queue. The thread ends when all of them are gone.
    pub(super) fn hand(&self) -> Hand {
        Hand { sender: self.jobs.sender(), health: self.health.clone() }
    }

    pub(super) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }
}

/// Hands work to the writer.
#[derive(Clone)]
pub(super) struct Hand {
    sender: Option<SyncSender<Box<dyn Job>>>,
    health: Arc<Health>,
}

impl Hand {
    pub(super) fn put(&self, job: Box<dyn Job>) -> Result<(), Failure> {
        self.health.writable()?;
        queue::put(self.sender.as_ref().ok_or_else(gone)?, job)
    }
}

/// A piece of work in the queue.
pub(super) trait Job: Send {
    /// Does it. True if there is something to commit; an error spoils the whole transaction.
    fn run(&mut self, on: &Connection) -> Result<bool>;

    /// Answers whoever waits, the transaction having ended so.
    fn answer(self: Box<Self>, end: Result<(), Failure>);
}

struct Pending<T, W> {
    work: Option<W>,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<T, W> Job for Pending<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Trouble> + Send,
{
    fn run(&mut self, on: &Connection) -> Result<bool> {
        let Some(work) = self.work.take() else { return Ok(false) };
        let outcome = match work(on) {
            Ok(value) => Ok(value),
            Err(Trouble::Refused(failure)) => Err(failure),
            Err(Trouble::Engine(error)) if reach(&error) == Reach::Work => {
                Err(Failure::Unavailable(error.to_string().into()))
            }
            Err(Trouble::Engine(error)) => return Err(error),
        };
        Ok(self.outcome.insert(outcome).is_ok())
    }

    fn answer(self: Box<Self>, end: Result<(), Failure>) {
        let Self { outcome, reply, .. } = *self;
        // Whoever asked may have left.
        drop(reply.send(end.and(outcome.unwrap_or_else(|| Err(gone())))));
    }
}

/// What the thread works with.
struct Desk {
    connection: Connection,
    files: Files,
    health: Arc<Health>,
    transactions: Arc<AtomicU64>,
    batch_max: usize,
    full_retry: Duration,
}

impl Desk {
    fn run(mut self, jobs: &Receiver<Box<dyn Job>>) {
        while let Some(batch) = self.next(jobs) {
            if batch.is_empty() {
                self.try_for_room();
            } else {
                self.write(batch);
            }
            self.tidy();
        }
        if self.health.writable().is_err() {
            // What the last transaction has left in the log is for whoever opens the file next to judge.
            drop(connection::leave_log_alone(&self.connection));
        }
    }

    /// All that waits; nothing, when it is time to try a full disk again; `None` at the end.
    fn next(&self, jobs: &Receiver<Box<dyn Job>>) -> Option<Vec<Box<dyn Job>>> {
        let first = if self.health.is_full() {
            match jobs.recv_timeout(self.full_retry) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        } else {
            jobs.recv().ok()?
        };
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(self.batch_max - 1));
        Some(batch)
    }

    fn write(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let end = self.commit(&mut batch);
        for job in batch {
            job.answer(end.clone());
        }
    }

    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        self.health.writable()?;
        if !self.files.are_in_place() {
            return Err(self.health.breaks("the store's files were moved, deleted or replaced"));
        }
        match transact(&mut self.connection, batch) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.transactions.fetch_add(1, Ordering::Relaxed);
                self.health.wrote();
                Ok(())
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &rusqlite::Error) -> Failure {
        if !self.connection.is_autocommit() {
            // Neither committed nor rolled back: the next transaction would carry this one's writes.
            return self.health.breaks(&format!("a transaction does not end: {error}"));
        }
        self.health.failed(error)
    }

    /// Writes and deletes a little, to see whether a full disk has room.
    fn try_for_room(&self) {
        let tried = self.connection.execute_batch(
            "INSERT INTO scratch (body) VALUES (zeroblob(65536)); DELETE FROM scratch;",
        );
        match tried {
            Ok(()) => self.health.wrote(),
            Err(error) => drop(self.failed(&error)),
        }
    }

    /// Brings the log into the database when there is enough of it. Whoever waits has been answered.
    fn tidy(&self) {
        if self.health.writable().is_err() {
            return;
        }
        // When the disk is full, a log that can start over makes room.
        let kept = if self.health.is_full() { 0 } else { LOG_PAGES_MAX };
        let tidied = waiting_pages(&self.connection)
            .and_then(|pages| if pages <= kept { Ok(()) } else { checkpoint(&self.connection) });
        match tidied {
            // No commit depends on it: the log holds everything, and the next round tries again.
            Err(error) if reach(&error) != Reach::Engine => {}
            Err(error) => drop(self.health.failed(&error)),
            Ok(()) => {}
        }
    }
}

/// Whether anything was committed. Durable, if so.
fn transact(connection: &mut Connection, batch: &mut [Box<dyn Job>]) -> Result<bool> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut has_changed = false;
    for job in batch {
        let savepoint = transaction.savepoint()?;
        if job.run(&savepoint)? {
            savepoint.commit()?;
            has_changed = true;
        } else {
            // Rolls back.
            savepoint.finish()?;
        }
    }
    transaction.commit()?;
    Ok(has_changed)
}

fn waiting_pages(connection: &Connection) -> Result<i64> {
    connection.query_one("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    })
}

/// As far as no reader is in the way.
fn checkpoint(connection: &Connection) -> Result<()> {
    connection.query_one("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
