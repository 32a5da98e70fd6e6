//! Stopping: who is still at work, and when those must end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Notify, watch};

/// Counts the requests in flight and tells them when to end.
#[derive(Debug)]
pub struct Drain {
    in_flight: AtomicUsize,
    idle: Notify,
    draining: watch::Sender<Phase>,
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
        let (draining, _) = watch::channel(Phase::Serving);
        Self { in_flight: AtomicUsize::new(0), idle: Notify::new(), draining }
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
        self.draining.send_replace(Phase::Draining);
    }

    /// Whether stopping has begun.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow() >= Phase::Draining
    }

    /// Whatever still runs must end now.
    pub fn stop(&self) {
        self.draining.send_replace(Phase::Stopped);
    }

    /// A signal for one request.
    pub fn signal(&self) -> StopSignal {
        StopSignal(self.draining.subscribe())
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
pub struct StopSignal(watch::Receiver<Phase>);

impl StopSignal {
    /// Resolves when the request must end.
    pub async fn stopped(&mut self) {
        if self.0.wait_for(|phase| *phase == Phase::Stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Drain;
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
        assert!(signal.stopped().now_or_never().is_none());
        drain.stop();
        signal.stopped().await;
    }
}
