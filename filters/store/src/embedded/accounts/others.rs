//! Other boots of the same folder: a process that finishes its streams while its successor serves, or
//! one that has died.
//!
//! What they have open counts here as reserved, and what they have closed as spent: their journals are
//! followed. When one dies, what it had open is booked as lost.

use super::boots::Boots;
use super::counters::Spent;
use super::key::KeyMap;
use super::places::{Places, spent_on};
use super::seen::{ALL, Seen};
use crate::embedded::journal::record::{Open, Record};
use crate::embedded::journal::tail::Tail;
use crate::embedded::journal::{Boot, Position};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One that is followed.
pub(in crate::embedded) struct Other {
    tail: Tail,
    leases: KeyMap<Box<Open>>,
    /// Ours once it is dead.
    lock: Option<File>,
    /// It is dead, and nothing of it is reserved any more.
    is_over: bool,
}

impl Other {
    /// One whose journal was folded up to this position, with the leases that were open there.
    pub(in crate::embedded) fn at(
        folder: &Path,
        boot: Boot,
        position: Position,
        leases: KeyMap<Box<Open>>,
    ) -> Self {
        Self { tail: Tail::new(folder, boot, position), leases, lock: None, is_over: false }
    }

    fn catch_up(&mut self, places: &Places, time: Duration) -> io::Result<()> {
        while let Some(records) = self.tail.read()? {
            for record in records {
                self.apply(record, places, time);
            }
        }
        Ok(())
    }

    fn apply(&mut self, record: Record, places: &Places, time: Duration) {
        match record {
            Record::Open(lease, open) => {
                places.take(&open.taken, time);
                if let Some(before) = self.leases.insert(lease, open) {
                    places.settle(&before.taken, &Spent::VOID, time);
                }
            }
            Record::Progress(lease, progress) => {
                if let Some(open) = self.leases.get_mut(&lease) {
                    open.learn(progress);
                }
            }
            Record::Close(Some((lease, spent)), _) => {
                if let Some(open) = self.leases.remove(&lease) {
                    places.settle(&open.taken, &spent, time);
                }
            }
            Record::Raise(to) => places.raise(&[to], time),
            Record::Close(None, _) => {}
        }
    }

    /// It is dead and read to its end: gives back what it had open.
    fn bury(&mut self, places: &Places, time: Duration) {
        for open in self.leases.values() {
            places.settle(&open.taken, &spent_on(&open.lost_row()), time);
        }
        self.leases.clear();
        self.is_over = true;
    }

    fn seen(&self) -> u32 {
        if self.is_over { ALL } else { self.tail.position().file }
    }
}

/// All that are followed.
#[derive(Default)]
pub(in crate::embedded) struct Others {
    list: Mutex<BTreeMap<Boot, Other>>,
    /// What was told last of how far they are read.
    told: Mutex<Seen>,
    /// Whether one of them may still write.
    any_live: AtomicBool,
}

impl Others {
    /// Begins to follow one; what it has open counts from now on.
    pub(in crate::embedded) fn follow(
        &self,
        boot: Boot,
        other: Other,
        places: &Places,
        time: Duration,
    ) {
        for open in other.leases.values() {
            places.take(&open.taken, time);
        }
        self.list.lock().insert(boot, other);
        self.any_live.store(true, Ordering::Release);
    }

    /// Reads what those that live have written. Costs nothing when there are none.
    pub(in crate::embedded) fn catch_up(&self, places: &Places, time: Duration) -> io::Result<()> {
        if !self.any_live.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut list = self.list.lock();
        let mut living = list.values_mut().filter(|other| !other.is_over);
        living.try_for_each(|other| other.catch_up(places, time))
    }

    /// Finds those that came, reads what was written, and buries those that died.
    pub(in crate::embedded) fn visit(
        &self,
        boots: &Boots,
        places: &Places,
        time: Duration,
    ) -> io::Result<()> {
        let mut list = self.list.lock();
        for boot in boots.others()? {
            let new = || Other::at(boots.folder(), boot, Position::default(), KeyMap::default());
            list.entry(boot).or_insert_with(new);
        }
        for (boot, other) in list.iter_mut().filter(|(_, other)| !other.is_over) {
            if other.lock.is_none() {
                other.lock = boots.lock_of_dead(*boot)?;
            }
            other.catch_up(places, time)?;
            if other.lock.is_some() {
                other.bury(places, time);
            }
        }
        self.any_live.store(list.values().any(|other| !other.is_over), Ordering::Release);
        let seen = list.iter().map(|(boot, other)| (*boot, other.seen())).collect();
        drop(list);
        self.tell(boots, seen)
    }

    fn tell(&self, boots: &Boots, seen: Seen) -> io::Result<()> {
        let mut told = self.told.lock();
        if *told != seen {
            boots.tell(&seen)?;
            *told = seen;
        }
        Ok(())
    }

    /// All of them, and whether each is over.
    pub(in crate::embedded) fn boots(&self) -> Vec<(Boot, bool)> {
        self.list.lock().iter().map(|(boot, other)| (*boot, other.is_over)).collect()
    }

    /// The first of a boot's files that another that lives has still to read; [`ALL`] if there is none.
    pub(in crate::embedded) fn needed(&self, boots: &Boots, boot: Boot) -> io::Result<u32> {
        needed(&self.list.lock(), boots, boot)
    }

    /// Forgets one that is over and booked, and deletes what it has left, once nobody has still to read it.
    pub(in crate::embedded) fn forget(&self, boots: &Boots, boot: Boot) -> io::Result<()> {
        let mut list = self.list.lock();
        if needed(&list, boots, boot)? == ALL {
            boots.delete(boot)?;
            list.remove(&boot);
        }
        Ok(())
    }
}

fn needed(list: &BTreeMap<Boot, Other>, boots: &Boots, boot: Boot) -> io::Result<u32> {
    boots.needed(boot, |other| list.get(&other).is_some_and(|other| other.lock.is_some()))
}
