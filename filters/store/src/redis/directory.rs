//! The directory in Redis: one for all nodes.
//!
//! A commit is one script, so it is made as a whole or not at all, whatever runs beside it. It also
//! publishes that there is something new. A message may be lost: whoever follows asks now and then anyway.

use super::config::RedisConfig;
use super::link::{Fault, Heard, Invocation, Line, Link, Script};
use crate::error::Error;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::directory::{
    Answer, AuditLine, AuditRecord, Change, Directory, Expect, Failure, Record, RecordKey, Revision,
};
use futures::future::BoxFuture;
use redis::{FromRedisValue, Value, cmd, from_redis_value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;

/// No tenant's keys have this in braces.
const REVISION: &str = "behest:{%records}:revision";
const RECORDS: &str = "behest:{%records}:records";
const ORDER: &str = "behest:{%records}:order";
const AUDIT: &str = "behest:{%records}:audit";
const CHANNEL: &str = "behest:{%records}:changed";

/// How many lines of the audit are kept, about.
const AUDIT_MAX: u64 = 100_000;

/// How many records are read at a time.
const PAGE: usize = 500;

/// Nobody's request waits for records, and a commit may have to wait for the server's disk.
const COMMAND_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// With so long a wait it is known sooner that nobody answers.
const STRIKES_MAX: u32 = 2;

static COMMIT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("directory/commit.lua")));
static CHANGES: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("directory/changes.lua")));

/// The records of all nodes that share a Redis. Clones share one connection.
#[derive(Clone)]
pub struct RedisDirectory(Arc<Inner>);

struct Inner {
    link: Link,
    stirs: watch::Sender<u64>,
    subscriptions: Arc<AtomicU64>,
}

impl RedisDirectory {
    /// Starts it on a connection of its own, which is made meanwhile: large answers must not be in the way
    /// of admissions.
    pub fn open(config: &RedisConfig) -> Result<Self, Error> {
        let config = RedisConfig {
            command_timeout: config.command_timeout.max(COMMAND_TIMEOUT_MIN),
            strikes_max: STRIKES_MAX,
            ..config.clone()
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let link = Link::open(&config, clock)?;
        let stirs = watch::Sender::new(0_u64);
        let stirring = stirs.clone();
        let subscriptions = Arc::<AtomicU64>::default();
        let subscribed = subscriptions.clone();
        link.listen(CHANNEL, move |heard| {
            if heard == Heard::Subscribed {
                // Something may have been missed, and it may be another server.
                subscribed.fetch_add(1, Ordering::AcqRel);
            }
            stirring.send_modify(|count| *count += 1);
        });
        Ok(Self(Arc::new(Inner { link, stirs, subscriptions })))
    }

    /// The connection, for what is as little in a hurry.
    pub(super) fn link(&self) -> Link {
        self.0.link.clone()
    }
}

impl fmt::Debug for RedisDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDirectory")
            .field("healthy", &self.is_healthy())
            .finish_non_exhaustive()
    }
}

impl Directory for RedisDirectory {
    fn commit(&self, changes: Vec<Change>, audit: AuditLine) -> Answer<Revision> {
        let committed = self.0.link.eval(commitment(&changes, &audit));
        Box::pin(async move {
            let (is_made, number): (u8, String) = read(committed.await)?;
            let number: u64 = number.parse().map_err(|_| strange())?;
            if is_made == 1 {
                return Ok(Revision(number));
            }
            let change = usize::try_from(number).ok().and_then(|at| changes.into_iter().nth(at));
            Err(change.map_or_else(strange, |change| Failure::Conflict(change.key)))
        })
    }

    fn revision(&self) -> Answer<Revision> {
        let mut get = cmd("GET");
        get.arg(REVISION);
        let found = self.0.link.call(get);
        Box::pin(async { Ok(Revision(read::<Option<u64>>(found.await)?.unwrap_or_default())) })
    }

    fn changes_after(&self, revision: Revision) -> Answer<Vec<Record>> {
        Box::pin(changes_after(self.0.link.line(), revision))
    }

    fn audit(&self, before: Option<u64>, limit: usize) -> Answer<Vec<AuditRecord>> {
        // There is nothing before the first, and a server says so with an error.
        if before == Some(0) || limit == 0 {
            return Box::pin(async { Ok(Vec::new()) });
        }
        let mut range = cmd("XREVRANGE");
        let newest = before.map_or_else(|| "+".to_owned(), |before| format!("({before}-0"));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        range.arg(AUDIT).arg(newest).arg("-").arg("COUNT").arg(limit);
        let lines = self.0.link.call(range);
        Box::pin(async {
            let lines: Vec<Entry> = read(lines.await)?;
            lines.into_iter().map(line_in).collect()
        })
    }

