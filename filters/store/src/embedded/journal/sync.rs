//! What the combiner waits with. Its model check puts another in this one's place.

pub(super) use parking_lot::{Mutex, MutexGuard};

#[derive(Default)]
pub(super) struct Condvar(parking_lot::Condvar);

impl Condvar {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    pub(super) fn notify_all(&self) {
        self.0.notify_all();
    }
}
