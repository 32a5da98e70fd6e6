//! What guardrails have found, in the stream `guardrails:events`: sent in batches, told by all nodes.

use super::directory::{Entry, RedisDirectory, read};
use super::link::{Fault, Invocation, Line, Link, Script};
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::directory::Failure;
use behest_contract::events::{Answer, Event, EventQuery, EventRecord, Events};
use parking_lot::Mutex;
use redis::cmd;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

const STREAM: &str = "guardrails:events";

/// How many events are kept, about.
const KEPT_MAX: u64 = 10_000;

/// For how long.
const AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

/// How many may wait to be sent.
const WAITING_MAX: usize = 8192;

/// How many are sent together, and how many are read at a time.
const BATCH_MAX: usize = 256;

/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_millis(100);

/// How long to wait after a batch that did not arrive.
const PAUSE: Duration = Duration::from_millis(500);

/// For how long a batch is known to have arrived.
const BATCH_KNOWN_SECONDS: u64 = 24 * 3600;

/// How long the last owner waits for what was not sent yet.
const FAREWELL: Duration = Duration::from_secs(1);

static RECORD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("events/record.lua")));

/// The events of all nodes that share a Redis. Clones share one queue.
#[derive(Clone)]
pub struct RedisEvents(Arc<Owner>);

struct Owner {
    desk: Arc<Desk>,
    link: Link,
}

impl RedisEvents {
    /// Events over the connection of a directory.
    pub fn beside(directory: &RedisDirectory) -> Self {
        let link = directory.link();
        let desk = Arc::new(Desk::new(link.line()));
        link.spawn(desk.clone().work());
        Self(Arc::new(Owner { desk, link }))
    }
}

impl fmt::Debug for RedisEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisEvents").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Events for RedisEvents {
    fn record(&self, event: Event) {
        self.0.desk.record(event);
    }

    fn list(&self, query: EventQuery) -> Answer<Vec<EventRecord>> {
        let desk = self.0.desk.clone();
        let sent = self.flush();
        Box::pin(async move {
            sent.await?;
            list(&desk.line, &query).await
        })
    }

    fn flush(&self) -> Answer<()> {
        let desk = self.0.desk.clone();
        Box::pin(async move {
            let sent = desk.send_all().await;
            sent.map_err(|fault| Failure::Unavailable(fault.to_string().into()))
        })
    }

    fn dropped(&self) -> u64 {
        self.0.desk.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let desk = self.desk.clone();
        if desk.is_empty() || !desk.line.is_up() {
            return;
        }
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        self.link.spawn(async move {
            // What does not arrive now goes with the process, as the port says.
            drop(desk.send_all().await);
            drop(done);
        });
        let _ = is_done.recv_timeout(FAREWELL);
    }
}

struct Desk {
    line: Line,
    /// Where this node's last batch is known.
    batch_key: String,
    waiting: Mutex<VecDeque<Event>>,
    wakes: Notify,
    /// One batch after the other.
    sending: tokio::sync::Mutex<Batch>,
    is_sending: AtomicBool,
    dropped: AtomicU64,
    has_complained: AtomicBool,
}

/// What is on its way. It stays here until it is known to have arrived.
#[derive(Default)]
struct Batch {
    number: u64,
    events: Vec<Event>,
}

impl Desk {
    fn new(line: Line) -> Self {
        let random = || RandomState::new().hash_one(STREAM);
        Self {
            line,
            batch_key: format!("{{{STREAM}}}:batch:{:016x}{:016x}", random(), random()),
            waiting: Mutex::default(),
            wakes: Notify::new(),
            sending: tokio::sync::Mutex::default(),
            is_sending: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            has_complained: AtomicBool::new(false),
        }
    }

