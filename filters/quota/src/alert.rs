//! Whether anybody was refused of late: only then is it worth asking ahead, before a body is read.

use behest_contract::clock::Clock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How long a refusal is remembered. Whoever is refused again and again keeps it up.
const REMEMBERED_SECONDS: u64 = 120;

/// The time of the last refusal, in seconds since 1970; 0 if there was none.
#[derive(Debug, Default)]
pub(crate) struct Alert(AtomicU64);

impl Alert {
    pub(crate) fn raise(&self, clock: &dyn Clock) {
        self.0.store(clock.unix().as_secs(), Ordering::Relaxed);
    }

    pub(crate) fn is_raised(&self, clock: &dyn Clock) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        last > 0 && clock.unix().as_secs().abs_diff(last) < REMEMBERED_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::Alert;
    use behest_contract::clock::ManualClock;
    use std::time::Duration;

    #[test]
    fn a_refusal_is_remembered_for_two_minutes() {
        let (alert, clock) = (Alert::default(), ManualClock::at(1_750_000_000));
        assert!(!alert.is_raised(&clock));
        alert.raise(&clock);
        clock.advance(Duration::from_secs(119));
        assert!(alert.is_raised(&clock));
        clock.advance(Duration::from_secs(1));
        assert!(!alert.is_raised(&clock));
    }
}
