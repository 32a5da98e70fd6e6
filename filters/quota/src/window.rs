//! Exact counting in calendar minutes.
//!
//! A window is a minute and a count packed into one word, so that turning the minute and taking one
//! is a single step: there is no moment at which two threads could both take the last one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SECONDS: u64 = 60;

/// A calendar minute (UTC), counted from the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Minute(u32);

impl Minute {
    /// The minute of a time since the epoch. 32 bits last for eight thousand years.
    pub(crate) fn of(unix: Duration) -> Self {
        Self(u32::try_from(unix.as_secs() / SECONDS).unwrap_or(u32::MAX))
    }

    /// When it is over, since the epoch.
    pub(crate) fn end(self) -> Duration {
        Duration::from_secs((u64::from(self.0) + 1) * SECONDS)
    }
}

/// How many came in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) minute: Minute,
    /// Stops at its maximum: a limit above that is none.
    pub(crate) count: u32,
}

impl Tally {
    /// The tally as of `now`. A clock that went back does not open a past minute again: the count
    /// goes on in the latest minute that was seen.
    fn turned(self, now: Minute) -> Self {
        if now > self.minute { Self { minute: now, count: 0 } } else { self }
    }

    fn one_more(self) -> Self {
        Self { count: self.count.saturating_add(1), ..self }
    }

    /// Whether a limit leaves no room for another.
    pub(crate) fn is_full(self, limit: u64) -> bool {
        u64::from(self.count) >= limit
    }

    fn pack(self) -> u64 {
        u64::from(self.minute.0) << 32 | u64::from(self.count)
    }

    fn unpack(word: u64) -> Self {
        // Each half fits by construction.
        Self { minute: Minute((word >> 32) as u32), count: word as u32 }
    }
}

/// A counter per calendar minute that never admits more than its limit, without a lock.
///
/// The one word is all that threads share, so `Relaxed` is enough: no other memory is published.
#[derive(Debug, Default)]
pub(crate) struct Window(AtomicU64);

impl Window {
    /// The tally as of `now`.
    pub(crate) fn tally(&self, now: Minute) -> Tally {
        Tally::unpack(self.0.load(Ordering::Relaxed)).turned(now)
    }

    /// Takes one if the limit allows. The tally includes what was taken; an error leaves the window
    /// as it was.
    pub(crate) fn take(&self, now: Minute, limit: u64) -> Result<Tally, Tally> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let tally = Tally::unpack(word).turned(now);
            if tally.is_full(limit) {
                return Err(tally);
            }
            let next = tally.one_more();
            match self.swap(word, next) {
                Ok(_) => return Ok(next),
                Err(other) => word = other,
            }
        }
    }

    fn swap(&self, from: u64, to: Tally) -> Result<u64, u64> {
        self.0.compare_exchange_weak(from, to.pack(), Ordering::Relaxed, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Minute, Tally, Window};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    fn minute(number: u32) -> Minute {
        Minute(number)
    }

    #[test]
    fn a_minute_is_the_calendars() {
        for (seconds, number) in [(0, 0), (59, 0), (60, 1), (119, 1), (1_750_000_000, 29_166_666)] {
            assert_eq!(Minute::of(Duration::from_secs(seconds)), minute(number));
        }
        assert_eq!(Minute::of(Duration::from_millis(59_999)).end(), Duration::from_secs(60));
        assert_eq!(Minute::of(Duration::MAX), minute(u32::MAX));
    }

    #[test]
    fn packing_loses_nothing() {
        for (at, count) in [(0, 0), (1, u32::MAX), (u32::MAX, 1), (29_166_666, 60)] {
            let tally = Tally { minute: minute(at), count };
            assert_eq!(Tally::unpack(tally.pack()), tally);
        }
    }

    #[test]
    fn a_window_turns_with_the_minute_and_never_back() {
        let window = Window::default();
        // (minute of the clock, taken?, minute that it counts in, count)
        let steps = [
            (7, true, 7, 1),
            (7, true, 7, 2),
            (7, false, 7, 2),
            (8, true, 8, 1),
            (7, true, 8, 2),
            (7, false, 8, 2),
            (8, false, 8, 2),
            (9, true, 9, 1),
        ];
        for (step, (clock, taken, at, count)) in steps.into_iter().enumerate() {
            let tally = Tally { minute: minute(at), count };
            let want = if taken { Ok(tally) } else { Err(tally) };
            assert_eq!(window.take(minute(clock), 2), want, "step {step}");
        }
    }

    #[test]
    fn a_limit_of_nothing_admits_nothing() {
        assert!(Window::default().take(minute(7), 0).is_err());
    }

    #[test]
    fn the_largest_count_does_not_wrap() {
        let window = Window::default();
        let most = Tally { minute: minute(7), count: u32::MAX };
        window.0.store(most.pack(), Ordering::Relaxed);
        assert_eq!(window.take(minute(7), u64::MAX), Ok(most));
        assert_eq!(window.take(minute(7), u32::MAX.into()), Err(most));
    }

    #[test]
    fn reading_takes_nothing_and_turns_nothing() {
        let window = Window::default();
        assert!(window.take(minute(7), 5).is_ok());
        assert_eq!(window.tally(minute(8)).count, 0);
        assert_eq!(window.tally(minute(7)).count, 1);
    }

    #[test]
    fn of_ten_thousand_calls_at_once_exactly_the_limit_is_admitted() {
        let (window, admitted) = (Window::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_250 {
                        if window.take(minute(7), 777).is_ok() {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 777);
        assert_eq!(window.tally(minute(7)).count, 777);
    }

    #[test]
    fn of_all_threads_at_a_turn_none_opens_the_minute_twice() {
        for round in 1..200 {
            let (window, admitted) = (Window::default(), AtomicU32::new(0));
            assert!(window.take(minute(round - 1), 3).is_ok());
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..4 {
                            let taken = window.take(minute(round), 3).is_ok();
                            admitted.fetch_add(taken.into(), Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(admitted.into_inner(), 3);
        }
    }
}
