//! The port for what is made at run time: tenants, projects, keys, switches.
//!
//! A [`Directory`] keeps small records in named collections. It knows nothing of what they mean. Every
//! change raises one number, the [`Revision`], so that whoever holds a copy of all records in memory
//! keeps it true by asking what has changed since.

use futures::future::BoxFuture;
use std::fmt;

/// How often the directory had changed: 0 before the first commit, then one more for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Names a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The collection, such as `projects`.
    pub collection: Box<str>,
    /// The record's name in it.
    pub id: Box<str>,
}

impl RecordKey {
    /// A record's name.
    pub fn new(collection: &str, id: &str) -> Self {
        Self { collection: collection.into(), id: id.into() }
    }
}

/// A record, as it is after the commit of its revision.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: RecordKey,
    /// The commit that wrote it.
    pub revision: Revision,
    /// Its content; `None` once it is deleted. Deletions are told too, for ever: a copy must hear of
    /// them however late it asks.
    pub body: Option<Box<[u8]>>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Record");
        shown.field("key", &self.key).field("revision", &self.revision);
        shown.field("deleted", &self.body.is_none()).finish_non_exhaustive()
    }
}

/// What must be true of a record for its change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Anything,
    /// It does not exist, or is deleted.
    Absent,
    /// It exists.
    Present,
    /// It was last written by this commit.
    At(Revision),
}

/// A change of one record.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// Which record.
    pub key: RecordKey,
    /// What must be true of it.
    pub expect: Expect,
    /// The new content; `None` deletes.
    pub body: Option<Box<[u8]>>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Change");
        shown.field("key", &self.key).field("expect", &self.expect).finish_non_exhaustive()
    }
}

/// A line of the audit, written with the change that it tells of. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Unix time in milliseconds.
    pub at_ms: u64,
    /// What was done, as a JSON object.
    pub body: Box<[u8]>,
}

/// A line of the audit with its number, which grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number.
    pub number: u64,
    /// The line.
    pub line: AuditLine,
}

/// Why something was not done, or not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// This record was not as expected; nothing was changed.
    Conflict(RecordKey),
    /// The store cannot do it now, or can no longer be written to. The text is for the log.
    Unavailable(Box<str>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(key) => write!(f, "{}/{} is not as expected", key.collection, key.id),
            Self::Unavailable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}

/// What a store of records answers.
pub type Answer<T> = BoxFuture<'static, Result<T, Failure>>;

/// Keeps records. All nodes of a gateway see one directory.
pub trait Directory: Send + Sync {
    /// Makes all changes and writes the audit's line, or does nothing. Durable once it has answered:
    /// neither the death of the process nor the loss of power takes it back. After
    /// [`Failure::Unavailable`] it was, as a rule, not made; but it may have been, so who must know asks.
    fn commit(&self, changes: Vec<Change>, audit: AuditLine) -> Answer<Revision>;

    /// The revision now. Cheap: it is asked every second.
    fn revision(&self) -> Answer<Revision>;

    /// The records that were last written after a revision, in the order of their commits. After
    /// [`Revision`] 0 that is all of them.
    fn changes_after(&self, revision: Revision) -> Answer<Vec<Record>>;

    /// Up to `limit` lines of the audit, newest first, from before the line of this number.
    fn audit(&self, before: Option<u64>, limit: usize) -> Answer<Vec<AuditRecord>>;

    /// Comes when another node may have committed since this was called, or may have before and nobody
    /// could tell; never, where nobody tells. It is a hint: whoever follows asks now and then anyway.
    fn stirred(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    /// Which history of commits the answers so far belong to, as far as is known without asking. After
    /// another number a copy is made anew, from all records: the store may have gone back and on again,
    /// as when a replica takes over that lacks the last commits.
    fn history(&self) -> u64 {
        0
    }

    /// Whether the store can be read and written to, as far as is known without trying.
    fn is_healthy(&self) -> bool;
}
