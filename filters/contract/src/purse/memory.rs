//! A purse in memory.

use super::{
    Ask, Decision, Demand, Granted, Known, Measure, Opening, Purse, Refused, Settlement, Window,
};
use crate::book::{Answer, Row};
use crate::clock::Clock;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often what has passed is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// How long what has no window is remembered after its last use.
const LIFE_IDLE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Counts exactly, in this process, and forgets when it ends: for tests, and for a proxy of one process
/// whose counts may begin anew with it.
///
/// A clock that goes back opens no window again. Windows that have passed are forgotten within an hour,
/// and whole lives a day after their last use.
pub struct MemoryPurse {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl MemoryPurse {
    /// A purse that has counted nothing.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// What a counter has come to in the window of now, reservations included.
    pub fn used(&self, tenant: &str, subject: &str, measure: Measure, window: Window) -> u64 {
        let mut state = self.state.lock();
        let slot = state.turn(self.clock.unix()).slot(measure, window);
        let counts = state.tenants.get(tenant).and_then(|tenant| tenant.subjects.get(subject));
        counts.map_or(0, |counts| counts.used(slot))
    }

    /// How many leases are open.
    pub fn leases(&self) -> usize {
        self.state.lock().tenants.values().map(|tenant| tenant.leases.len()).sum()
    }

    /// Ends a lease as the death of its node would: it is booked at what is known of it, and the row is
    /// the one to be written. `None` if there is no such lease.
    pub fn lose(&self, tenant: &str, id: &str) -> Option<Row> {
        let mut state = self.state.lock();
        let lease = state.tenants.get(tenant)?.leases.get(id)?;
        let row = lease.known.lost_row(&lease.sketch);
        let ends = Settlement {
            id: id.into(),
            tenant: tenant.into(),
            tokens: row.prompt_tokens.saturating_add(row.completion_tokens),
            micro_usd: row.micro_usd.unwrap_or(0),
            void: false,
        };
        state.close(&ends);
        Some(row)
    }
}

impl fmt::Debug for MemoryPurse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPurse").field("leases", &self.leases()).finish_non_exhaustive()
    }
}

impl Purse for MemoryPurse {
    fn admit(&self, ask: Ask) -> Decision {
        Decision::Done(self.state.lock().admit(ask, self.clock.unix()))
    }

    fn peek(&self, tenant: &str, subjects: &[Arc<str>], demands: &[Demand]) -> Result<(), Refused> {
        let mut state = self.state.lock();
        let windows = state.turn(self.clock.unix());
        state.check(tenant, subjects, demands, &windows).map(drop)
    }

    fn raise(&self, tenant: &str, at: Duration, openings: Vec<Opening>) -> Answer<()> {
        let mut state = self.state.lock();
        let windows = Windows::new(at);
        let now = state.turn(self.clock.unix()).at;
        let tenant = state.tenants.entry(tenant.into()).or_default();
        for Opening { subject, measure, window, amount } in openings {
            let counts = tenant.subjects.entry(subject).or_default();
            counts.raise(windows.slot(measure, window), amount, now);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn settle(&self, settlement: Settlement) {
        self.state.lock().close(&settlement);
    }
}

/// Which of a subject's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    measure: Measure,
    window: Window,
    /// When its window begins.
    from: Duration,
}

#[derive(Debug)]
struct Count {
    slot: Slot,
    used: u64,
    last_use: Duration,
    /// Leases that have taken of it and are open.
    leases: usize,
}

/// A subject's counters: a handful, so a list is the quickest.
#[derive(Debug, Default)]
struct Counts(Vec<Count>);

impl Counts {
    fn used(&self, slot: Slot) -> u64 {
        self.0.iter().find(|count| count.slot == slot).map_or(0, |count| count.used)
    }

    fn take(&mut self, slot: Slot, amount: u64, at: Duration) {
        match self.0.iter_mut().find(|count| count.slot == slot) {
            Some(count) => {
                count.used = count.used.saturating_add(amount);
                count.last_use = at;
                count.leases += 1;
            }
            None => self.0.push(Count { slot, used: amount, last_use: at, leases: 1 }),
        }
    }

    fn raise(&mut self, slot: Slot, used: u64, at: Duration) {
        match self.0.iter_mut().find(|count| count.slot == slot) {
            Some(count) => count.used = count.used.max(used),
            None => self.0.push(Count { slot, used, last_use: at, leases: 0 }),
        }
    }

    fn close(&mut self, slot: Slot, taken: u64, kept: u64, at: Duration) {
        if let Some(count) = self.0.iter_mut().find(|count| count.slot == slot) {
            count.used = count.used.saturating_sub(taken).saturating_add(kept);
            count.last_use = at;
            count.leases = count.leases.saturating_sub(1);
        }
    }
}

/// When the windows of a time begin.
struct Windows {
    at: Duration,
    minute: Duration,
    day: Duration,
    month: Duration,
}

impl Windows {
    fn new(at: Duration) -> Self {
        let from = |window: Window| window.around(at).map_or(Duration::ZERO, |around| around.start);
        let [minute, day, month] = [Window::Minute, Window::Day, Window::Month].map(from);
        Self { at, minute, day, month }
    }

