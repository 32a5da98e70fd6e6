//! What the process owns, whatever its configuration says at the moment.

use crate::config::Config;
use crate::directory::{Audit, Draft, Objects, Opened, Sealed};
use crate::drain::Drain;
use crate::exchange::Pools;
use crate::openings::{Opening, Openings};
use crate::ports::{
    EventLog, HttpHook, LineLog, OffloadPool, OwnStore, PrometheusMeter, Runners, SharedStore,
    TimedPurse,
};
use crate::snapshot::Snapshot;
use arc_swap::ArcSwap;
use behest_contract::book::Book;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::directory::{Directory, Failure, Revision};
use behest_contract::ports::{Busy, offloaded};
use behest_contract::purse::Purse;
use behest_contract::seal::Seal;
use behest_ledger::Metrics;
use behest_pii::{PiiMetrics, PiiPorts, SecretMac};
use behest_quota::{Counters, IpGuard};
use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Idle connections to providers, per CA.
const IDLE_CONNECTIONS_MAX: usize = 1024;

/// Jobs that may wait for a thread off the event loop.
const OFFLOAD_QUEUE_MAX: usize = 256;

/// What prompts may take that are looked at beside their requests, in bytes: at least sixteen of the largest
/// that are taken by default.
const BESIDE_BYTES_MAX: usize = 64 << 20;

/// How often the store may change while it is read anew.
const START_OVER_TRIES: usize = 5;

/// The parts of the process that a reload does not replace.
pub struct Fixtures {
    /// Connections to providers.
    pub pools: Arc<Pools>,
    /// Counters of requests.
    pub counters: Arc<Counters>,
    /// Work off the event loop.
    pub offload: Arc<OffloadPool>,
    /// Work that waits beside requests.
    pub runners: Arc<Runners>,
    /// Where metrics are made.
    pub meter: Arc<PrometheusMeter>,
    /// The metrics about requests.
    pub metrics: Metrics,
    /// Where access lines go.
    pub log: Arc<LineLog>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where what the admin API makes is kept.
    pub directory: Arc<dyn Directory>,
    /// The same, where the records are sealed as a whole.
    pub sealed: Option<Arc<Sealed>>,
    /// What opens and seals what is stored.
    pub seal: Arc<dyn Seal>,
    /// Counters, reservations and places in flight.
    pub purse: Arc<dyn Purse>,
    /// This node's own folder.
    pub own_store: OwnStore,
    /// The Redis that nodes share, if they do.
    pub shared_store: Option<SharedStore>,
    /// The ledger.
    pub book: Arc<dyn Book>,
    /// What guardrails have found.
    pub events: Arc<EventLog>,
    /// What the guardrails need.
    pub pii: PiiPorts,
}

impl Fixtures {
    /// The parts of a gateway that writes its access log to `out`, over an opened store.
    pub fn new(out: Box<dyn io::Write + Send>, opened: &Opened) -> io::Result<Self> {
        let meter = PrometheusMeter::new(env!("CARGO_PKG_VERSION")).map_err(io::Error::other)?;
        let key = opened.placeholder_key().map_err(io::Error::other)?;
        let events = Arc::new(EventLog::new(opened.events.clone(), &meter));
        let runners = Arc::new(Runners::new(BESIDE_BYTES_MAX));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            pools: Arc::new(Pools::new(IDLE_CONNECTIONS_MAX)),
            counters: Arc::new(Counters::new()),
            offload: Arc::new(OffloadPool::start(threads, OFFLOAD_QUEUE_MAX)?),
            metrics: Metrics::new(&meter),
            pii: PiiPorts {
                mac: Arc::new(SecretMac::new(&key)),
                events: events.clone(),
                metrics: PiiMetrics::new(&meter),
                hook: Some(Arc::new(HttpHook::new(&meter)?)),
                errands: runners.clone(),
                clock: Arc::new(SystemClock),
            },
            events,
            runners,
            log: Arc::new(LineLog::start(out, &meter)?),
            purse: purse(opened, &meter),
            own_store: OwnStore::new(opened.folder.clone(), &meter),
            shared_store: shared_store(opened, &meter).map_err(io::Error::other)?,
            meter: Arc::new(meter),
            clock: Arc::new(SystemClock),
            directory: opened.directory.clone(),
            sealed: opened.sealed.clone(),
            seal: opened.seal.clone(),
            book: opened.book.clone(),
        })
    }
}

impl Fixtures {
    /// Waits until the store has what happened so far, where it does not have it already.
    pub async fn flush(&self) -> Result<(), Failure> {
        self.events.flush().await?;
        match &self.shared_store {
            Some(store) => store.flush().await,
            None => Ok(()),
        }
    }
}

/// The purse; where it has to be asked over a network, with a watch on how long that takes.
fn purse(opened: &Opened, meter: &PrometheusMeter) -> Arc<dyn Purse> {
    match &opened.redis {
        Some(_) => Arc::new(TimedPurse::new(opened.purse.clone(), meter, Arc::new(SystemClock))),
        None => opened.purse.clone(),
    }
}

