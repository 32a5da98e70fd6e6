//! Stopping: who is still at work, and when those must end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Notify, watch};

/// Counts the requests in flight and tells them when to end.
#[derive(Debug)]
pub struct Drain {
    in_flight: AtomicUsize,
    idle: Notify,
    orders: watch::Sender<Orders>,
}

/// What requests in flight are told.
#[derive(Debug, Clone, Copy)]
struct Orders {
    phase: Phase,
    /// How often some of them had to ask whether they may go on.
    questions: u64,
}

/// How far stopping has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    Serving,
    Draining,
    Stopped,
}

impl Default for Drain {
    fn default() -> Self {
        let (orders, _) = watch::channel(Orders { phase: Phase::Serving, questions: 0 });
        Self { in_flight: AtomicUsize::new(0), idle: Notify::new(), orders }
    }
}

impl Drain {
    /// Counts a request until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(self.clone())
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// From now on nothing new is to begin.
    pub fn begin(&self) {
        self.orders.send_modify(|orders| orders.phase = Phase::Draining);
    }

    /// Whether stopping has begun.
    pub fn is_draining(&self) -> bool {
        self.orders.borrow().phase >= Phase::Draining
    }

    /// Whatever still runs must end now.
    pub fn stop(&self) {
        self.orders.send_modify(|orders| orders.phase = Phase::Stopped);
    }

    /// Whatever runs must ask whether it may go on: somebody was revoked.
    pub fn question(&self) {
        self.orders.send_modify(|orders| orders.questions += 1);
    }

    /// A signal for one request.
    pub fn signal(&self) -> StopSignal {
        StopSignal { orders: self.orders.subscribe(), answered: None }
    }

    /// Waits until no request is in flight.
    pub async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct InFlight(Arc<Drain>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// Tells a request when it must end.
#[derive(Debug)]
pub struct StopSignal {
    orders: watch::Receiver<Orders>,
    /// The last question that was answered. None at first: somebody may have been revoked since the
    /// request was let in.
    answered: Option<u64>,
}

/// Why a request must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The gateway ends.
    Gateway,
    /// Whoever it acts for was revoked.
    Revoked,
}

impl StopSignal {
    /// Resolves when the request must end. `is_revoked` is asked whenever somebody was revoked.
    pub async fn stopped(&mut self, is_revoked: impl Fn() -> bool) -> Stopped {
        loop {
            let orders = *self.orders.borrow_and_update();
            if orders.phase == Phase::Stopped {
                return Stopped::Gateway;
            }
            if self.answered.replace(orders.questions) != Some(orders.questions) && is_revoked() {
                return Stopped::Revoked;
            }
            if self.orders.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Drain, Stopped};
    use futures::FutureExt;
    use std::sync::Arc;

    #[tokio::test]
    async fn idle_comes_with_the_last_request() {
        let drain = Arc::new(Drain::default());
        drain.idle().await;
        let (first, second) = (drain.enter(), drain.enter());
        let mut idle = Box::pin(drain.idle());
        assert!(idle.as_mut().now_or_never().is_none());
        drop(first);
        assert!(idle.as_mut().now_or_never().is_none());
        drop(second);
        idle.await;
    }

    #[tokio::test]
    async fn requests_go_on_while_draining_and_end_at_the_stop() {
        let drain = Drain::default();
        let mut signal = drain.signal();
        drain.begin();
        assert!(drain.is_draining());
        assert!(signal.stopped(|| false).now_or_never().is_none());
        drain.stop();
        assert_eq!(signal.stopped(|| false).await, Stopped::Gateway);
    }

    #[tokio::test]
    async fn the_revoked_end_and_the_others_go_on() {
        let drain = Drain::default();
        let (mut revoked, mut other) = (drain.signal(), drain.signal());
        for signal in [&mut revoked, &mut other] {
            assert!(signal.stopped(|| false).now_or_never().is_none());
            assert!(signal.stopped(|| true).now_or_never().is_none(), "it was asked already");
        }
        drain.question();
        assert_eq!(revoked.stopped(|| true).await, Stopped::Revoked);
        assert!(other.stopped(|| false).now_or_never().is_none());
    }

    #[tokio::test]
    async fn whoever_was_revoked_before_it_began_to_wait_ends_too() {
        let drain = Drain::default();
        drain.question();
        assert_eq!(drain.signal().stopped(|| true).await, Stopped::Revoked);
    }
}
