//! Work that would hold up the event loop, on threads of its own.

use behest_contract::ports::{Busy, Job, Offload};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A fixed number of threads with a bounded queue before them.
pub struct OffloadPool {
    desk: Arc<Desk>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Where jobs are left for the next free thread.
struct Desk {
    queue: Mutex<Queue>,
    changed: Condvar,
    queue_max: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    stopping: bool,
}

impl OffloadPool {
    /// Starts the threads. Up to `queue_max` jobs may wait for one; both numbers are at least 1.
    pub fn start(threads: usize, queue_max: usize) -> io::Result<Self> {
        let queue_max = queue_max.max(1);
        let desk = Desk { queue: Mutex::default(), changed: Condvar::new(), queue_max };
        let pool = Self { desk: Arc::new(desk), threads: Mutex::default() };
        for n in 0..threads.max(1) {
            let desk = pool.desk.clone();
            let named = thread::Builder::new().name(format!("behest-offload-{n}"));
            pool.threads.lock().push(named.spawn(move || desk.work())?);
        }
        Ok(pool)
    }

    /// Takes no more jobs, does those that wait, and ends the threads.
    pub fn stop(&self) {
        self.desk.queue.lock().stopping = true;
        self.desk.changed.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        // A job may hold the last reference to the pool: its thread must not wait for itself.
        let here = thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != here) {
            // A panic in there was a job's and has been told already.
            let _ = thread.join();
        }
    }
}

impl Offload for OffloadPool {
    fn run(&self, job: Job) -> Result<(), Busy> {
        let mut queue = self.desk.queue.lock();
        if queue.stopping || queue.jobs.len() >= self.desk.queue_max {
            return Err(Busy);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.desk.changed.notify_one();
        Ok(())
    }
}

impl Drop for OffloadPool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Desk {
    fn work(&self) {
        while let Some(job) = self.next() {
            // Whoever waits for the job sees that its result never comes; the thread goes on.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("an offloaded job panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.stopping {
                return None;
            }
            self.changed.wait(&mut queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OffloadPool;
    use behest_contract::ports::{Busy, Offload, offloaded};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    /// Occupies a thread until the sender is dropped, and returns once it is occupied.
    fn occupy(pool: &OffloadPool) -> Sender<()> {
        let (release, released): (Sender<()>, Receiver<()>) = channel();
        let (began, begun) = channel();
        let job = move || {
            began.send(()).unwrap();
            let _ = released.recv();
        };
        pool.run(Box::new(job)).unwrap();
        begun.recv().unwrap();
        release
    }

    #[test]
    fn a_job_runs_on_a_named_thread() {
        let pool = OffloadPool::start(2, 4).unwrap();
        let (tell, told) = channel();
        let job = move || tell.send(thread::current().name().map(str::to_owned)).unwrap();
        pool.run(Box::new(job)).unwrap();
        assert!(told.recv().unwrap().unwrap().starts_with("behest-offload-"));
    }

    #[test]
    fn a_full_queue_refuses() {
        let pool = OffloadPool::start(1, 2).unwrap();
        let release = occupy(&pool);
        assert_eq!(pool.run(Box::new(|| ())), Ok(()));
        assert_eq!(pool.run(Box::new(|| ())), Ok(()));
        assert_eq!(pool.run(Box::new(|| ())), Err(Busy));
        drop(release);
        pool.stop();
    }

    #[test]
    fn stopping_finishes_what_waits_and_takes_nothing_more() {
        let pool = OffloadPool::start(1, 8).unwrap();
        let release = occupy(&pool);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..8 {
            let done = done.clone();
            let job = move || {
                done.fetch_add(1, Ordering::SeqCst);
            };
            pool.run(Box::new(job)).unwrap();
        }
        drop(release);
        pool.stop();
        assert_eq!(done.load(Ordering::SeqCst), 8);
        assert_eq!(pool.run(Box::new(|| ())), Err(Busy));
        pool.stop();
    }

    #[test]
    fn a_job_that_panics_takes_no_thread_with_it() {
        let pool = OffloadPool::start(1, 4).unwrap();
        let (waits, never) = channel::<()>();
        let job = move || {
            let _held = waits;
            panic!("on purpose");
        };
        pool.run(Box::new(job)).unwrap();
        assert!(never.recv().is_err());
        let (tell, told) = channel();
        pool.run(Box::new(move || tell.send(7).unwrap())).unwrap();
        assert_eq!(told.recv(), Ok(7));
    }

    #[test]
    fn the_last_reference_may_be_dropped_by_a_job() {
        let pool = Arc::new(OffloadPool::start(1, 4).unwrap());
        let (held, tell_end) = (pool.clone(), channel());
        let (go, goes) = channel::<()>();
        let job = move || {
            let _ = goes.recv();
            drop(held);
            tell_end.0.send(()).unwrap();
        };
        pool.run(Box::new(job)).unwrap();
        drop(pool);
        drop(go);
        assert_eq!(tell_end.1.recv(), Ok(()));
    }

    #[test]
    fn a_result_comes_back() {
        let pool = OffloadPool::start(1, 4).unwrap();
        let release = occupy(&pool);
        let waiting = offloaded(&pool, || 6 * 7);
        drop(release);
        // The queue is empty after the stop, so the result is there at the first look.
        pool.stop();
        let mut waiting = Box::pin(waiting);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert_eq!(waiting.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(42)));
    }
}
