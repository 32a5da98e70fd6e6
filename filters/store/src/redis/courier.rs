//! Takes to Redis what it must hear of, sooner or later: nothing is forgotten while the process lives.
//!
//! What can be sent is sent at once, and nobody waits for it. What could not be waits in a queue, in its
//! order, and while anything waits, what comes goes behind it.

use super::link::{Fault, Invocation, Line};
use super::live::Name;
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// How many are sent together.
const BATCH_MAX: usize = 256;

/// How long to wait after one that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How often Redis may say no to a message, though it answers.
const DENIALS_MAX: u32 = 50;

/// Something that Redis must hear.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The lease that it tells of. What tells of one lease stays in order.
    pub(super) lease: Name,
    pub(super) invocation: Arc<Invocation>,
    denials: u32,
}

impl Message {
    pub(super) fn new(lease: Name, invocation: Invocation) -> Self {
        Self { lease, invocation: Arc::new(invocation), denials: 0 }
    }
}

/// The queue. Clones share one.
#[derive(Clone)]
pub(super) struct Courier(Arc<Queue>);

struct Queue {
    line: Line,
    waiting: Mutex<VecDeque<Message>>,
    /// In the queue, or sent from it and not answered yet.
    backlog: AtomicUsize,
    backlog_max: usize,
    wakes: Notify,
    given_up: AtomicU64,
}

impl Courier {
    pub(super) fn new(line: Line, backlog_max: usize) -> Self {
        Self(Arc::new(Queue {
            line,
            waiting: Mutex::default(),
            backlog: AtomicUsize::new(0),
            backlog_max,
            wakes: Notify::new(),
            given_up: AtomicU64::new(0),
        }))
    }

    /// Sends a message at once if nothing waits, and again until it has arrived.
    pub(super) fn send(&self, message: Message) {
        if self.backlog() > 0 || !self.0.line.is_up() {
            return self.queue(message);
        }
        let reply = self.0.line.eval(message.invocation.clone());
        let courier = self.clone();
        self.0.line.spawn(async move {
            if reply.await.is_err() {
                courier.queue(message);
            }
        });
    }

    /// Puts a message behind what waits.
    pub(super) fn queue(&self, message: Message) {
        if self.backlog() >= self.0.backlog_max {
            self.0.given_up.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.0.backlog.fetch_add(1, Ordering::AcqRel);
        self.0.waiting.lock().push_back(message);
        self.0.wakes.notify_one();
    }

    /// How many messages have not arrived.
    pub(super) fn backlog(&self) -> usize {
        self.0.backlog.load(Ordering::Acquire)
    }

    /// How many were given up: there were too many, or Redis would not have them.
    pub(super) fn given_up(&self) -> u64 {
        self.0.given_up.load(Ordering::Relaxed)
    }

    /// Works until the thread ends. `done` is called whenever all has arrived.
    pub(super) async fn work(self, done: impl Fn() + Send) {
        loop {
            let batch: Vec<_> = {
                let mut waiting = self.0.waiting.lock();
                let most = waiting.len().min(BATCH_MAX);
                waiting.drain(..most).collect()
            };
            if batch.is_empty() {
                done();
                self.0.wakes.notified().await;
                continue;
            }
            if !self.deliver(batch).await {
                self.wait_for_redis().await;
            }
        }
    }

    /// Sends messages together, and puts those back in front that have not arrived. Whether all have.
    async fn deliver(&self, batch: Vec<Message>) -> bool {
        let replies: Vec<_> =
            batch.iter().map(|message| self.0.line.eval(message.invocation.clone())).collect();
        let (mut again, mut behind) = (Vec::new(), HashSet::new());
        let count = batch.len();
        for (mut message, reply) in batch.into_iter().zip(replies) {
            let answer = reply.await;
            if matches!(answer, Err(Fault::Denied(_))) {
                message.denials += 1;
            }
            let is_behind = behind.contains(&message.lease);
            if message.denials > DENIALS_MAX {
                self.0.given_up.fetch_add(1, Ordering::Relaxed);
            } else if answer.is_err() || is_behind {
                // What was told of a lease after this has to be told after it once more.
                behind.insert(message.lease.clone());
                again.push(message);
            }
        }
        self.0.backlog.fetch_sub(count - again.len(), Ordering::AcqRel);
        let is_all = again.is_empty();
        let mut waiting = self.0.waiting.lock();
        again.into_iter().rev().for_each(|message| waiting.push_front(message));
        is_all
    }

    async fn wait_for_redis(&self) {
        sleep(PAUSE).await;
        let mut changes = self.0.line.changes();
        let _ = changes.wait_for(|is_up| *is_up).await;
    }

    /// Waits until all has arrived, no longer than this.
    pub(super) async fn empty(&self, longest: Duration) {
        let emptied = async {
            while self.backlog() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(longest, emptied).await;
    }
}
