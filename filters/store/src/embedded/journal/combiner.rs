//! Many who append, one who writes.
//!
//! Whoever appends queues first, and settles later: so all who are at work on one thread can queue before
//! the first of them writes. Who settles and finds nobody writing takes all that is queued and writes it at
//! once; who finds somebody waits, and what he has queued is in the next group. Nobody has settled before
//! his bytes are written. So there is one write per group, nobody writes more than the one group that holds
//! his own bytes, and no thread has to be woken when there is only one.
//!
//! After a failed write nobody appends until somebody repairs it. What must not be lost is kept for then.

use crate::embedded::sync::{Condvar, Mutex, MutexGuard};

/// How many failed groups are remembered.
const FAILED_KNOWN: usize = 64;

/// Where groups go.
pub(in crate::embedded) trait Sink {
    /// Writes a group, or fails: then nobody knows how much of it was written.
    fn write(&mut self, group: &[u8]) -> Result<(), Box<str>>;

    /// Writes what was kept since a failure, apart from what that has left half done.
    fn repair(&mut self, kept: &[u8]) -> Result<(), Box<str>>;

    /// What takes a group back, as far as it can be: it is kept until the repair.
    fn undo(&self, group: &[u8], kept: &mut Vec<u8>);
}

/// Why something was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embedded) struct NotWritten(pub(in crate::embedded) Box<str>);

/// What is written together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::embedded) struct Group(u64);

pub(in crate::embedded) struct Combiner<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
    kept_max: usize,
}

struct State<S> {
    /// Away while somebody writes with it.
    sink: Option<S>,
    queue: Vec<u8>,
    /// An empty one with room.
    spare: Vec<u8>,
    /// The number of the group that is queued.
    group: u64,
    /// Groups up to this one are over.
    done: u64,
    /// Of those, the ones that failed.
    failed: Vec<u64>,
    /// Since the last failed write.
    broken: Option<Broken>,
}

struct Broken {
    why: Box<str>,
    kept: Vec<u8>,
}

type Held<'a, S> = MutexGuard<'a, State<S>>;