fn shared_store(
    opened: &Opened,
    meter: &PrometheusMeter,
) -> prometheus::Result<Option<SharedStore>> {
    let redis = opened.redis.clone();
    redis.map(|redis| SharedStore::new(redis, meter)).transpose()
}

/// How long a change waits until the counters of its new limits have come to what was used before.
const BEGUN_WITHIN: Duration = Duration::from_secs(2);

/// The running gateway.
pub struct House {
    /// What a reload does not replace.
    pub fixtures: Fixtures,
    /// Who is at work, and when that must end.
    pub drain: Arc<Drain>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The metrics about requests.
    pub metrics: Metrics,
    /// What the process was started with. Some of it no reload can change.
    pub started_with: Arc<Config>,
    current: ArcSwap<Current>,
    /// The store's history that the snapshot's objects belong to.
    history: AtomicU64,
    /// Whoever replaces what is in force does so alone, from what is in force then.
    replacing: tokio::sync::Mutex<()>,
    ids: RequestIds,
    open: AtomicBool,
    /// Layers whose counters are to come to what was used before.
    pub openings: Openings,
}

/// What a reload replaces: both together, or neither.
struct Current {
    snapshot: Arc<Snapshot>,
    ip_guard: Arc<IpGuard>,
}

impl House {
    /// A gateway with its first configuration.
    pub fn new(fixtures: Fixtures, snapshot: Snapshot) -> io::Result<Self> {
        let ip_guard = IpGuard::new(snapshot.ip_guard_config(), fixtures.clock.clone());
        let current = Current { snapshot: Arc::new(snapshot), ip_guard: Arc::new(ip_guard) };
        let ids = RequestIds::new(fixtures.clock.unix())?;
        let started_with = current.snapshot.config.clone();
        let openings = Openings::default();
        // A file may have been changed while nobody was there to see it.
        openings.begin(current.snapshot.project_layers(), fixtures.clock.now());
        Ok(Self {
            started_with,
            drain: Arc::new(Drain::default()),
            clock: fixtures.clock.clone(),
            metrics: fixtures.metrics.clone(),
            fixtures,
            current: ArcSwap::from_pointee(current),
            history: AtomicU64::new(0),
            replacing: tokio::sync::Mutex::default(),
            ids,
            open: AtomicBool::new(false),
            openings,
        })
    }

