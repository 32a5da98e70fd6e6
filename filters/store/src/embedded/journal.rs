//! The journal: what has happened to leases and what was booked, in the order of its happening, until it
//! is in the database.
//!
//! Each boot of the store writes files of its own, `BOOT-NUMBER.log`, one after the other, and whoever
//! opens the folder can read them. A write is one `write`, without a sync: what was written survives the
//! process, and what is folded into the database survives the power.

pub(super) mod combiner;
pub(super) mod frame;
mod price;
pub(super) mod record;
mod row;
pub(super) mod tail;
mod wire;

use super::accounts::counters::{Spent, Taken};
use super::accounts::key::Key;
use super::accounts::places::Progress;
use super::alarm::{Alarm, Part};
use behest_contract::book::Row;
use behest_contract::price::Price;
use combiner::{Combiner, Group, NotWritten, Sink};
use record::{Record, put_close, put_open, put_progress, put_raise};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file begins with. Another version's files begin with something else.
pub(super) const HEADER: &[u8; 8] = b"bhstjrn1";

/// A run of the store, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Boot(pub(super) u64);

/// How far something is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// The file.
    pub(super) file: u32,
    /// The place in it.
    pub(super) offset: u64,
}

/// A file's name.
pub(super) fn file_of(folder: &Path, boot: Boot, number: u32) -> PathBuf {
    folder.join(format!("{}-{number:06}.log", boot.0))
}

/// What a boot's next file is called until it is begun.
pub(super) fn unfinished_of(folder: &Path, boot: Boot) -> PathBuf {
    folder.join(format!("{}.new", boot.0))
}

/// Boot and number of a file of this name, if it is one of ours.
pub(super) fn parsed(name: &str) -> Option<(Boot, u32)> {
    let (boot, number) = name.strip_suffix(".log")?.split_once('-')?;
    Some((Boot(boot.parse().ok()?), number.parse().ok()?))
}

/// The numbers of a boot's files, the first first.
pub(super) fn numbers_of(folder: &Path, boot: Boot) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let found = name.to_str().and_then(parsed);
        numbers.extend(found.filter(|found| found.0 == boot).map(|found| found.1));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The journal that this boot writes.
pub(super) struct Journal(Combiner<Files>);

impl Journal {
    /// Makes no file yet.
    pub(super) fn new(
        (folder, boot): (&Path, Boot),
        file_max: u64,
        kept_max: usize,
        alarm: Arc<Alarm>,
    ) -> Self {
        let folder = folder.to_owned();
        let files = Files { folder, boot, file_max, number: 0, current: None, alarm };
        Self(Combiner::new(files, kept_max))
    }

    /// Queues that a lease was opened.
    pub(super) fn open(
        &self,
        lease: Key,
        taken: &[Taken],
        (sketch, price): (&Row, Option<&Price>),
        names: (&str, &str),
    ) -> Result<Group, NotWritten> {
        let bytes = framed(|out| put_open(out, lease, taken, (sketch, price), names));
        if bytes.len() > frame::FRAME_MAX {
            return Err(NotWritten("the lease is too large to be written".into()));
        }
        self.0.post(&bytes)
    }

    /// Queues that a lease was closed, that a request is booked, or both. Kept if it cannot be written; an
    /// error says that it is lost.
    pub(super) fn close(
        &self,
        lease: Option<(Key, Spent)>,
        row: Option<&Row>,
    ) -> Result<(), NotWritten> {
        let bytes = framed(|out| put_close(out, lease, row));
        if bytes.len() > frame::FRAME_MAX {
            return Err(NotWritten("the row is too large to be written".into()));
        }
        self.0.post_or_keep(&bytes)
    }

    /// Returns when what was queued with a group is written.
    pub(super) fn settle(&self, group: Group) -> Result<(), NotWritten> {
        self.0.settle(group)
    }

    /// Returns when all that is queued is written, or kept.
    pub(super) fn flush(&self) {
        self.0.flush();
    }

    /// Whether anything is queued that nobody may come to write.
    pub(super) fn is_owing(&self) -> bool {
        self.0.is_owing()
    }

    /// Writes what is known of leases, if it can be written.
    pub(super) fn progress(&self, made: &[(Key, Progress)]) {
        let mut bytes = Vec::new();
        for (lease, progress) in made {
            frame::put(&mut bytes, |out| put_progress(out, *lease, progress));
        }
        if !bytes.is_empty() {
            drop(self.0.append(&bytes));
        }
    }

