//! The counters of one place, in memory.
//!
//! Small, since there may be millions: a subject is a key and its slots, a slot is 16 bytes. What tells
//! nothing any more is dropped: windows that are over, and lives that were idle for a day.

use super::key::{Key, KeyMap};
use super::window_clock::minutes;
use behest_contract::purse::{Measure, Window};
use smallvec::SmallVec;
use std::time::Duration;

/// A place is divided so that no single map has to grow by very much at once.
const PARTS: usize = 256;

/// How long a life without use is remembered.
pub(in crate::embedded) const LIFE_IDLE_MAX_MINUTES: u32 = 24 * 60;

/// What a counter counts, and over which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::embedded) struct Kind(u8);

const MEASURES: [Measure; 4] =
    [Measure::Requests, Measure::InFlight, Measure::Tokens, Measure::MicroUsd];
const WINDOWS: [Window; 4] = [Window::Minute, Window::Day, Window::Month, Window::Life];

impl Kind {
    pub(in crate::embedded) fn new(measure: Measure, window: Window) -> Self {
        let measure = match measure {
            Measure::Requests => 0,
            Measure::InFlight => 1,
            Measure::Tokens => 2,
            Measure::MicroUsd => 3,
        };
        let window = match window {
            Window::Minute => 0,
            Window::Day => 1,
            Window::Month => 2,
            Window::Life => 3,
        };
        Self(measure * 4 + window)
    }

    /// The one of a number; what does not exist is `None`.
    pub(in crate::embedded) fn of(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    pub(in crate::embedded) fn code(self) -> u8 {
        self.0
    }

    /// A bit of its own.
    pub(in crate::embedded) fn bit(self) -> u16 {
        1 << (self.0 % 16)
    }

    pub(in crate::embedded) fn measure(self) -> Measure {
        MEASURES.get(usize::from(self.0 / 4)).copied().unwrap_or(Measure::Requests)
    }

    pub(in crate::embedded) fn window(self) -> Window {
        WINDOWS.get(usize::from(self.0 % 4)).copied().unwrap_or(Window::Life)
    }

    pub(in crate::embedded) fn is_life(self) -> bool {
        self.window() == Window::Life
    }

    /// When the window around a time begins, and when it ends, in minutes. Lives have neither.
    pub(in crate::embedded) fn around(self, time: Duration) -> (u32, u32) {
        match self.window().around(time) {
            Some(around) => (minutes(around.start), minutes(around.end)),
            None => (0, u32::MAX),
        }
    }

    /// When the window that begins then ends.
    pub(in crate::embedded) fn end(self, since: u32) -> u32 {
        self.around(Duration::from_secs(u64::from(since) * 60)).1
    }
}

/// One counter, and what a lease has taken of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::embedded) struct Taken {
    pub(in crate::embedded) key: Key,
    pub(in crate::embedded) amount: u64,
    pub(in crate::embedded) since: u32,
    pub(in crate::embedded) kind: Kind,
}

/// All that a lease has taken.
pub(in crate::embedded) type AllTaken = SmallVec<[Taken; 10]>;

/// What a lease has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::embedded) struct Spent {
    pub(in crate::embedded) tokens: u64,
    pub(in crate::embedded) micro_usd: u64,
    pub(in crate::embedded) void: bool,
}

impl Spent {
    /// Nothing: everything is taken back.
    pub(in crate::embedded) const VOID: Self = Self { tokens: 0, micro_usd: 0, void: true };

    /// What stays counted of what was taken.
    pub(in crate::embedded) fn kept(&self, taken: &Taken) -> u64 {
        match taken.kind.measure() {
            _ if self.void => 0,
            Measure::Requests => taken.amount,
            Measure::InFlight => 0,
            Measure::Tokens => self.tokens,
            Measure::MicroUsd => self.micro_usd,
        }
    }
}

/// A counter.
#[derive(Debug, Clone, Copy)]
pub(in crate::embedded) struct Slot {
    used: u64,
    /// When its window begins; of a life, when it was last used.
    since: u32,
    kind: Kind,
}

// Millions of them may be in memory.
const _: () = assert!(size_of::<Slot>() == 16 && size_of::<(Key, Box<[Slot]>)>() == 32);