    /// The configuration in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load().snapshot.clone()
    }

    /// The guard against single addresses.
    pub fn ip_guard(&self) -> Arc<IpGuard> {
        self.current.load().ip_guard.clone()
    }

    /// Puts in force what `make` makes of what is in force now, away from the event loop. Running
    /// requests keep theirs. `None` changes nothing.
    pub async fn replace<E, F>(self: &Arc<Self>, make: F) -> Result<(), Replaced<E>>
    where
        E: Send + 'static,
        F: FnOnce(&Fixtures, &Snapshot) -> Result<Option<Snapshot>, E> + Send + 'static,
    {
        let alone = self.replacing.lock().await;
        let house = self.clone();
        let made = offloaded(self.fixtures.offload.as_ref(), move || {
            let before = house.snapshot();
            let made = make(&house.fixtures, &before)?;
            Ok(made.map(|snapshot| (snapshot.new_layers(&before), snapshot)))
        });
        match made.await {
            Ok(Ok(Some((openings, snapshot)))) => {
                self.put_in_force(snapshot);
                drop(alone);
                self.begin(openings).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return Err(Replaced::Failed(error)),
            Err(Busy) => return Err(Replaced::Busy),
        }
        Ok(())
    }

    /// Has the counters of new layers come to what was used before, and waits for that a little.
    async fn begin(&self, openings: Vec<Opening>) {
        if openings.is_empty() {
            return;
        }
        self.openings.begin(openings, self.clock.now());
        // What is not done by then is done in the background.
        drop(tokio::time::timeout(BEGUN_WITHIN, self.openings.carry_on(&self.fixtures)).await);
    }

    fn put_in_force(&self, snapshot: Snapshot) {
        let may_end_requests = !snapshot.cuts.is_empty();
        let guard = self.ip_guard().reconfigured(snapshot.ip_guard_config());
        let current = Current { snapshot: Arc::new(snapshot), ip_guard: Arc::new(guard) };
        self.current.store(Arc::new(current));
        if may_end_requests {
            self.drain.question();
        }
    }

    /// Takes over what has changed in the store, on this node or another.
    pub async fn catch_up(self: &Arc<Self>) -> Result<(), Failure> {
        let known = self.snapshot().objects.revision;
        let records = self.fixtures.directory.changes_after(known).await?;
        if self.has_other_history() {
            return self.start_over().await;
        }
        if records.is_empty() {
            return Ok(());
        }
        let replaced = self.replace(move |fixtures, now| {
            let objects = Arc::new(now.objects.with(&records));
            Snapshot::of_objects(objects, fixtures, now).map(Some)
        });
        replaced.await.map_err(|error| Failure::Unavailable(error.to_string().into()))
    }

    /// Takes over all that the store holds, whatever this node knew: nobody can tell what was missed, and a
    /// replica that has taken over may know less than the one before it.
    pub async fn start_over(self: &Arc<Self>) -> Result<(), Failure> {
        for _ in 0..START_OVER_TRIES {
            if self.try_to_start_over().await? {
                return Ok(());
            }
        }
        Err(Failure::Unavailable("it changes faster than it can be read".into()))
    }

    /// False where somebody else has replaced the snapshot meanwhile, who may have known more.
    async fn try_to_start_over(self: &Arc<Self>) -> Result<bool, Failure> {
        let known = self.snapshot().objects.revision;
        let history = self.fixtures.directory.history();
        let records = self.fixtures.directory.changes_after(Revision(0)).await?;
        let replaced = self.replace(move |fixtures, now| {
            if now.objects.revision != known {
                return Err(None);
            }
            let objects = Objects::default().with(&records);
            if !objects.have_seals() {
                return Err(Some(
                    "it has lost its records; those in memory stay in force".to_owned(),
                ));
            }
            if objects.revision < known {
                let (from, to) = (known.0, objects.revision.0);
                log::error!("the store has gone back from commit {from} to {to}");
            }
            let next = Snapshot::of_objects(Arc::new(objects), fixtures, now);
            next.map(Some).map_err(|error| Some(error.to_string()))
        });
        let why = match replaced.await {
            Ok(()) => {
                self.history.store(history, Ordering::Release);
                return Ok(true);
            }
            Err(Replaced::Failed(None)) => return Ok(false),
            Err(Replaced::Failed(Some(why))) => why,
            Err(Replaced::Busy) => Replaced::<String>::Busy.to_string(),
        };
        Err(Failure::Unavailable(why.into()))
    }

    /// Whether what was read of the store may be so no longer.
    pub fn has_other_history(&self) -> bool {
        self.fixtures.directory.history() != self.history.load(Ordering::Acquire)
    }

    /// Changes what is stored. Once it is answered the change is durable, and in force on this node.
    pub async fn commit(self: &Arc<Self>, draft: Draft, audit: &Audit) -> Result<(), Failure> {
        let line = audit.line(self.clock.unix());
        self.fixtures.directory.commit(draft.into_changes(), line).await?;
        self.catch_up().await
    }

    /// The listeners take connections now.
    pub fn opened(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Whether requests are taken: the listeners are open, the store can be used, and nobody has told us
    /// to stop.
    pub fn is_ready(&self) -> bool {
        self.open.load(Ordering::Acquire)
            && !self.drain.is_draining()
            && self.fixtures.directory.is_healthy()
    }

    /// An id that no other request of any process has.
    pub fn next_request_id(&self) -> Arc<str> {
        self.ids.next()
    }
}

/// Why nothing was replaced.
#[derive(Debug)]
pub enum Replaced<E> {
    /// There was nobody to make it.
    Busy,
    /// It could not be made.
    Failed(E),
}

impl<E: fmt::Display> fmt::Display for Replaced<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the gateway is too busy"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// 32 hexadecimal digits: when the process began and a random number of it, and a count of its requests.
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids grow, from one process to the next too: so the ledger's index of them grows at its end and is
    /// not written all over.
    fn new(started: Duration) -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let number = u128::from_le_bytes(random);
        let process = (started.as_millis() as u64) << 16 | u64::from((number >> 64) as u16);
        // From anywhere in the lower half: an id does not tell how many came before.
        Ok(Self { process, next: AtomicU64::new(number as u64 >> 1) })
    }

    fn next(&self) -> Arc<str> {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = smallvec::SmallVec::<[u8; 32]>::new();
        for byte in self.process.to_be_bytes().into_iter().chain(count.to_be_bytes()) {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            for digit in [byte >> 4, byte & 15] {
                id.push(HEX.get(usize::from(digit)).copied().unwrap_or(b'0'));
            }
        }
        std::str::from_utf8(&id).unwrap_or_default().into()
    }
}

/// A secret of `bytes` random bytes, in hexadecimal digits.
pub fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut text = String::with_capacity(2 * bytes);
    for byte in random {
        write!(text, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::RequestIds;
    use std::time::Duration;

    #[test]
    fn ids_are_32_digits_and_grow() {
        let process = |started| RequestIds::new(Duration::from_secs(started)).unwrap();
        let (ids, later) = (process(1_800_000_000), process(1_800_000_001));
        let ids = [ids.next(), ids.next(), later.next()];
        assert!(ids.iter().all(|id| id.len() == 32));
        assert!(ids.concat().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    }
}
