//! What guardrails have found: held in memory until the clerk's next round, then written together.

mod sql;

use super::health::{Reach, reach};
use super::queue::gone;
use super::writer::{Hand, Job, Writer};
use crate::config::EmbeddedConfig;
use behest_contract::clock::Clock;
use behest_contract::directory::Failure;
use behest_contract::events::{Event, EventQuery, EventRecord};
use futures::channel::oneshot;
use parking_lot::Mutex;
use rusqlite::{Connection, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How many may wait to be written.
const WAITING_MAX: usize = 8192;

/// How many are written in one transaction.
const BATCH_MAX: usize = 1024;

/// What is waiting, and how much is kept.
pub(super) struct EventDesk {
    waiting: Mutex<VecDeque<Event>>,
    dropped: AtomicU64,
    is_writing: AtomicBool,
    clock: Arc<dyn Clock>,
    kept_max: u64,
    age_max: Duration,
}

impl EventDesk {
    pub(super) fn new(config: &EmbeddedConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            waiting: Mutex::default(),
            dropped: AtomicU64::new(0),
            is_writing: AtomicBool::new(false),
            clock,
            kept_max: config.events_max,
            age_max: config.events_age_max,
        }
    }

    pub(super) fn record(&self, event: Event) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < WAITING_MAX {
            waiting.push_back(event);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Has what waits written, if anything does and nobody is at it. Called each round of the clerk's.
    pub(super) fn look_after(self: &Arc<Self>, hand: &Hand) {
        let is_idle = self.waiting.lock().is_empty();
        if is_idle || self.is_writing.swap(true, Ordering::AcqRel) {
            return;
        }
        if hand.put(Box::new(Write::quiet(self))).is_err() {
            self.is_writing.store(false, Ordering::Release);
        }
    }

    /// Has all that waits written, as the last thing of this process. Nobody waits for it.
    pub(super) fn write_rest(self: &Arc<Self>, hand: &Hand) {
        let (reply, _) = oneshot::channel();
        drop(hand.put(Box::new(Write { reply: Some(reply), ..Write::quiet(self) })));
    }

    /// Has what waits written, now, if anything does.
    pub(super) fn flushed(
        self: &Arc<Self>,
        writer: &Writer,
    ) -> Option<Result<oneshot::Receiver<Result<(), Failure>>, Failure>> {
        if self.waiting.lock().is_empty() && !self.is_writing.load(Ordering::Acquire) {
            return None;
        }
        let (reply, end) = oneshot::channel();
        let write = Write { reply: Some(reply), ..Write::quiet(self) };
        Some(writer.put(Box::new(write)).map(|()| end))
    }

    /// A query for what is not too old to be told.
    pub(super) fn query(
        &self,
        mut query: EventQuery,
    ) -> impl FnOnce(&Connection) -> Result<Vec<EventRecord>> + Send + use<> {
        query.time.start = query.time.start.max(self.oldest());
        move |on| sql::list(on, &query)
    }

    fn oldest(&self) -> Duration {
        self.clock.unix().saturating_sub(self.age_max)
    }

    fn take(&self) -> Vec<Event> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(BATCH_MAX);
        waiting.drain(..count).collect()
    }

    /// Puts back what could not be written, as far as there is room.
    fn put_back(&self, batch: Vec<Event>) {
        let mut waiting = self.waiting.lock();
        for event in batch.into_iter().rev() {
            if waiting.len() < WAITING_MAX {
                waiting.push_front(event);
            } else {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Writes what waits.
struct Write {
    desk: Arc<EventDesk>,
    batch: Vec<Event>,
    failure: Option<Failure>,
    reply: Option<oneshot::Sender<Result<(), Failure>>>,
}

impl Write {
    fn quiet(desk: &Arc<EventDesk>) -> Self {
        Self { desk: desk.clone(), batch: Vec::new(), failure: None, reply: None }
    }

    fn write(&mut self, on: &Connection) -> Result<bool> {
        loop {
            let batch = self.desk.take();
            if batch.is_empty() {
                break;
            }
            let start = self.batch.len();
            self.batch.extend(batch);
            for event in self.batch.iter().skip(start) {
                sql::insert(on, event)?;
            }
            // Whoever waits wants all of it; the clerk comes again.
            if self.reply.is_none() {
                break;
            }
        }
        if self.batch.is_empty() {
            return Ok(false);
        }
        sql::prune(on, self.desk.kept_max, self.desk.oldest())?;
        Ok(true)
    }
}

impl Job for Write {
    fn run(&mut self, on: &Connection) -> Result<bool> {
        match self.write(on) {
            Err(error) if reach(&error) == Reach::Work => {
                self.failure = Some(Failure::Unavailable(error.to_string().into()));
                Ok(false)
            }
            written => written,
        }
    }

    fn answer(self: Box<Self>, end: Result<(), Failure>) {
        let Self { desk, batch, failure, reply } = *self;
        if end.is_err() {
            desk.put_back(batch);
        } else if failure.is_some() {
            // It asked for what cannot be, and would again.
            desk.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        match reply {
            // Whoever asked may have left.
            Some(reply) => drop(reply.send(failure.map_or(end, Err))),
            None => desk.is_writing.store(false, Ordering::Release),
        }
    }
}

/// Waits for a write's end.
pub(super) async fn ended(
    end: Option<Result<oneshot::Receiver<Result<(), Failure>>, Failure>>,
) -> Result<(), Failure> {
    match end {
        None => Ok(()),
        Some(end) => end?.await.unwrap_or_else(|_| Err(gone())),
    }
}
