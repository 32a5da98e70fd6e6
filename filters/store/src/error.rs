//! Why an engine does not open. What goes wrong later is the contract's
//! [`Failure`](behest_contract::directory::Failure).

use crate::redis::link::BadUrl;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an engine does not open.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The folder or a file in it cannot be made, read or locked.
    Folder(PathBuf, io::Error),
    /// The file is a database of another program.
    Foreign(PathBuf),
    /// A newer version of this program has written the file.
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: usize,
        /// The newest that this program knows.
        known: usize,
    },
    /// The file, or the file system that it is on, may only be read.
    ReadOnly(PathBuf),
    /// The file system cannot keep a write-ahead log; network file systems cannot.
    NoWal(PathBuf),
    /// SQLite cannot open or migrate the file.
    Database(PathBuf, rusqlite::Error),
    /// Redis cannot be where its URL says.
    RedisUrl(BadUrl),
    /// The machine gives no thread.
    NoThread(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path, source) => write!(f, "{}: {source}", path.display()),
            Self::Foreign(path) => {
                write!(f, "{}: this database belongs to another program", path.display())
            }
            Self::Newer { path, found, known } => write!(
                f,
                "{}: a newer version has written this store (its schema is {found}, this version \
                 knows {known}); start that version again",
                path.display()
            ),
            Self::ReadOnly(path) => write!(f, "{}: this file may only be read", path.display()),
            Self::NoWal(path) => write!(
                f,
                "{}: this file system cannot keep SQLite's write-ahead log; put the folder on a \
                 local disk",
                path.display()
            ),
            Self::Database(path, source) => write!(f, "{}: {source}", path.display()),
            Self::RedisUrl(wrong) => write!(f, "{wrong}"),
            Self::NoThread(source) => write!(f, "the store's thread does not start: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Folder(_, source) | Self::NoThread(source) => Some(source),
            Self::Database(_, source) => Some(source),
            _ => None,
        }
    }
}
