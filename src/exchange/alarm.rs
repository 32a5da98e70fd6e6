//! One timer for everything that an exchange waits for.
//!
//! A timer per wait would cost more than the waits. So there is one, armed for the nearest of the
//! deadlines; when it goes off the clock is compared with each, and it is armed again.

use behest_contract::clock::Clock;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// What the time has come for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// No connection in time.
    Connect,
    /// No byte of an answer in time.
    FirstByte,
    /// No byte after the last one in time.
    BetweenBytes,
    /// The whole took too long.
    Total,
    /// The client has heard nothing for a while.
    Heartbeat,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// To connect to a provider, over all its addresses.
    pub connect: Duration,
    /// To the first byte of an answer, once the request is being sent.
    pub first_byte: Duration,
    /// Between two bytes of an answer.
    pub between_bytes: Duration,
    /// From the request's head to the end.
    pub total: Duration,
    /// Between two things that the client hears.
    pub heartbeat: Duration,
}

/// The timer.
pub struct Alarm {
    deadlines: Deadlines,
    clock: Arc<dyn Clock>,
    /// Armed on first use: most requests end before anything needs a timer.
    sleep: Option<Pin<Box<Sleep>>>,
    total_at: Instant,
    wait: Wait,
    beat_at: Option<Instant>,
}

/// What is waited for. It counts from when there is a wait indeed: most steps of an exchange need none, and
/// then the clock need not be read.
struct Wait {
    ring: Ring,
    until: Option<Instant>,
}

impl Alarm {
    /// An alarm for a request that began at `started`.
    pub fn new(deadlines: Deadlines, started: Instant, clock: Arc<dyn Clock>) -> Self {
        let total_at = started + deadlines.total;
        let wait = Wait { ring: Ring::Total, until: Some(total_at) };
        Self { deadlines, clock, sleep: None, total_at, wait, beat_at: None }
    }

    /// Begins one of the waits for the provider.
    pub fn wait_for(&mut self, ring: Ring) {
        self.wait = Wait { ring, until: None };
    }

    /// The client has heard something just now; from here on it is to hear something regularly.
    pub fn heard(&mut self) {
        self.beat_at = Some(self.clock.now() + self.deadlines.heartbeat);
    }

    /// Waits for the next deadline. It may be dropped and made again at any time.
    pub async fn ring(&mut self) -> Ring {
        loop {
            let nearest = self.nearest();
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(nearest)));
            // A later deadline needs no new arming: the timer goes off early and is armed again.
            if sleep.deadline() > nearest.into() || sleep.is_elapsed() {
                sleep.as_mut().reset(nearest.into());
            }
            sleep.as_mut().await;
            let now = self.clock.now();
            if let Some(ring) = self.due(now) {
                return ring;
            }
        }
    }

    fn nearest(&mut self) -> Instant {
        let nearest = self.wait_until().min(self.total_at);
        self.beat_at.map_or(nearest, |beat| nearest.min(beat))
    }

    fn wait_until(&mut self) -> Instant {
        let length = match self.wait.ring {
            Ring::Connect => self.deadlines.connect,
            Ring::FirstByte => self.deadlines.first_byte,
            Ring::BetweenBytes => self.deadlines.between_bytes,
            Ring::Total | Ring::Heartbeat => self.deadlines.total,
        };
        *self.wait.until.get_or_insert_with(|| self.clock.now() + length)
    }

    fn due(&mut self, now: Instant) -> Option<Ring> {
        if now >= self.total_at {
            return Some(Ring::Total);
        }
        if now >= self.wait_until() {
            return Some(self.wait.ring);
        }
        self.beat_at.filter(|beat| now >= *beat).map(|_| Ring::Heartbeat)
    }
}

fn sleep_until(at: Instant) -> Sleep {
    tokio::time::sleep_until(at.into())
}

#[cfg(test)]
mod tests {
    use super::{Alarm, Deadlines, Ring};
    use behest_contract::clock::{Clock, SystemClock};
    use futures::FutureExt;
    use std::sync::Arc;
    use std::time::Duration;

    /// All deadlines far away, but for the one that is to ring.
    fn alarm(near: Ring) -> Alarm {
        let at = |ring| Duration::from_millis(if ring == near { 10 } else { 600_000 });
        let deadlines = Deadlines {
            connect: at(Ring::Connect),
            first_byte: at(Ring::FirstByte),
            between_bytes: at(Ring::BetweenBytes),
            total: at(Ring::Total),
            heartbeat: at(Ring::Heartbeat),
        };
        Alarm::new(deadlines, SystemClock.now(), Arc::new(SystemClock))
    }

    #[tokio::test]
    async fn what_is_waited_for_rings_in_its_time() {
        for ring in [Ring::Connect, Ring::FirstByte, Ring::BetweenBytes] {
            let mut alarm = alarm(ring);
            alarm.wait_for(ring);
            assert_eq!(alarm.ring().await, ring);
        }
    }

    #[tokio::test]
    async fn a_heartbeat_rings_again_and_again_once_the_client_has_heard_something() {
        let mut alarm = alarm(Ring::Heartbeat);
        alarm.wait_for(Ring::BetweenBytes);
        for _ in 0..3 {
            alarm.heard();
            assert_eq!(alarm.ring().await, Ring::Heartbeat);
        }
    }

    #[tokio::test]
    async fn a_nearer_deadline_is_not_slept_through() {
        let mut alarm = alarm(Ring::FirstByte);
        alarm.wait_for(Ring::Connect);
        assert!(alarm.ring().now_or_never().is_none());
        alarm.wait_for(Ring::FirstByte);
        assert_eq!(alarm.ring().await, Ring::FirstByte);
    }

    #[tokio::test]
    async fn the_total_rings_whatever_else_is_waited_for() {
        let mut alarm = alarm(Ring::Total);
        alarm.wait_for(Ring::FirstByte);
        assert_eq!(alarm.ring().await, Ring::Total);
    }
}
