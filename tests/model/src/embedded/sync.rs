//! Locks that the model's scheduler knows, by the names that the store uses.

use shuttle::sync;

pub(in crate::embedded) type MutexGuard<'a, T> = sync::MutexGuard<'a, T>;

#[derive(Default)]
pub(in crate::embedded) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(in crate::embedded) fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(in crate::embedded) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(sync::PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(in crate::embedded) struct Condvar(sync::Condvar);

impl Condvar {
    pub(in crate::embedded) fn new() -> Self {
        Self::default()
    }

    pub(in crate::embedded) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(sync::PoisonError::into_inner)
    }

    pub(in crate::embedded) fn notify_all(&self) {
        self.0.notify_all();
    }
}
