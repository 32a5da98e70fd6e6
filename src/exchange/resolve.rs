//! A provider's addresses: looked up without blocking, kept for a while, tried one after the other.

use super::peer::{Line, Peer, Pools};
use arc_swap::ArcSwapOption;
use behest_contract::clock::Clock;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long an answer of the resolver is good for. A stale one serves while one request asks again.
const LOOKUP_TTL: Duration = Duration::from_secs(30);

/// Addresses kept of one name.
const ADDRESSES_MAX: usize = 8;

/// The addresses of one host.
pub(super) struct Addresses {
    line: Line,
    port: u16,
    connect: Duration,
    pools: Arc<Pools>,
    clock: Arc<dyn Clock>,
    known: ArcSwapOption<Known>,
    asking: AtomicBool,
}

struct Known {
    peers: Arc<[Peer]>,
    until: Option<Instant>,
}

impl Addresses {
    pub(super) fn new(
        line: Line,
        port: u16,
        connect: Duration,
        pools: Arc<Pools>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let known = line.host.parse::<IpAddr>().ok().map(|address| {
            let peer = pools.peer(SocketAddr::new(address, port), &line, connect);
            Arc::new(Known { peers: Arc::new([peer]), until: None })
        });
        let known = ArcSwapOption::new(known);
        Self { line, port, connect, pools, clock, known, asking: AtomicBool::new(false) }
    }

    /// The peers to try, in order.
    pub(super) async fn peers(&self) -> std::io::Result<Arc<[Peer]>> {
        let Some(known) = self.known.load_full() else { return self.ask().await };
        let is_fresh = known.until.is_none_or(|until| self.clock.now() < until);
        if is_fresh || self.asking.swap(true, Ordering::AcqRel) {
            return Ok(known.peers.clone());
        }
        let _done = Reset(&self.asking);
        Ok(self.ask().await.unwrap_or_else(|_| known.peers.clone()))
    }

    async fn ask(&self) -> std::io::Result<Arc<[Peer]>> {
        let found = tokio::net::lookup_host((self.line.host.as_ref(), self.port)).await?;
        let peer = |address| self.pools.peer(address, &self.line, self.connect);
        let peers: Arc<[Peer]> = found.take(ADDRESSES_MAX).map(peer).collect();
        if peers.is_empty() {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        let until = Some(self.clock.now() + LOOKUP_TTL);
        self.known.store(Some(Arc::new(Known { peers: peers.clone(), until })));
        Ok(peers)
    }
}

/// Clears the flag also when the waiting request goes away.
struct Reset<'a>(&'a AtomicBool);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
