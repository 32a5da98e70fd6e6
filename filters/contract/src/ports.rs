//! What filters need from whoever hosts them.

use futures::channel::oneshot;
use futures::future::BoxFuture;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

/// No room for more work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// Work to be done elsewhere.
pub type Job = Box<dyn FnOnce() + Send>;

/// Runs work that would hold up the event loop, on a bounded number of threads.
pub trait Offload: Send + Sync {
    /// Hands over a job, or refuses when the queue is full.
    fn run(&self, job: Job) -> Result<(), Busy>;
}

/// Something that nobody waits for. It must end by itself, and soon.
pub type Errand = BoxFuture<'static, ()>;

/// Does what waits beside the request that wants it done, as much at a time as there is room for.
pub trait Errands: Send + Sync {
    /// Sends one off that holds about `bytes` while it is under way, or refuses while too much is. It goes
    /// on when its request is over.
    fn send(&self, errand: Errand, bytes: usize) -> Result<(), Busy>;
}

/// Runs `work` through an [`Offload`] and waits for what it returns.
pub fn offloaded<T, F>(
    offload: &dyn Offload,
    work: F,
) -> impl Future<Output = Result<T, Busy>> + Send + use<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (done, result) = oneshot::channel();
    let handed_over = offload.run(Box::new(move || drop(done.send(work()))));
    async move {
        handed_over?;
        result.await.map_err(|_| Busy)
    }
}

/// Comes back when all tasks that are ready now have had their turn.
pub async fn others_first() {
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A number that only grows.
pub trait Counter: Send + Sync {
    /// Adds to the series with these label values.
    fn add(&self, labels: &[&str], by: u64);
}

/// A spread of durations.
pub trait Histogram: Send + Sync {
    /// Notes one value, in seconds.
    fn observe(&self, labels: &[&str], seconds: f64);
}

/// Makes metrics. Label values must come from closed sets.
pub trait Meter: Send + Sync {
    /// A counter; asking twice for one name gives the same.
    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Arc<dyn Counter>;

    /// A histogram of seconds.
    fn histogram(&self, name: &str, help: &str, labels: &[&str]) -> Arc<dyn Histogram>;
}