impl<S: Sink> Combiner<S> {
    pub(in crate::embedded) fn new(sink: S, kept_max: usize) -> Self {
        let state = State {
            sink: Some(sink),
            queue: Vec::new(),
            spare: Vec::new(),
            group: 1,
            done: 0,
            failed: Vec::new(),
            broken: None,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), kept_max }
    }

    /// Appends, and returns when it is written.
    pub(in crate::embedded) fn append(&self, bytes: &[u8]) -> Result<(), NotWritten> {
        self.settle(self.post(bytes)?)
    }

    /// Queues, for whoever writes next.
    pub(in crate::embedded) fn post(&self, bytes: &[u8]) -> Result<Group, NotWritten> {
        let mut state = self.state.lock();
        match &state.broken {
            Some(broken) => Err(NotWritten(broken.why.clone())),
            None => {
                state.queue.extend_from_slice(bytes);
                Ok(Group(state.group))
            }
        }
    }

    /// Queues what must not be lost. What cannot be written is kept until it can be; an error says that
    /// there was no room for that.
    pub(in crate::embedded) fn post_or_keep(&self, bytes: &[u8]) -> Result<(), NotWritten> {
        let mut state = self.state.lock();
        let state = &mut *state;
        // One that fails with its group is kept with its group.
        let into = match &mut state.broken {
            None => &mut state.queue,
            Some(broken) if broken.kept.len() + bytes.len() > self.kept_max => {
                return Err(NotWritten(broken.why.clone()));
            }
            Some(broken) => &mut broken.kept,
        };
        into.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns when all that is queued by now is written.
    pub(in crate::embedded) fn flush(&self) {
        let state = self.state.lock();
        if !state.queue.is_empty() {
            let last = Group(state.group);
            drop(self.settled(state, last));
        }
    }

    /// Returns when a group is written, or tells why it is not.
    pub(in crate::embedded) fn settle(&self, group: Group) -> Result<(), NotWritten> {
        self.settled(self.state.lock(), group)
    }

    fn settled<'a>(&'a self, mut state: Held<'a, S>, Group(mine): Group) -> Result<(), NotWritten> {
        while state.done < mine {
            state = match state.sink.take() {
                Some(sink) => self.write(state, sink),
                None => self.changed.wait(state),
            };
        }
        if state.failed.contains(&mine) {
            let why = state.broken.as_ref().map(|broken| broken.why.clone());
            return Err(NotWritten(why.unwrap_or_else(|| "the journal was not written".into())));
        }
        Ok(())
    }

    fn write<'a>(&'a self, mut state: Held<'a, S>, mut sink: S) -> Held<'a, S> {
        let spare = std::mem::take(&mut state.spare);
        let group = std::mem::replace(&mut state.queue, spare);
        let number = state.group;
        state.group += 1;
        drop(state);
        let end = sink.write(&group);
        let mut state = self.state.lock();
        match end {
            Ok(()) => state.done = number,
            Err(why) => fail(&mut state, &sink, (number, &group), why),
        }
        state.spare = emptied(group);
        state.sink = Some(sink);
        self.changed.notify_all();
        state
    }

    /// Tries to write again what could not be written. Does nothing if there was no failure.
    pub(in crate::embedded) fn repair(&self) -> Result<(), NotWritten> {
        let mut state = self.state.lock();
        let Some(mut sink) = state.sink.take() else { return Ok(()) };
        let Some(broken) = &mut state.broken else {
            state.sink = Some(sink);
            return Ok(());
        };
        // Under the lock: there is nobody who may append now.
        let end = sink.repair(&broken.kept);
        if let Err(why) = &end {
            broken.why = why.clone();
        } else {
            state.broken = None;
            // What was kept is news to whoever counts the groups.
            state.done = state.group;
            state.group += 1;
        }
        state.sink = Some(sink);
        end.map_err(NotWritten)
    }

    /// Does something with the sink while nobody writes.
    pub(in crate::embedded) fn with_sink<T>(&self, work: impl FnOnce(&mut S) -> T) -> T {
        let mut state = self.state.lock();
        loop {
            if let Some(sink) = &mut state.sink {
                return work(sink);
            }
            state = self.changed.wait(state);
        }
    }

    pub(in crate::embedded) fn is_sound(&self) -> bool {
        self.state.lock().broken.is_none()
    }

    /// Whether anything is queued.
    pub(in crate::embedded) fn is_owing(&self) -> bool {
        !self.state.lock().queue.is_empty()
    }

    /// How many groups are over: it grows with whatever is written.
    pub(in crate::embedded) fn groups(&self) -> u64 {
        self.state.lock().done
    }

    /// How much waits for the next write.
    #[cfg(test)]
    pub(in crate::embedded) fn queued(&self) -> usize {
        self.state.lock().queue.len()
    }
}

/// The group has failed, and so has what was queued behind it.
fn fail<S: Sink>(state: &mut State<S>, sink: &S, (number, group): (u64, &[u8]), why: Box<str>) {
    let queued = std::mem::take(&mut state.queue);
    let mut kept = Vec::new();
    sink.undo(group, &mut kept);
    sink.undo(&queued, &mut kept);
    // There was a repair between any two: nobody has slept through so many.
    let forgotten = state.failed.len().saturating_sub(FAILED_KNOWN);
    state.failed.drain(..forgotten);
    state.failed.extend([number, number + 1]);
    state.done = number + 1;
    state.group = number + 2;
    state.broken = Some(Broken { why, kept });
}

/// A buffer to be used again, unless it has grown beyond all measure.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    const KEPT_MAX: usize = 1 << 20;
    buffer.clear();
    buffer.shrink_to(KEPT_MAX);
    buffer
}
