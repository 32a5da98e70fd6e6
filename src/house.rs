//! What the process owns, whatever its configuration says at the moment.

use crate::drain::Drain;
use crate::exchange::Pools;
use crate::ports::{LineLog, OffloadPool, PrometheusMeter};
use crate::snapshot::Snapshot;
use arc_swap::ArcSwap;
use behest_contract::clock::{Clock, SystemClock};
use behest_ledger::Metrics;
use behest_quota::{Counters, IpGuard};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Idle connections to providers, per CA.
const IDLE_CONNECTIONS_MAX: usize = 1024;

/// Jobs that may wait for a thread off the event loop.
const OFFLOAD_QUEUE_MAX: usize = 256;

/// The parts of the process that a reload does not replace.
pub struct Fixtures {
    /// Connections to providers.
    pub pools: Arc<Pools>,
    /// Counters of requests.
    pub counters: Arc<Counters>,
    /// Work off the event loop.
    pub offload: Arc<OffloadPool>,
    /// Where metrics are made.
    pub meter: Arc<PrometheusMeter>,
    /// The metrics about requests.
    pub metrics: Metrics,
    /// Where access lines go.
    pub log: Arc<LineLog>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Fixtures {
    /// The parts of a gateway that writes its access log to `out`.
    pub fn new(out: Box<dyn io::Write + Send>) -> io::Result<Self> {
        let meter = PrometheusMeter::new(env!("CARGO_PKG_VERSION")).map_err(io::Error::other)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            pools: Arc::new(Pools::new(IDLE_CONNECTIONS_MAX)),
            counters: Arc::new(Counters::new()),
            offload: Arc::new(OffloadPool::start(threads, OFFLOAD_QUEUE_MAX)?),
            metrics: Metrics::new(&meter),
            log: Arc::new(LineLog::start(out, &meter)?),
            meter: Arc::new(meter),
            clock: Arc::new(SystemClock),
        })
    }
}

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
    current: ArcSwap<Current>,
    ids: RequestIds,
    open: AtomicBool,
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
        Ok(Self {
            drain: Arc::new(Drain::default()),
            clock: fixtures.clock.clone(),
            metrics: fixtures.metrics.clone(),
            fixtures,
            current: ArcSwap::from_pointee(current),
            ids: RequestIds::new()?,
            open: AtomicBool::new(false),
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

    /// Puts a new configuration in force. Running requests keep theirs.
    pub fn replace(&self, snapshot: Snapshot) {
        let guard = self.ip_guard().reconfigured(snapshot.ip_guard_config());
        let current = Current { snapshot: Arc::new(snapshot), ip_guard: Arc::new(guard) };
        self.current.store(Arc::new(current));
    }

    /// The listeners take connections now.
    pub fn opened(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Whether requests are taken: the listeners are open and nobody has told us to stop.
    pub fn is_ready(&self) -> bool {
        self.open.load(Ordering::Acquire) && !self.drain.is_draining()
    }

    /// An id that no other request of any process has.
    pub fn next_request_id(&self) -> Arc<str> {
        self.ids.next()
    }
}

/// 32 hexadecimal digits: a random number of the process, and a count of its requests.
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let number = u128::from_le_bytes(random);
        let process = (number >> 64) as u64;
        // Odd steps from a random start visit all numbers, and the ids do not tell how many came
        // before.
        Ok(Self { process, next: AtomicU64::new(number as u64) })
    }

    fn next(&self) -> Arc<str> {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let count = self.next.fetch_add(STEP, Ordering::Relaxed);
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

    #[test]
    fn ids_are_32_digits_and_differ() {
        let ids = RequestIds::new().unwrap();
        let (first, second) = (ids.next(), ids.next());
        assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(first, second);
    }
}