    fn stirred(&self) -> BoxFuture<'static, ()> {
        let mut stirs = self.0.stirs.subscribe();
        Box::pin(async move {
            if stirs.changed().await.is_err() {
                std::future::pending().await
            }
        })
    }

    /// A connection that was made anew may lead to a server that knows less.
    fn history(&self) -> u64 {
        self.0.link.connections() + self.0.subscriptions.load(Ordering::Acquire)
    }

    fn is_healthy(&self) -> bool {
        self.0.link.is_up()
    }
}

/// An entry of a stream: its id, and names and values by turns.
pub(super) type Entry = (String, Vec<Vec<u8>>);

fn commitment(changes: &[Change], audit: &AuditLine) -> Invocation {
    let mut commit = Invocation::new(&COMMIT)
        .key(REVISION)
        .key(RECORDS)
        .key(ORDER)
        .key(AUDIT)
        .arg(CHANNEL)
        .arg(AUDIT_MAX)
        .arg(audit.at_ms)
        .arg(&*audit.body);
    for change in changes {
        let expect = match change.expect {
            Expect::Anything => "*".to_owned(),
            Expect::Absent => "-".to_owned(),
            Expect::Present => "+".to_owned(),
            Expect::At(revision) => revision.0.to_string(),
        };
        let content = match &change.body {
            Some(body) => [b"+", &**body].concat(),
            None => b"-".to_vec(),
        };
        commit = commit.arg(name_of(&change.key)).arg(expect).arg(content);
    }
    commit
}

async fn changes_after(line: Line, revision: Revision) -> Result<Vec<Record>, Failure> {
    let mut found = BTreeMap::new();
    let mut last = revision.0;
    loop {
        let page = Invocation::new(&CHANGES).key(ORDER).key(RECORDS).arg(last).arg(PAGE);
        let told: Vec<Vec<u8>> = read(line.eval(page).await)?;
        let Some((at, records)) = told.split_first() else { break };
        last = text(at)?.parse().map_err(|_| strange())?;
        for pair in records.chunks_exact(2) {
            let [name, kept] = pair else { return Err(strange()) };
            let record = record_in(name, kept).ok_or_else(strange)?;
            // One that has changed between two pages is told again, as it is by then.
            found.insert(record.key.clone(), record);
        }
    }
    let mut records: Vec<_> = found.into_values().collect();
    records.sort_by_key(|record| record.revision);
    Ok(records)
}

/// `8:projects/demo`: whatever is in the two names, they are told apart.
fn name_of(key: &RecordKey) -> String {
    format!("{}:{}/{}", key.collection.len(), key.collection, key.id)
}

fn key_in(name: &[u8]) -> Option<RecordKey> {
    let (length, names) = std::str::from_utf8(name).ok()?.split_once(':')?;
    let (collection, id) = names.split_at_checked(length.parse().ok()?)?;
    Some(RecordKey::new(collection, id.strip_prefix('/')?))
}

fn record_in(name: &[u8], kept: &[u8]) -> Option<Record> {
    let mark = kept.iter().position(|byte| !byte.is_ascii_digit())?;
    let (revision, content) = kept.split_at_checked(mark)?;
    let revision = Revision(std::str::from_utf8(revision).ok()?.parse().ok()?);
    let body = match content.split_first()? {
        (b'+', body) => Some(body.into()),
        _ => None,
    };
    Some(Record { key: key_in(name)?, revision, body })
}

fn line_in((id, members): Entry) -> Result<AuditRecord, Failure> {
    let number = id.split('-').next().and_then(|number| number.parse().ok());
    let [_, at_ms, _, body] = members.as_slice() else { return Err(strange()) };
    let at_ms = text(at_ms)?.parse().map_err(|_| strange())?;
    let line = AuditLine { at_ms, body: body.as_slice().into() };
    Ok(AuditRecord { number: number.ok_or_else(strange)?, line })
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| strange())
}

/// What an answer says.
pub(super) fn read<T: FromRedisValue>(answer: Result<Value, Fault>) -> Result<T, Failure> {
    let value = answer.map_err(|fault| Failure::Unavailable(fault.to_string().into()))?;
    from_redis_value(value).map_err(|_| strange())
}

/// Something else writes where our records are.
fn strange() -> Failure {
    Failure::Unavailable("Redis holds what is none of our records".into())
}

#[cfg(test)]
mod tests {
    use super::{key_in, name_of};
    use behest_contract::directory::RecordKey;

    #[test]
    fn names_are_told_apart_whatever_is_in_them() {
        for (collection, id) in
            [("projects", "demo"), ("", ""), ("a/b", "c"), ("a", "b/c"), ("ü:", "/")]
        {
            let key = RecordKey::new(collection, id);
            assert_eq!(key_in(name_of(&key).as_bytes()), Some(key));
        }
        let [one, other] =
            [("a/b", "c"), ("a", "b/c")].map(|(c, id)| name_of(&RecordKey::new(c, id)));
        assert_ne!(one, other);
    }
}
