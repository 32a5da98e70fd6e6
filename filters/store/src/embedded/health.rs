//! What is known of the store's state, and what an error of SQLite's says about it.

use super::alarm::{Alarm, Part};
use behest_contract::directory::Failure;
use parking_lot::RwLock;
use rusqlite::{Error, ErrorCode, ffi};
use std::sync::Arc;

/// The state that all threads of a store share.
pub(super) struct Health {
    state: RwLock<State>,
    alarm: Arc<Alarm>,
}

#[derive(Default)]
enum State {
    #[default]
    Sound,
    /// The disk was full at the last try. That passes.
    Full,
    /// Never written to again, for this reason. After a failed write nobody knows what of the file has
    /// reached the disk, and asking again may be answered with a success that is none; only opening
    /// anew reads what is really there.
    Broken(Box<str>),
}

/// How far an error reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// One piece of work: it asked for what cannot be.
    Work,
    /// The transaction. The next may go well.
    Transaction,
    /// All of them, until there is room on the disk.
    Disk,
    /// All of them, until the store is opened anew.
    Engine,
}

/// How far an error reaches.
pub(super) fn reach(error: &Error) -> Reach {
    let Some(error) = error.sqlite_error() else { return Reach::Work };
    match (error.code, error.extended_code) {
        (ErrorCode::DiskFull, _) => Reach::Disk,
        // The log's index could not grow. It is no part of what is kept.
        (_, ffi::SQLITE_IOERR_SHMSIZE) => Reach::Disk,
        (_, ffi::SQLITE_IOERR_NOMEM) => Reach::Transaction,
        (
            ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::InternalMalfunction,
            _,
        ) => Reach::Engine,
        (ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch, _) => {
            Reach::Work
        }
        _ => Reach::Transaction,
    }
}

impl Health {
    pub(super) fn new(alarm: Arc<Alarm>) -> Self {
        Self { state: RwLock::default(), alarm }
    }

    pub(super) fn is_sound(&self) -> bool {
        matches!(*self.state.read(), State::Sound)
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(*self.state.read(), State::Full)
    }

    /// Whether writing may be tried. A full disk may have room by now.
    pub(super) fn writable(&self) -> Result<(), Failure> {
        match &*self.state.read() {
            State::Sound | State::Full => Ok(()),
            State::Broken(why) => Err(Failure::Unavailable(why.clone())),
        }
    }

    /// Takes note that something was written.
    pub(super) fn wrote(&self) {
        if self.is_full() {
            *self.state.write() = State::Sound;
        }
        if self.is_sound() {
            self.alarm.works(Part::Database);
        }
    }

    /// Takes note of an error while writing, and tells whoever waits.
    pub(super) fn failed(&self, error: &Error) -> Failure {
        if reach(error) == Reach::Disk {
            self.set_full();
        }
        self.failed_to_read(error)
    }

    /// The same while reading, which needs no room.
    pub(super) fn failed_to_read(&self, error: &Error) -> Failure {
        let reach = reach(error);
        if reach == Reach::Engine {
            return self.breaks(&format!("the store is closed to writes: {error}"));
        }
        let why = format!("the store refused: {error}");
        if reach != Reach::Work {
            self.alarm.failed(Part::Database, &why);
        }
        Failure::Unavailable(why.into())
    }

    /// Closes the store to writes. The first reason stays.
    pub(super) fn breaks(&self, why: &str) -> Failure {
        self.alarm.failed(Part::Database, why);
        let mut state = self.state.write();
        if !matches!(*state, State::Broken(_)) {
            *state = State::Broken(why.into());
        }
        Failure::Unavailable(why.into())
    }

    fn set_full(&self) {
        let mut state = self.state.write();
        if matches!(*state, State::Sound) {
            *state = State::Full;
        }
    }
}

/// Held by each thread of the store: one that panics leaves nobody in the belief that all is well.
pub(super) struct Watched(pub(super) Arc<Health>);

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.breaks("a thread of the store panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, Health, Part, Reach, reach};
    use behest_contract::clock::SystemClock;
    use rusqlite::{Error, ffi};
    use std::sync::Arc;

    fn error(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn each_error_reaches_as_far_as_it_must() {
        for (code, want) in [
            (ffi::SQLITE_IOERR_FSYNC, Reach::Engine),
            (ffi::SQLITE_IOERR_WRITE, Reach::Engine),
            (ffi::SQLITE_IOERR_READ, Reach::Engine),
            (ffi::SQLITE_IOERR_DIR_FSYNC, Reach::Engine),
            (ffi::SQLITE_CORRUPT, Reach::Engine),
            (ffi::SQLITE_CORRUPT_INDEX, Reach::Engine),
            (ffi::SQLITE_NOTADB, Reach::Engine),
            (ffi::SQLITE_READONLY, Reach::Engine),
            (ffi::SQLITE_READONLY_DBMOVED, Reach::Engine),
            (ffi::SQLITE_FULL, Reach::Disk),
            (ffi::SQLITE_IOERR_SHMSIZE, Reach::Disk),
            (ffi::SQLITE_BUSY, Reach::Transaction),
            (ffi::SQLITE_BUSY_SNAPSHOT, Reach::Transaction),
            (ffi::SQLITE_NOMEM, Reach::Transaction),
            (ffi::SQLITE_IOERR_NOMEM, Reach::Transaction),
            (ffi::SQLITE_ERROR, Reach::Transaction),
            (ffi::SQLITE_TOOBIG, Reach::Work),
            (ffi::SQLITE_CONSTRAINT_CHECK, Reach::Work),
        ] {
            assert_eq!(reach(&error(code)), want, "{code}");
        }
        assert_eq!(reach(&Error::QueryReturnedNoRows), Reach::Work);
    }

    #[test]
    fn a_full_disk_passes_and_a_broken_store_does_not() {
        let alarm = Arc::new(Alarm::new("/".as_ref(), Arc::new(SystemClock)));
        let health = Health::new(alarm.clone());
        health.failed(&error(ffi::SQLITE_BUSY));
        assert!(health.is_sound());
        health.failed(&error(ffi::SQLITE_FULL));
        assert!(health.is_full() && !health.is_sound() && health.writable().is_ok());
        health.wrote();
        assert!(health.is_sound());
        health.failed(&error(ffi::SQLITE_FULL));
        health.failed(&error(ffi::SQLITE_IOERR_FSYNC));
        let first = health.writable();
        assert!(first.is_err());
        health.wrote();
        health.failed(&error(ffi::SQLITE_FULL));
        health.failed(&error(ffi::SQLITE_CORRUPT));
        assert_eq!(health.writable(), first);
        assert!(!health.is_sound() && !health.is_full());
        assert_eq!(alarm.errors(Part::Database), 6);
    }
}
