//! Counters and leases in memory, tenant by tenant, and the exact admission over them.
//!
//! All that a request asks for belongs to one tenant, lies in one place, and is taken under that place's
//! lock: entirely or not at all. Nothing under the lock waits or touches a disk.

use super::counters::{AllTaken, Counters, Kind, Slot, Spent, Taken, used};
use super::key::{Key, KeyMap, Keyer, PLACES};
use super::window_clock::minutes;
use crate::embedded::sync::Mutex;
use behest_contract::book::Row;
use behest_contract::purse::{Ask, Demand, Granted, Known, Refused, Sent, Window};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many parts of a place are swept at once.
const SWEPT_PARTS: usize = 16;

/// The keys of a request's subjects.
type SubjectKeys = SmallVec<[Key; 4]>;

/// An open lease of this process.
struct Lease {
    taken: AllTaken,
    sketch: Arc<Row>,
    known: Arc<Known>,
    /// What the journal knows of `known`: tokens and attempts.
    noted: (u64, u32),
    /// Since when nobody but the store has it.
    left_at: Option<Instant>,
}

/// What is newly known of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embedded) struct Progress {
    /// Tokens used so far.
    pub(in crate::embedded) tokens: u64,
    /// Where it was sent, and how often, if that is news.
    pub(in crate::embedded) sent: Option<(Sent, u32)>,
}

/// What a look at the leases has found.
#[derive(Default)]
pub(in crate::embedded) struct Review {
    /// Of whom more is known than before.
    pub(in crate::embedded) progress: Vec<(Key, Progress)>,
    /// Those that nobody can close any more, and their rows. They are closed by now.
    pub(in crate::embedded) lost: Vec<(Key, Row)>,
}

#[derive(Default)]
struct Place {
    counters: Counters,
    leases: KeyMap<Box<Lease>>,
}

/// All of them.
pub(in crate::embedded) struct Places(Box<[Mutex<Place>]>);

impl Places {
    pub(in crate::embedded) fn new() -> Self {
        Self((0..PLACES).map(|_| Mutex::default()).collect())
    }

    fn of(&self, key: Key) -> Option<&Mutex<Place>> {
        self.0.get(key.place())
    }

    /// Takes everything and opens the lease, or does nothing.
    pub(in crate::embedded) fn admit(
        &self,
        names: &Names,
        ask: &Ask,
        time: Duration,
    ) -> Result<(Granted, AllTaken), Refused> {
        let Some(place) = self.of(names.lease) else { return Err(unavailable("no place")) };
        let mut place = place.lock();
        let place = &mut *place;
        if place.leases.contains_key(&names.lease) {
            return Err(unavailable("the lease is open already"));
        }
        let room = place.counters.room(&names.subjects, &ask.demands, time)?;
        let now = minutes(time);
        let (mut taken, mut used) = (AllTaken::new(), SmallVec::new());
        for (of_one, before) in room {
            place.counters.take(&of_one, now);
            used.push(before.saturating_add(of_one.amount));
            taken.push(of_one);
        }
        let lease = Lease {
            taken: taken.clone(),
            sketch: ask.sketch.clone(),
            known: ask.known.clone(),
            noted: (0, 0),
            left_at: None,
        };
        place.leases.insert(names.lease, Box::new(lease));
        Ok((Granted { used, at: time }, taken))
    }

    /// The first demand that is full.
    pub(in crate::embedded) fn peek(
        &self,
        names: &Names,
        demands: &[Demand],
        time: Duration,
    ) -> Result<(), Refused> {
        let Some(place) = self.of(names.lease) else { return Ok(()) };
        place.lock().counters.room(&names.subjects, demands, time).map(drop)
    }

    /// Closes a lease: gives back what it has taken, and counts what was spent. `false` if there is none
    /// of this name: then nothing changes.
    pub(in crate::embedded) fn close(&self, lease: Key, spent: &Spent, time: Duration) -> bool {
        let Some(place) = self.of(lease) else { return false };
        let mut place = place.lock();
        let place = &mut *place;
        let Some(closed) = place.leases.remove(&lease) else { return false };
        for taken in &closed.taken {
            place.counters.settle(taken, spent, minutes(time));
        }
        true
    }

    /// Takes for a lease of another process, which has its own leave.
    pub(in crate::embedded) fn take(&self, all: &[Taken], time: Duration) {
        self.change(all, |counters, taken| counters.take(taken, minutes(time)));
    }

    /// Settles for a lease of another process.
    pub(in crate::embedded) fn settle(&self, all: &[Taken], spent: &Spent, time: Duration) {
        self.change(all, |counters, taken| counters.settle(taken, spent, minutes(time)));
    }

    /// Sets counters to what the database says.
    pub(in crate::embedded) fn set(&self, all: &[Taken], time: Duration) {
        self.change(all, |counters, known| counters.set(known, minutes(time)));
    }

    /// Sets counters that have come to less.
    pub(in crate::embedded) fn raise(&self, all: &[Taken], time: Duration) {
        self.change(all, |counters, to| counters.raise(to, minutes(time)));
    }

    fn change(&self, all: &[Taken], change: impl Fn(&mut Counters, &Taken)) {
        for taken in all {
            if let Some(place) = self.of(taken.key) {
                change(&mut place.lock().counters, taken);
            }
        }
    }

