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
        let time = clock.unix();
        let reading = Reading { time, at: clock.now() };
        Self { clock, reading: Mutex::new(reading) }
    }

    /// The time, since the Unix epoch; never less than before.
    pub(in crate::embedded) fn time(&self) -> Duration {
        // Read under the lock, and the wall clock first: what passes between two readings would else be
        // counted twice, and the time would run ahead little by little.
        let mut last = self.reading.lock();
        let unix = self.clock.unix();
        let at = self.clock.now();
        let gone_on = last.time.saturating_add(at.saturating_duration_since(last.at));
        last.at = at;
        last.time = unix.max(gone_on);
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

#[cfg(test)]
mod tests {
    use super::WindowClock;
    use behest_contract::clock::{Clock, ManualClock};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// Time passes whenever it is read.
    #[derive(Clone)]
    struct Slow(ManualClock);

    impl Slow {
        fn pass(&self) {
            self.0.advance(Duration::from_millis(7));
        }
    }

    impl Clock for Slow {
        fn now(&self) -> Instant {
            self.pass();
            self.0.now()
        }

        fn unix(&self) -> Duration {
            self.pass();
            self.0.unix()
        }
    }

    #[test]
    fn time_does_not_run_ahead_however_slowly_clocks_are_read() {
        let clock = Slow(ManualClock::at(1_000));
        let windows = WindowClock::new(Arc::new(clock.clone()));
        for _ in 0..1_000 {
            let time = windows.time();
            assert!(time <= clock.0.unix());
            assert!(clock.0.unix() - time <= Duration::from_millis(14));
        }
    }
}