    fn slot(&self, measure: Measure, window: Window) -> Slot {
        let from = match window {
            Window::Minute => self.minute,
            Window::Day => self.day,
            Window::Month => self.month,
            Window::Life => Duration::ZERO,
        };
        Slot { measure, window, from }
    }
}

struct Lease {
    subjects: SmallVec<[Arc<str>; 3]>,
    /// What was taken: of which subject, of which counter, how much.
    taken: Vec<(u8, Slot, u64)>,
    sketch: Arc<Row>,
    known: Arc<Known>,
}

/// What belongs to one tenant.
#[derive(Default)]
struct Tenant {
    subjects: HashMap<Arc<str>, Counts>,
    leases: HashMap<Arc<str>, Lease>,
}

#[derive(Default)]
struct State {
    tenants: HashMap<Arc<str>, Tenant>,
    /// The latest time that was seen.
    latest: Duration,
    swept_at: Duration,
}

impl State {
    /// The time as far as windows go: it never goes back.
    fn turn(&mut self, now: Duration) -> Windows {
        self.latest = self.latest.max(now);
        if self.latest.saturating_sub(self.swept_at) >= SWEEP_EVERY {
            self.swept_at = self.latest;
            self.sweep();
        }
        Windows::new(self.latest)
    }

    fn sweep(&mut self) {
        let now = self.latest;
        let lives = |count: &Count| match count.slot.window.around(count.slot.from) {
            Some(around) => now < around.end,
            None => count.leases > 0 || now.saturating_sub(count.last_use) < LIFE_IDLE_MAX,
        };
        self.tenants.retain(|_, tenant| {
            tenant.subjects.retain(|_, counts| {
                counts.0.retain(lives);
                !counts.0.is_empty()
            });
            !tenant.subjects.is_empty() || !tenant.leases.is_empty()
        });
    }

    /// What each counter would come to, or the first that has no room.
    fn check(
        &self,
        tenant: &str,
        subjects: &[Arc<str>],
        demands: &[Demand],
        windows: &Windows,
    ) -> Result<SmallVec<[u64; 8]>, Refused> {
        let tenant = self.tenants.get(tenant);
        let counts = |subject: &Arc<str>| tenant.and_then(|tenant| tenant.subjects.get(subject));
        let counts: SmallVec<[Option<&Counts>; 3]> = subjects.iter().map(counts).collect();
        let ask = |(index, demand): (usize, &Demand)| {
            let Some(counts) = counts.get(usize::from(demand.subject)) else {
                return Err(Refused::Unavailable("a demand names no subject".into()));
            };
            let slot = windows.slot(demand.measure, demand.window);
            let used = counts.map_or(0, |counts| counts.used(slot));
            // To ask for nothing is to ask whether it is full.
            let wanted = used.saturating_add(demand.amount.max(1));
            if wanted > demand.limit {
                return Err(Refused::Full { demand: index, used, at: windows.at });
            }
            Ok(used.saturating_add(demand.amount))
        };
        demands.iter().enumerate().map(ask).collect()
    }

    fn admit(&mut self, ask: Ask, now: Duration) -> Result<Granted, Refused> {
        let windows = self.turn(now);
        let Ask { id, tenant, subjects, demands, sketch, known } = ask;
        if self.tenants.get(&tenant).is_some_and(|tenant| tenant.leases.contains_key(&id)) {
            return Err(Refused::Unavailable("the lease is open already".into()));
        }
        let used = self.check(&tenant, &subjects, &demands, &windows)?;
        let tenant = self.tenants.entry(tenant).or_default();
        let taken = demands.iter().map(|demand| {
            (demand.subject, windows.slot(demand.measure, demand.window), demand.amount)
        });
        let taken: Vec<_> = taken.collect();
        for (at, subject) in (0_u8..).zip(&subjects) {
            let mut of_subject = taken.iter().filter(|(subject, ..)| *subject == at).peekable();
            if of_subject.peek().is_some() {
                let counts = tenant.subjects.entry(subject.clone()).or_default();
                of_subject.for_each(|(_, slot, amount)| counts.take(*slot, *amount, windows.at));
            }
        }
        tenant.leases.insert(id, Lease { subjects, taken, sketch, known });
        Ok(Granted { used, at: windows.at })
    }