impl Slot {
    fn is(&self, kind: Kind, since: u32) -> bool {
        self.kind == kind && (kind.is_life() || self.since == since)
    }

    /// Whether it still tells something.
    fn matters(&self, now: u32) -> bool {
        match self.kind.window() {
            _ if self.used == 0 => false,
            Window::Life => now.saturating_sub(self.since) < LIFE_IDLE_MAX_MINUTES,
            _ => now < self.kind.end(self.since),
        }
    }
}

/// What one of a subject's counters has come to.
pub(in crate::embedded) fn used(slots: &[Slot], kind: Kind, since: u32) -> u64 {
    slots.iter().find(|slot| slot.is(kind, since)).map_or(0, |slot| slot.used)
}

/// The counters of one place.
pub(in crate::embedded) struct Counters {
    parts: Box<[KeyMap<Box<[Slot]>>]>,
    swept: usize,
}

impl Default for Counters {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| KeyMap::default()).collect(), swept: 0 }
    }
}

impl Counters {
    /// The counters of a subject.
    pub(in crate::embedded) fn slots(&self, key: Key) -> &[Slot] {
        let slots = self.parts.get(key.part(PARTS)).and_then(|part| part.get(&key));
        slots.map_or(&[], |slots| slots)
    }

    /// What a counter has come to.
    #[cfg(test)]
    pub(in crate::embedded) fn used(&self, key: Key, kind: Kind, since: u32) -> u64 {
        used(self.slots(key), kind, since)
    }

    /// Takes, whatever the counter has come to.
    pub(in crate::embedded) fn take(&mut self, taken: &Taken, now: u32) {
        self.change(taken, now, |used| used.saturating_add(taken.amount));
    }

    /// Gives back what was taken, and counts what was spent.
    pub(in crate::embedded) fn settle(&mut self, taken: &Taken, spent: &Spent, now: u32) {
        let kept = spent.kept(taken);
        self.change(taken, now, |used| used.saturating_sub(taken.amount).saturating_add(kept));
    }

    /// Sets a counter to what is known of it.
    pub(in crate::embedded) fn set(&mut self, known: &Taken, now: u32) {
        self.change(known, now, |_| known.amount);
    }

    /// Sets a counter that has come to less.
    pub(in crate::embedded) fn raise(&mut self, to: &Taken, now: u32) {
        self.change(to, now, |used| used.max(to.amount));
    }

    fn change(&mut self, of: &Taken, now: u32, change: impl FnOnce(u64) -> u64) {
        let since = if of.kind.is_life() { now } else { of.since };
        let Some(part) = self.parts.get_mut(of.key.part(PARTS)) else { return };
        let slots = part.entry(of.key).or_default();
        if let Some(slot) = slots.iter_mut().find(|slot| slot.is(of.kind, of.since)) {
            slot.used = change(slot.used);
            slot.since = since;
            return;
        }
        let new = Slot { used: change(0), since, kind: of.kind };
        if new.matters(now) {
            // The windows before make room for this one.
            *slots = slots.iter().filter(|slot| slot.matters(now)).copied().chain([new]).collect();
        }
    }

    /// Drops what tells nothing any more, in some parts: the others' turns come.
    pub(in crate::embedded) fn sweep(&mut self, now: u32, parts: usize) {
        for _ in 0..parts.min(PARTS) {
            self.swept = (self.swept + 1) % PARTS;
            if let Some(part) = self.parts.get_mut(self.swept) {
                sweep(part, now);
            }
        }
    }

    /// How many subjects are remembered.
    pub(in crate::embedded) fn len(&self) -> usize {
        self.parts.iter().map(KeyMap::len).sum()
    }
}

fn sweep(part: &mut KeyMap<Box<[Slot]>>, now: u32) {
    part.retain(|_, slots| {
        if !slots.iter().all(|slot| slot.matters(now)) {
            *slots = slots.iter().filter(|slot| slot.matters(now)).copied().collect();
        }
        !slots.is_empty()
    });
    if part.capacity() > 4 * part.len().max(16) {
        part.shrink_to(2 * part.len());
    }
}