    /// Looks after all leases: what is newly known of them, and which nobody can close any more, since
    /// all who could have let go of them `expiry` ago.
    pub(in crate::embedded) fn review(
        &self,
        now: Instant,
        time: Duration,
        expiry: Duration,
    ) -> Review {
        let mut review = Review::default();
        for place in &self.0 {
            let mut place = place.lock();
            let place = &mut *place;
            let lost = place.leases.extract_if(|key, lease| {
                review.progress.extend(lease.progress().map(|progress| (*key, progress)));
                lease.is_left(now, expiry)
            });
            for (key, lease) in lost {
                let row = lease.known.lost_row(&lease.sketch);
                let spent = spent_on(&row);
                for taken in &lease.taken {
                    place.counters.settle(taken, &spent, minutes(time));
                }
                review.lost.push((key, row));
            }
        }
        review
    }

    /// Drops what tells nothing any more, a sixteenth of it at a time.
    pub(in crate::embedded) fn sweep(&self, time: Duration) {
        for place in &self.0 {
            place.lock().counters.sweep(minutes(time), SWEPT_PARTS);
        }
    }

    /// How many leases of this process are open.
    pub(in crate::embedded) fn leases(&self) -> usize {
        self.0.iter().map(|place| place.lock().leases.len()).sum()
    }

    /// How many subjects are remembered.
    pub(in crate::embedded) fn subjects(&self) -> usize {
        self.0.iter().map(|place| place.lock().counters.len()).sum()
    }
}

impl Lease {
    /// What is known that the journal does not know.
    fn progress(&mut self) -> Option<Progress> {
        let now @ (tokens, attempts) = (self.known.tokens(), self.known.attempts());
        let (_, had) = self.noted;
        if now == self.noted {
            return None;
        }
        self.noted = now;
        let sent = if attempts == had { None } else { self.known.sent() };
        Some(Progress { tokens, sent: sent.map(|sent| (sent, attempts)) })
    }

    /// Whether whoever was admitted has let go of it that long ago.
    fn is_left(&mut self, now: Instant, expiry: Duration) -> bool {
        if Arc::strong_count(&self.known) > 1 || Arc::strong_count(&self.sketch) > 1 {
            self.left_at = None;
            return false;
        }
        now.saturating_duration_since(*self.left_at.get_or_insert(now)) >= expiry
    }
}

/// What a lease that was lost has come to, as its row says.
pub(in crate::embedded) fn spent_on(row: &Row) -> Spent {
    let tokens = row.prompt_tokens.saturating_add(row.completion_tokens);
    Spent { tokens, micro_usd: row.micro_usd.unwrap_or(0), void: false }
}

/// The keys of a request.
pub(in crate::embedded) struct Names {
    pub(in crate::embedded) lease: Key,
    subjects: SubjectKeys,
}

impl Names {
    pub(in crate::embedded) fn of(
        keyer: &Keyer,
        tenant: &str,
        id: &str,
        subjects: &[Arc<str>],
    ) -> Self {
        let keyer = keyer.tenant(tenant);
        let lease = keyer.lease(id);
        Self { lease, subjects: subjects.iter().map(|name| keyer.subject(name)).collect() }
    }
}

/// When each kind of window has begun.
struct Begun([u32; 4]);

impl Begun {
    fn at(time: Duration) -> Self {
        let since = |window: Window| window.around(time).map_or(0, |around| minutes(around.start));
        Self([Window::Minute, Window::Day, Window::Month, Window::Life].map(since))
    }

    fn of(&self, window: Window) -> u32 {
        let [minute, day, month, life] = self.0;
        match window {
            Window::Minute => minute,
            Window::Day => day,
            Window::Month => month,
            Window::Life => life,
        }
    }
}

/// What each demand takes, and what its counter has come to before.
type Room = SmallVec<[(Taken, u64); 10]>;

/// A subject of which something is asked.
struct Asked<'a> {
    key: Key,
    slots: &'a [Slot],
    /// A bit for each kind that was asked of it.
    kinds: u16,
}

impl Asked<'_> {
    /// What was asked of a counter already: two demands may be of one.
    fn before(&self, room: &Room, kind: Kind) -> u64 {
        if self.kinds & kind.bit() == 0 {
            return 0;
        }
        let same = room.iter().filter(|(other, _)| (other.key, other.kind) == (self.key, kind));
        same.fold(0, |sum, (other, _)| sum.saturating_add(other.amount))
    }
}

impl Counters {
    /// What is to be taken for each demand, or the first that has no room.
    fn room(&self, subjects: &[Key], demands: &[Demand], time: Duration) -> Result<Room, Refused> {
        let begun = Begun::at(time);
        let mut room = Room::new();
        let mut all: SmallVec<[Asked<'_>; 4]> = subjects
            .iter()
            .map(|key| Asked { key: *key, slots: self.slots(*key), kinds: 0 })
            .collect();
        for (index, demand) in demands.iter().enumerate() {
            let Some(asked) = all.get_mut(usize::from(demand.subject)) else {
                return Err(unavailable("a demand names no subject"));
            };
            let kind = Kind::new(demand.measure, demand.window);
            let since = begun.of(demand.window);
            let taken = Taken { key: asked.key, kind, since, amount: demand.amount };
            let used = used(asked.slots, kind, since).saturating_add(asked.before(&room, kind));
            asked.kinds |= kind.bit();
            // To ask for nothing is to ask whether it is full.
            if used.saturating_add(demand.amount.max(1)) > demand.limit {
                return Err(Refused::Full { demand: index, used, at: time });
            }
            room.push((taken, used));
        }
        Ok(room)
    }
}

pub(in crate::embedded) fn unavailable(why: &str) -> Refused {
    Refused::Unavailable(why.into())
}