    fn record(&self, event: Event) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push_back(event);
        drop(waiting);
        self.wakes.notify_one();
    }

    fn is_empty(&self) -> bool {
        self.waiting.lock().is_empty() && !self.is_sending.load(Ordering::Acquire)
    }

    /// Sends what comes, for as long as the thread lives.
    async fn work(self: Arc<Self>) {
        loop {
            self.wakes.notified().await;
            sleep(GATHER).await;
            while self.send_all().await.is_err() {
                sleep(PAUSE).await;
            }
        }
    }

    /// Sends all that waits.
    async fn send_all(&self) -> Result<(), Fault> {
        let mut batch = self.sending.lock().await;
        loop {
            if batch.events.is_empty() {
                let mut waiting = self.waiting.lock();
                let count = waiting.len().min(BATCH_MAX);
                batch.events.extend(waiting.drain(..count));
                batch.number += 1;
                self.is_sending.store(count > 0, Ordering::Release);
            }
            if batch.events.is_empty() {
                return Ok(());
            }
            match self.line.eval(self.recording(&batch)).await {
                Ok(_) => batch.events.clear(),
                Err(fault @ Fault::Denied(_)) => {
                    self.give_up(&fault, batch.events.len());
                    batch.events.clear();
                    return Err(fault);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Redis answers and will not have them.
    fn give_up(&self, fault: &Fault, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            log::error!("guardrail events cannot be kept: {fault}");
        }
    }

    fn recording(&self, batch: &Batch) -> Invocation {
        let oldest = SystemClock.unix().saturating_sub(AGE_MAX).as_millis();
        let mut recording = Invocation::new(&RECORD)
            .key(STREAM)
            .key(&*self.batch_key)
            .arg(batch.number)
            .arg(BATCH_KNOWN_SECONDS)
            .arg(KEPT_MAX)
            .arg(oldest.to_string());
        for event in &batch.events {
            recording = recording
                .arg(&*event.kind)
                .arg(&*event.tenant)
                .arg(&*event.project)
                .arg(&*event.direction)
                .arg(&*event.mode)
                .arg(&*event.action)
                .arg(serde_json::to_string(&event.entities).unwrap_or_default())
                .arg(event.count)
                .arg(&*event.request)
                .arg(format!("{}.{:03}", event.at_ms / 1000, event.at_ms % 1000));
        }
        recording
    }
}

async fn list(line: &Line, query: &EventQuery) -> Result<Vec<EventRecord>, Failure> {
    let mut found = Vec::new();
    let mut before = query.before;
    // There is nothing before the first, and a server says so with an error.
    while found.len() < query.limit && before != Some(0) {
        let mut range = cmd("XREVRANGE");
        let newest = before.map_or_else(|| "+".to_owned(), |before| format!("({before}-0"));
        range.arg(STREAM).arg(newest).arg("-").arg("COUNT").arg(BATCH_MAX);
        let page: Vec<Entry> = read(line.call(range).await)?;
        let is_last = page.len() < BATCH_MAX;
        for (id, members) in page {
            let number = id.split('-').next().and_then(|number| number.parse().ok());
            before = number;
            let record = number.zip(event_in(&members));
            let record = record.map(|(number, event)| EventRecord { number, event });
            // Others may write to this stream too, in their own way.
            found.extend(record.filter(|record| query.matches(&record.event)));
        }
        if is_last || before.is_none() {
            break;
        }
    }
    found.truncate(query.limit);
    Ok(found)
}

fn event_in(members: &[Vec<u8>]) -> Option<Event> {
    let members: HashMap<_, _> = members
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [name, value] => Some((name.as_slice(), std::str::from_utf8(value).ok()?)),
            _ => None,
        })
        .collect();
    let text = |name: &str| members.get(name.as_bytes()).copied();
    let owned = |name: &str| text(name).map(|text| text.to_owned().into());
    let seconds: f64 = text("timestamp")?.parse().ok()?;
    Some(Event {
        at_ms: (seconds * 1000.0).round() as u64,
        tenant: text("tenant_id")?.into(),
        project: text("project_id")?.into(),
        kind: owned("type")?,
        direction: owned("direction")?,
        mode: owned("mode")?,
        action: owned("action_taken")?,
        entities: serde_json::from_str(text("entity_types")?).ok()?,
        count: text("entity_count")?.parse().ok()?,
        request: text("request_id")?.into(),
    })
}
