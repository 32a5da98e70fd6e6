//! The time that windows go by.
//!
//! It is the wall clock's as long as that goes on. When the wall clock is set back, it goes on at the
//! pace of the clock that never is: no window is entered a second time, and none lasts longer than it
//! should. So a clock that jumps forward and back has granted one window more of each kind, and then
//! stays ahead until the process ends.

use crate::embedded::sync::Mutex;
use behest_contract::clock::Clock;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(in crate::embedded) struct WindowClock {
    clock: Arc<dyn Clock>,
    reading: Mutex<Reading>,
}

struct Reading {
    time: Duration,
    at: Instant,
}

impl WindowClock {
    pub(in crate::embedded) fn new(clock: Arc<dyn Clock>) -> Self {
        let reading = Reading { time: clock.unix(), at: clock.now() };
        Self { clock, reading: Mutex::new(reading) }
    }

    /// The time, since the Unix epoch; never less than before.
    pub(in crate::embedded) fn time(&self) -> Duration {
        let mut last = self.reading.lock();
        // Read under the lock: two that overtook one another would count the time between them twice.
        let at = self.clock.now();
        let gone_on = last.time.saturating_add(at.saturating_duration_since(last.at));
        last.at = at;
        last.time = self.clock.unix().max(gone_on);
        last.time
    }

    /// A reading for durations.
    pub(in crate::embedded) fn now(&self) -> Instant {
        self.clock.now()
    }
}

/// Whole minutes since the Unix epoch, in which windows begin and end.
pub(in crate::embedded) fn minutes(time: Duration) -> u32 {
    u32::try_from(time.as_secs() / 60).unwrap_or(u32::MAX)
}