    fn close(&mut self, settlement: &Settlement) {
        let Some(tenant) = self.tenants.get_mut(&settlement.tenant) else { return };
        let Some(lease) = tenant.leases.remove(&settlement.id) else { return };
        let kept = |measure, taken| match measure {
            _ if settlement.void => 0,
            Measure::Requests => taken,
            Measure::InFlight => 0,
            Measure::Tokens => settlement.tokens,
            Measure::MicroUsd => settlement.micro_usd,
        };
        for (at, subject) in (0_u8..).zip(&lease.subjects) {
            let Some(counts) = tenant.subjects.get_mut(subject) else { continue };
            for (_, slot, taken) in lease.taken.iter().filter(|(subject, ..)| *subject == at) {
                counts.close(*slot, *taken, kept(slot.measure, *taken), self.latest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryPurse;
    use crate::clock::{Clock, ManualClock};
    use crate::purse::{Ask, Decision, Demand, Measure, Purse, Settlement, Window};
    use crate::testing::purse_suite;
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    fn ask(id: &str, window: Window, limit: u64) -> Ask {
        let demand = Demand { subject: 0, measure: Measure::Tokens, window, limit, amount: 1 };
        Ask {
            id: id.into(),
            tenant: "t".into(),
            subjects: [Arc::from("s")].into_iter().collect(),
            demands: [demand].into_iter().collect(),
            sketch: Arc::default(),
            known: Arc::default(),
        }
    }

    fn admitted(purse: &MemoryPurse, ask: Ask) -> bool {
        matches!(purse.admit(ask), Decision::Done(Ok(_)))
    }

    fn settle(purse: &MemoryPurse, id: &str) {
        let (id, tenant) = (id.into(), "t".into());
        purse.settle(Settlement { id, tenant, tokens: 1, micro_usd: 0, void: false });
    }

    #[test]
    fn it_behaves_as_a_purse() {
        purse_suite::run(|clock| Arc::new(MemoryPurse::new(Arc::new(clock))));
    }

    #[test]
    fn what_has_passed_is_forgotten_and_what_is_leased_is_not() {
        let clock = ManualClock::at(purse_suite::START);
        let purse = MemoryPurse::new(Arc::new(clock.clone()));
        let remembered = || {
            let state = purse.state.lock();
            let subjects = state.tenants.values().flat_map(|tenant| tenant.subjects.values());
            subjects.map(|counts| counts.0.len()).sum::<usize>()
        };
        let hour = Duration::from_secs(3_600);
        assert!(admitted(&purse, ask("minute", Window::Minute, 9)));
        assert!(admitted(&purse, ask("life", Window::Life, 9)));
        settle(&purse, "minute");
        clock.advance(hour * 25);
        assert!(admitted(&purse, ask("later", Window::Life, 9)));
        assert_eq!((remembered(), purse.used("t", "s", Measure::Tokens, Window::Life)), (1, 2));
        settle(&purse, "life");
        settle(&purse, "later");
        clock.advance(hour * 25);
        assert_eq!(purse.used("t", "s", Measure::Tokens, Window::Life), 0);
        assert_eq!((remembered(), purse.leases()), (0, 0));
    }

    #[test]
    fn a_lost_lease_is_booked_at_what_is_known() {
        let purse = MemoryPurse::new(Arc::new(ManualClock::at(0)));
        let lost = ask("a", Window::Day, 9);
        let known = lost.known.clone();
        assert!(admitted(&purse, lost));
        known.note_tokens(7);
        assert!(purse.lose("t", "a").is_some());
        assert_eq!(purse.used("t", "s", Measure::Tokens, Window::Day), 7);
        assert!(purse.lose("t", "a").is_none());
    }

    /// A clock that a test may also set back.
    struct AnyTime(Mutex<Duration>);

    impl Clock for AnyTime {
        fn now(&self) -> Instant {
            ManualClock::at(0).now()
        }

        fn unix(&self) -> Duration {
            *self.0.lock()
        }
    }

    #[test]
    fn a_clock_that_goes_back_grants_no_window_twice() {
        let clock = Arc::new(AnyTime(Mutex::default()));
        let purse = MemoryPurse::new(clock.clone());
        // (seconds of the clock, admitted?)
        let steps =
            [(130, true), (70, false), (130, false), (10, false), (180, true), (179, false)];
        for (step, (seconds, wanted)) in steps.into_iter().enumerate() {
            *clock.0.lock() = Duration::from_secs(seconds);
            let id = step.to_string();
            assert_eq!(admitted(&purse, ask(&id, Window::Minute, 1)), wanted, "at {seconds}");
            settle(&purse, &id);
        }
    }

    #[test]
    fn a_name_is_leased_once_at_a_time() {
        let purse = MemoryPurse::new(Arc::new(ManualClock::at(0)));
        assert!(admitted(&purse, ask("a", Window::Day, 9)));
        assert!(!admitted(&purse, ask("a", Window::Day, 9)));
        assert_eq!(purse.used("t", "s", Measure::Tokens, Window::Day), 1);
    }
}
