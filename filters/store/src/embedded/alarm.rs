//! What is told of errors: a line when they begin, one now and then while they last, and one when they are
//! over. All of them are counted.

use behest_contract::clock::Clock;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Lines about errors of one part are at least so far apart, however often they begin and end.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// What can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Journal,
    Database,
}

/// The alarm of one store.
pub(super) struct Alarm {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    journal: Trouble,
    database: Trouble,
}

#[derive(Default)]
struct Trouble {
    errors: AtomicU64,
    /// Looked at with each success, which takes no lock.
    is_on: AtomicBool,
    story: Mutex<Story>,
}

#[derive(Default)]
struct Story {
    since: Option<Instant>,
    /// Errors since then.
    errors: u64,
    told_at: Option<Instant>,
    /// Whether the log knows of this one.
    is_told: bool,
}

impl Alarm {
    /// The alarm of the store in a folder, which its lines name.
    pub(super) fn new(folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let (journal, database) = Default::default();
        Self { folder: folder.to_owned(), clock, journal, database }
    }

    /// Takes note of an error.
    pub(super) fn failed(&self, part: Part, why: &str) {
        let now = self.clock.now();
        let trouble = self.trouble(part);
        trouble.errors.fetch_add(1, Ordering::Relaxed);
        let mut story = trouble.story.lock();
        trouble.is_on.store(true, Ordering::Release);
        let since = *story.since.get_or_insert(now);
        story.errors += 1;
        let is_due = story.told_at.is_none_or(|at| now.saturating_duration_since(at) >= LOG_EVERY);
        if !is_due {
            return;
        }
        let lasts = now.saturating_duration_since(since).as_secs();
        let folder = self.folder.display();
        match story.errors {
            1 => log::error!("store {folder}: {why}"),
            errors => log::error!("store {folder}: {why} ({errors} errors in {lasts} s)"),
        }
        (story.is_told, story.told_at) = (true, Some(now));
    }

    /// Takes note that it works, after errors or as always.
    pub(super) fn works(&self, part: Part) {
        let trouble = self.trouble(part);
        if !trouble.is_on.load(Ordering::Acquire) {
            return;
        }
        let mut story = trouble.story.lock();
        trouble.is_on.store(false, Ordering::Release);
        let Some(since) = story.since.take() else { return };
        let (errors, is_told) = (std::mem::take(&mut story.errors), story.is_told);
        story.is_told = false;
        if is_told {
            let (folder, name) = (self.folder.display(), part.name());
            let lasted = self.clock.now().saturating_duration_since(since).as_secs_f64();
            log::warn!(
                "store {folder}: the {name} can be written again after {lasted:.1} s and {errors} errors"
            );
        }
    }

    /// How many errors there have been.
    pub(super) fn errors(&self, part: Part) -> u64 {
        self.trouble(part).errors.load(Ordering::Relaxed)
    }

    fn trouble(&self, part: Part) -> &Trouble {
        match part {
            Part::Journal => &self.journal,
            Part::Database => &self.database,
        }
    }
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Database => "database",
        }
    }
}

#[cfg(test)]
mod tests;
