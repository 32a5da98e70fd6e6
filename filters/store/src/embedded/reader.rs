//! The threads that read.

use super::connection;
use super::health::Health;
use super::queue::{Queue, answer};
use crate::config::EmbeddedConfig;
use crate::error::Error;
use behest_contract::directory::Answer;
use futures::channel::oneshot;
use parking_lot::Mutex;
use rusqlite::{Connection, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Two, so that somebody who reads everything does not hold up who asks for the revision.
const THREADS: usize = 2;

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// A few threads, each with a connection of its own.
pub(super) struct Readers {
    queries: Queue<Query>,
    health: Arc<Health>,
}

impl Readers {
    pub(super) fn start(
        database: &Path,
        config: &EmbeddedConfig,
        health: &Arc<Health>,
    ) -> Result<Self, Error> {
        let (mut queue, queries) = Queue::new(config.queue_max);
        let queries = Arc::new(Mutex::new(queries));
        for _ in 0..THREADS {
            let connection = connection::reading(database, config)?;
            let queries = queries.clone();
            queue.start("behest-store-reader", health, move || read(&connection, &queries))?;
        }
        Ok(Self { queries: queue, health: health.clone() })
    }

    /// Runs a query on one of the threads.
    pub(super) fn ask<T, Q>(&self, query: Q) -> Answer<T>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let health = self.health.clone();
        let put = self.queries.put(Box::new(move |on| {
            if !reply.is_canceled() {
                drop(reply.send(query(on).map_err(|error| health.failed_to_read(&error))));
            }
        }));
        answer(put, result)
    }
}

fn read(connection: &Connection, queries: &Mutex<Receiver<Query>>) {
    loop {
        // One thread waits for a query, the others for this lock.
        let query = queries.lock().recv();
        let Ok(query) = query else { return };
        query(connection);
    }
}