    /// Writes what counters have come to at least, all of it in one piece. Kept if it cannot be written.
    pub(super) fn raise(&self, to: &[Taken]) -> Result<(), NotWritten> {
        let mut bytes = Vec::new();
        to.iter().for_each(|to| frame::put(&mut bytes, |out| put_raise(out, to)));
        if bytes.is_empty() { Ok(()) } else { self.0.post_or_keep(&bytes) }
    }

    /// Tries again what could not be written.
    pub(super) fn repair(&self) {
        drop(self.0.repair());
    }

    /// Goes on in a new file, so that the one before can be deleted once it is folded.
    pub(super) fn turn_page(&self) {
        self.0.with_sink(|files| {
            files.turn_page();
            // If there can be none, the next write says so.
            drop(files.current());
        });
    }

    pub(super) fn is_sound(&self) -> bool {
        self.0.is_sound()
    }

    /// A number that grows with whatever is written.
    pub(super) fn groups(&self) -> u64 {
        self.0.groups()
    }
}

fn framed(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    frame::put(&mut bytes, write);
    bytes
}

/// The files that this boot writes.
struct Files {
    folder: PathBuf,
    boot: Boot,
    file_max: u64,
    /// Of the last file that was made.
    number: u32,
    current: Option<Current>,
    alarm: Arc<Alarm>,
}

struct Current {
    file: File,
    length: u64,
}

impl Files {
    fn turn_page(&mut self) {
        self.current = None;
    }

    fn current(&mut self) -> io::Result<&mut Current> {
        if self.current.as_ref().is_some_and(|current| current.length >= self.file_max) {
            self.turn_page();
        }
        match self.current.take() {
            Some(current) => Ok(self.current.insert(current)),
            None => self.begin(&[]),
        }
    }

    /// The next file, with these frames in it.
    fn begin(&mut self, frames: &[u8]) -> io::Result<&mut Current> {
        let unfinished = unfinished_of(&self.folder, self.boot);
        let path = file_of(&self.folder, self.boot, self.number + 1);
        let begun = written(&unfinished, frames).and_then(|current| {
            fs::rename(&unfinished, path)?;
            Ok(current)
        });
        if begun.is_err() {
            drop(fs::remove_file(&unfinished));
        }
        let current = begun?;
        // Not before it is there: who reads looks for the next number.
        self.number += 1;
        Ok(self.current.insert(current))
    }

    fn failed(&self, error: &io::Error) -> Box<str> {
        let why = format!("the journal cannot be written: {error}");
        self.alarm.failed(Part::Journal, &why);
        why.into()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let current = self.current()?;
        current.file.write_all_at(bytes, current.length)?;
        current.length += bytes.len() as u64;
        Ok(())
    }
}

/// A file that has no name yet by which anybody would read it: a try that fails leaves none behind, and
/// half of one is never read.
fn written(path: &Path, frames: &[u8]) -> io::Result<Current> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let header = HEADER.len() as u64;
    file.write_all_at(HEADER, 0)?;
    file.write_all_at(frames, header)?;
    Ok(Current { file, length: header + frames.len() as u64 })
}

impl Sink for Files {
    fn write(&mut self, group: &[u8]) -> Result<(), Box<str>> {
        self.append(group).map_err(|error| {
            // A part of it may be in the file. Nobody reads past that, but in the next file.
            self.turn_page();
            self.failed(&error)
        })
    }

    fn repair(&mut self, kept: &[u8]) -> Result<(), Box<str>> {
        // In a file of its own even if nothing is kept: this is the try whether one can be written.
        self.turn_page();
        match self.begin(kept) {
            Ok(_) => {
                self.alarm.works(Part::Journal);
                Ok(())
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn undo(&self, group: &[u8], kept: &mut Vec<u8>) {
        let mut rest = group;
        while let Some((bytes, behind)) = frame::take(rest) {
            match record::read(bytes) {
                // Nobody was told that it was opened, and it may lie in the file all the same.
                Some(Record::Open(lease, _)) => {
                    frame::put(kept, |out| put_close(out, Some((lease, Spent::VOID)), None));
                }
                _ => frame::put(kept, |out| out.extend_from_slice(bytes)),
            }
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests;
