//! Who keeps the connection: makes it, notices that it is lost, and tries until it is back.

use super::connect::{Conn, connect};
use super::{Invocation, Line};
use behest_contract::clock::Clock;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Lines about losses are at least so far apart, for a server that comes and goes.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// A connection that lasts no longer is no sign of health.
const SHORT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) enum State {
    /// The first connection, or the first after one that broke, is being made.
    Connecting,
    /// It answers; with the number of the connection.
    Up(Conn, u64),
    /// It is taken for lost.
    Down(Arc<str>),
}

pub(super) struct Keeper {
    clock: Arc<dyn Clock>,
    pub(super) state: watch::Sender<State>,
    /// For those who only want to know whether.
    pub(super) is_up: watch::Sender<bool>,
    /// Calls in a row without an answer.
    strikes: AtomicU32,
    connections: AtomicU64,
    outages: Mutex<Outages>,
}

#[derive(Default)]
struct Outages {
    count: u64,
    over: Duration,
    since: Option<Instant>,
    told_at: Option<Instant>,
    /// Whether the log knows of this one.
    is_told: bool,
}

impl Keeper {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: watch::Sender::new(State::Connecting),
            is_up: watch::Sender::new(false),
            strikes: AtomicU32::new(0),
            connections: AtomicU64::new(0),
            outages: Mutex::default(),
        }
    }

    /// A reading for durations.
    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) fn answered(&self) {
        if self.strikes.load(Ordering::Relaxed) != 0 {
            self.strikes.store(0, Ordering::Relaxed);
        }
    }

    /// A call of this connection got no answer in time.
    pub(super) fn missed(&self, number: u64, most: u32) {
        if self.strikes.fetch_add(1, Ordering::Relaxed) + 1 >= most {
            self.lost(number, &"it does not answer in time".into());
        }
    }

    /// The server of this connection is of no use any more.
    pub(super) fn lost(&self, number: u64, why: &Arc<str>) {
        if self.leave(number, State::Down(why.clone())) {
            self.begin_outage(why);
        }
    }

    /// This connection broke. That is no outage if the next one can be made at once.
    pub(super) fn broke(&self, number: u64) {
        self.leave(number, State::Connecting);
    }

    fn leave(&self, number: u64, next: State) -> bool {
        let changed = self.state.send_if_modified(|state| {
            let is_this = matches!(state, State::Up(_, now) if *now == number);
            if is_this {
                *state = next;
            }
            is_this
        });
        if changed {
            self.is_up.send_replace(false);
        }
        changed
    }

    fn up(&self, conn: Conn) {
        self.strikes.store(0, Ordering::Relaxed);
        let number = self.connections.fetch_add(1, Ordering::AcqRel);
        self.end_outage();
        self.state.send_replace(State::Up(conn, number));
        self.is_up.send_replace(true);
    }

    /// The connection could not be made.
    fn failed(&self, why: &str) {
        let why: Arc<str> = why.into();
        self.begin_outage(&why);
        self.state.send_replace(State::Down(why));
    }

    fn begin_outage(&self, why: &str) {
        let now = self.clock.now();
        let mut outages = self.outages.lock();
        if outages.since.is_none() {
            outages.since = Some(now);
            outages.count += 1;
        }
        let is_due =
            outages.told_at.is_none_or(|at| now.saturating_duration_since(at) >= LOG_EVERY);
        if !outages.is_told && is_due {
            (outages.is_told, outages.told_at) = (true, Some(now));
            log::warn!("Redis is lost: {why}");
        }
    }

    fn end_outage(&self) {
        let now = self.clock.now();
        let mut outages = self.outages.lock();
        let Some(since) = outages.since.take() else { return };
        let length = now.saturating_duration_since(since);
        outages.over += length;
        if std::mem::take(&mut outages.is_told) {
            log::warn!("Redis is back after {:.1} s", length.as_secs_f64());
        }
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    pub(super) fn outages(&self) -> (u64, Duration) {
        let now = self.clock.now();
        let outages = self.outages.lock();
        let current = outages.since.map(|since| now.saturating_duration_since(since));
        (outages.count, outages.over + current.unwrap_or_default())
    }
}

/// Connects, and connects anew whenever the connection is lost.
pub(super) async fn keep(line: Line) {
    let hub = &*line.0;
    let mut states = hub.keeper.state.subscribe();
    loop {
        match connect(&hub.place, hub.waits).await {
            Ok(mut conn) => {
                for script in &hub.scripts {
                    // Where this fails, the script is told when it is needed.
                    let script = Invocation::new(script).in_full();
                    let _ = timeout(hub.waits.connect, conn.send(&script)).await;
                }
                hub.keeper.up(conn);
                let since = hub.keeper.now();
                if states.wait_for(|state| !matches!(state, State::Up(..))).await.is_err() {
                    return;
                }
                // One that is of no use at once is not asked over and over.
                if hub.keeper.now().saturating_duration_since(since) < SHORT {
                    sleep(hub.probe_interval).await;
                }
            }
            Err(error) => {
                hub.keeper.failed(&error.to_string());
                sleep(hub.probe_interval).await;
            }
        }
    }
}
