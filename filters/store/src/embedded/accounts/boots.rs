//! The boots of a folder: which run of the store writes which journal, and which of them live.
//!
//! Each holds a lock on a file of its own for as long as it lives; the system lets go of it when the
//! process dies, whatever it dies of. So whoever gets a boot's lock knows that it is dead, and may finish
//! what it has left, alone. The folder itself is locked while a boot begins or ends.

use super::seen::{self, ALL, Seen};
use crate::embedded::journal::{Boot, file_of, numbers_of, parsed, unfinished_of};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(in crate::embedded) struct Boots {
    folder: PathBuf,
    own: Boot,
    /// Locked. It is let go last.
    _lock: File,
}

impl Boots {
    /// Begins a boot that has a number of its own: one after all that are in the folder, and after
    /// `newest`.
    pub(in crate::embedded) fn begin(folder: &Path, newest: Boot) -> io::Result<Self> {
        let _during = locked(folder)?;
        let newest = found(folder)?.into_iter().chain([newest]).max().unwrap_or(newest);
        let own = Boot(newest.0 + 1);
        let mut options = OpenOptions::new();
        let lock = options.write(true).create_new(true).mode(0o600).open(lock_of(folder, own))?;
        lock.lock()?;
        Ok(Self { folder: folder.to_owned(), own, _lock: lock })
    }

    pub(in crate::embedded) fn own(&self) -> Boot {
        self.own
    }

    pub(in crate::embedded) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The others that have files here.
    pub(in crate::embedded) fn others(&self) -> io::Result<BTreeSet<Boot>> {
        let mut others = found(&self.folder)?;
        others.remove(&self.own);
        Ok(others)
    }

    /// Another's lock, if that is dead. `None` while it lives, or while some boot begins or ends.
    pub(in crate::embedded) fn lock_of_dead(&self, boot: Boot) -> io::Result<Option<File>> {
        let folder = File::open(&self.folder)?;
        if !is_locked(folder.try_lock())? {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(lock_of(&self.folder, boot))?;
        Ok(is_locked(lock.try_lock())?.then_some(lock))
    }

    /// Tells the others how far this one has read their journals.
    pub(in crate::embedded) fn tell(&self, seen: &Seen) -> io::Result<()> {
        seen::tell(&self.folder, self.own, seen)
    }

    /// The first of a boot's files that another that lives has still to read; [`ALL`] if there is none.
    /// The dead are those whose locks we have.
    pub(in crate::embedded) fn needed(
        &self,
        boot: Boot,
        is_dead: impl Fn(Boot) -> bool,
    ) -> io::Result<u32> {
        let mut needed = ALL;
        for reader in self.others()?.into_iter().filter(|it| *it != boot && !is_dead(*it)) {
            // Whoever begins or ends at this moment counts as one that lives.
            if self.lock_of_dead(reader)?.is_none() {
                needed = needed.min(seen::needed(&self.folder, reader, boot));
            }
        }
        Ok(needed)
    }

    /// Deletes a boot's files with numbers below this one.
    pub(in crate::embedded) fn delete_before(&self, boot: Boot, number: u32) -> io::Result<()> {
        for old in numbers_of(&self.folder, boot)?.into_iter().filter(|old| *old < number) {
            delete(&file_of(&self.folder, boot, old))?;
        }
        Ok(())
    }

    /// Deletes all that a boot has left. Its lock must be ours.
    pub(in crate::embedded) fn delete(&self, boot: Boot) -> io::Result<()> {
        self.delete_before(boot, u32::MAX)?;
        delete(&unfinished_of(&self.folder, boot))?;
        delete(&seen::file_of(&self.folder, boot))?;
        delete(&lock_of(&self.folder, boot))
    }

    /// Deletes all that this boot has left, and the folder if it was the last.
    pub(in crate::embedded) fn end(&self) -> io::Result<()> {
        let _during = locked(&self.folder)?;
        self.delete(self.own)?;
        match fs::remove_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
            _ => Ok(()),
        }
    }
}

fn lock_of(folder: &Path, boot: Boot) -> PathBuf {
    folder.join(format!("{}.lock", boot.0))
}

fn found(folder: &Path) -> io::Result<BTreeSet<Boot>> {
    let boot = |name: &str| match name.strip_suffix(".lock") {
        Some(boot) => boot.parse().ok().map(Boot),
        None => parsed(name).map(|found| found.0),
    };
    let mut boots = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        boots.extend(entry?.file_name().to_str().and_then(boot));
    }
    Ok(boots)
}

/// Makes the folder, for its owner only, and locks it against others that begin or end.
fn locked(folder: &Path) -> io::Result<File> {
    loop {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let lock = match File::open(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            lock => lock?,
        };
        lock.lock()?;
        // The last that ended may have deleted it in between.
        let locked = lock.metadata()?;
        if fs::metadata(folder).is_ok_and(|found| found.ino() == locked.ino()) {
            return Ok(lock);
        }
    }
}

fn is_locked(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn delete(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
