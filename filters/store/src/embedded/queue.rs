//! How work reaches the threads of the store.

use super::health::{Health, Watched};
use crate::error::Error;
use behest_contract::directory::{Answer, Failure};
use futures::channel::oneshot;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// A bounded queue and the threads that empty it. Dropping it closes the queue, and waits until what is
/// in it is done.
///
/// These are threads of the store and not of the house: they block on the disk for as long as they
/// live, and a connection belongs to one thread at a time.
pub(super) struct Queue<T> {
    /// Taken when the queue closes.
    sender: Option<SyncSender<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T> Queue<T> {
    pub(super) fn new(max: usize) -> (Self, Receiver<T>) {
        let (sender, receiver) = sync_channel(max.max(1));
        (Self { sender: Some(sender), threads: Vec::new() }, receiver)
    }

    /// Starts a thread that ends when the queue is closed and empty.
    pub(super) fn start(
        &mut self,
        name: &str,
        health: &Arc<Health>,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), Error> {
        let watched = Watched(health.clone());
        let watched_work = move || {
            let _watched = watched;
            work();
        };
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(watched_work)
            .map_err(Error::NoThread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Hands over a piece of work, or refuses it at once.
    pub(super) fn put(&self, work: T) -> Result<(), Failure> {
        put(self.sender.as_ref().ok_or_else(gone)?, work)
    }

    /// Another end of the queue. It closes when all of them are gone.
    pub(super) fn sender(&self) -> Option<SyncSender<T>> {
        self.sender.clone()
    }
}

/// Hands over a piece of work, or refuses it at once.
pub(super) fn put<T>(sender: &SyncSender<T>, work: T) -> Result<(), Failure> {
    sender.try_send(work).map_err(|error| match error {
        TrySendError::Full(_) => Failure::Unavailable("the store's queue is full".into()),
        TrySendError::Disconnected(_) => gone(),
    })
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        drop(self.sender.take());
        for thread in self.threads.drain(..) {
            // An answer that wakes the last owner of the store may drop it in one of its own threads.
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

/// What comes of work that was handed over, or was not.
pub(super) fn answer<T: Send + 'static>(
    put: Result<(), Failure>,
    answer: oneshot::Receiver<Result<T, Failure>>,
) -> Answer<T> {
    Box::pin(async move {
        put?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    })
}

/// For who waits for a thread that ended.
pub(super) fn gone() -> Failure {
    Failure::Unavailable("the store's thread has ended".into())
}
