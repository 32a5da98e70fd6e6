//! What admission and the journal wait with. Their model check (`tests/model`) puts another in its place.

pub(in crate::embedded) use parking_lot::{Mutex, MutexGuard};

#[derive(Default)]
pub(in crate::embedded) struct Condvar(parking_lot::Condvar);

impl Condvar {
    pub(in crate::embedded) fn new() -> Self {
        Self::default()
    }

    pub(in crate::embedded) fn wait<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
    ) -> MutexGuard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    pub(in crate::embedded) fn notify_all(&self) {
        self.0.notify_all();
    }
}
