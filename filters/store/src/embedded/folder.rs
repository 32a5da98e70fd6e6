//! The folder, the files in it, and who may read them.
//!
//! The database is never opened here once it exists: closing any descriptor of a file takes back all
//! locks that this process has on it, SQLite's too.

use crate::error::Error;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const DATABASE: &str = "behest.db";
const OTHERS: u32 = 0o077;

/// The folder, locked against other processes that open it too.
pub(super) struct Folder {
    database: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, for its owner only, and an empty database.
    pub(super) fn prepare(path: &Path) -> Result<Self, Error> {
        make(path).map_err(|error| Error::Folder(path.to_owned(), error))
    }

    /// The database, by a name that stays true wherever the process goes.
    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// The files as they are now, the database being open.
    pub(super) fn files(&self) -> Result<Files, Error> {
        Files::of(&self.database).map_err(|error| Error::Folder(self.database.clone(), error))
    }
}

fn make(path: &Path) -> io::Result<Folder> {
    let path = std::path::absolute(path)?;
    let missing = path.ancestors().take_while(|folder| !folder.exists()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
    // A name that is not on the disk yet would take all that is written below it along.
    for parent in path.ancestors().skip(1).take(missing) {
        File::open(parent)?.sync_all()?;
    }
    let path = fs::canonicalize(path)?;
    let lock = File::open(&path)?;
    lock.lock()?;
    let database = path.join(DATABASE);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    lock.sync_all()?;
    // SQLite keeps its log beside the file itself, not beside a link to it.
    let database = fs::canonicalize(database)?;
    for file in ["", "-wal", "-shm"] {
        close_to_others(&beside(&database, file))?;
    }
    Ok(Folder { database, _lock: lock })
}

/// SQLite gives its files the database's mode, so this matters for files that were copied here.
fn close_to_others(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(found) => found.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// The files that the writer has open.
pub(super) struct Files([OpenFile; 2]);

impl Files {
    fn of(database: &Path) -> io::Result<Self> {
        Ok(Self([OpenFile::at(database.to_owned())?, OpenFile::at(beside(database, "-wal"))?]))
    }

    /// Whether they are still there. A file that was deleted or replaced can be written to without an
    /// error, and loses everything when it is closed.
    pub(super) fn are_in_place(&self) -> bool {
        self.0.iter().all(OpenFile::is_in_place)
    }
}

struct OpenFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl OpenFile {
    fn at(path: PathBuf) -> io::Result<Self> {
        let found = fs::metadata(&path)?;
        Ok(Self { path, device: found.dev(), inode: found.ino() })
    }

    fn is_in_place(&self) -> bool {
        fs::metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }
}
