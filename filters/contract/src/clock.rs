//! The only place that reads a clock.
//!
//! Limits, deadlines and log lines take their time from a [`Clock`], so that a test can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// A reading that never goes back; for durations.
    fn now(&self) -> Instant;
    /// Time since the Unix epoch, UTC; for windows and log lines.
    fn unix(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Clone)]
pub struct ManualClock {
    start: Instant,
    elapsed_ms: Arc<AtomicU64>,
    unix_start: Duration,
}

impl ManualClock {
    /// A clock standing at `unix` seconds.
    pub fn at(unix_seconds: u64) -> Self {
        Self {
            start: SystemClock.now(),
            elapsed_ms: Arc::default(),
            unix_start: Duration::from_secs(unix_seconds),
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.elapsed_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.load(Ordering::SeqCst))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    fn unix(&self) -> Duration {
        self.unix_start + self.elapsed()
    }
}
