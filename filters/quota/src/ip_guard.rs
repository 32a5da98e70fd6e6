//! A guard per client address.
//!
//! Counted exactly, on this node, before anything is known about a request; so a call must be cheap
//! and the memory bounded, whoever calls. Addresses are spread over shards. A shard counts one minute
//! at a time, so nothing in it outlives that minute: at the turn it is emptied whole.

use crate::config::IpGuardConfig;
use crate::layer::Layer;
use crate::refusal::{Full, Refusal};
use crate::standing::Standing;
use crate::window::{Minute, Tally};
use behest_contract::clock::Clock;
use behest_contract::denial::Verdict;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

const SHARDS: usize = 64;

/// Refuses client addresses that send too many requests in a calendar minute (UTC).
///
/// IPv6 is counted by /64, the smallest network that one customer gets, and an IPv4-mapped address as
/// the IPv4 address that it is.
pub struct IpGuard {
    limit: u64,
    exempt: Vec<Network>,
    /// Addresses told apart per shard.
    sources_max: usize,
    shards: Arc<Shards>,
    clock: Arc<dyn Clock>,
}

impl IpGuard {
    /// A guard that has seen nobody yet.
    pub fn new(config: IpGuardConfig, clock: Arc<dyn Clock>) -> Self {
        let shards = Arc::new(Shards::new(config.addresses_max.clamp(1, SHARDS)));
        Self::over(config, shards, clock)
    }

    /// A guard with another configuration that goes on with what this one has counted.
    #[must_use]
    pub fn reconfigured(&self, config: IpGuardConfig) -> Self {
        Self::over(config, self.shards.clone(), self.clock.clone())
    }

    fn over(config: IpGuardConfig, shards: Arc<Shards>, clock: Arc<dyn Clock>) -> Self {
        Self {
            limit: config.requests_per_minute,
            exempt: config.exempt.into_iter().map(Network::from).collect(),
            sources_max: config.addresses_max / shards.len(),
            shards,
            clock,
        }
    }

    /// Counts a request, and refuses it if its address has sent too many this minute. What is refused
    /// is counted too.
    pub fn admit(&self, addr: IpAddr) -> Verdict {
        if self.exempt.iter().any(|network| network.contains(addr)) {
            return Ok(());
        }
        let now = self.clock.unix();
        let source = Source::from(addr);
        let shard = self.shards.of(source);
        let tally = shard.0.lock().count(source, Minute::of(now), self.sources_max);
        if u64::from(tally.count) <= self.limit {
            return Ok(());
        }
        let standing = Standing::guarded(Layer::Ip, self.limit, tally, now);
        Err(Refusal::Full(Full { standing, wanted: 1, tier: None }).denial())
    }
}

impl fmt::Debug for IpGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpGuard")
            .field("limit", &self.limit)
            .field("exempt", &self.exempt)
            .field("sources_max", &self.sources_max)
            .finish_non_exhaustive()
    }
}

/// What is counted as one: an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Source {
    fn from(addr: IpAddr) -> Self {
        match addr.to_canonical() {
            IpAddr::V4(addr) => Self::V4(addr.to_bits()),
            IpAddr::V6(addr) => Self::V6((addr.to_bits() >> 64) as u64),
        }
    }
}

/// Addresses that share their leading bits. IPv4 has its place in IPv6, so one comparison serves all.
#[derive(Debug, Clone, Copy)]
struct Network {
    bits: u128,
    mask: u128,
}

impl From<(IpAddr, u8)> for Network {
    fn from((addr, prefix): (IpAddr, u8)) -> Self {
        let full = if addr.is_ipv4() { 32_u32 } else { 128 };
        let below = full.saturating_sub(prefix.into());
        let mask = u128::MAX.checked_shl(below).unwrap_or(0);
        Self { bits: bits(addr) & mask, mask }
    }
}

impl Network {
    fn contains(&self, addr: IpAddr) -> bool {
        bits(addr) & self.mask == self.bits
    }
}

fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().to_bits(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// At least one shard. The first stands apart from the rest, so that there is always one to give.
struct Shards {
    first: Shard,
    rest: Box<[Shard]>,
    hasher: RandomState,
}

/// On a cache line of its own: neighbours are locked by other threads.
#[derive(Default)]
#[repr(align(64))]
struct Shard(Mutex<Counts>);

impl Shards {
    fn new(count: usize) -> Self {
        let rest = (1..count).map(|_| Shard::default()).collect();
        Self { first: Shard::default(), rest, hasher: RandomState::new() }
    }

    fn len(&self) -> usize {
        self.rest.len() + 1
    }

    /// Where a source is counted. The hash is keyed at random: nobody can aim at one shard.
    fn of(&self, source: Source) -> &Shard {
        let at = self.hasher.hash_one(source) as usize % self.len();
        self.rest.get(at).unwrap_or(&self.first)
    }
}

/// One minute's counts.
#[derive(Default)]
struct Counts {
    minute: Minute,
    by_source: HashMap<Source, u32>,
    /// All that came when the map was full and are not in it, together.
    others: u32,
}

impl Counts {
    fn count(&mut self, source: Source, now: Minute, sources_max: usize) -> Tally {
        // Only forward: a clock that went back does not open a past minute again.
        if now > self.minute {
            self.turn(now);
        }
        let apart = self.by_source.len() < sources_max || self.by_source.contains_key(&source);
        let count =
            if apart { self.by_source.entry(source).or_default() } else { &mut self.others };
        *count = count.saturating_add(1);
        Tally { minute: self.minute, count: *count }
    }

    /// Forgets the minute before. Room that it did not use goes back to the system, so that a flood's
    /// memory is not kept for ever.
    fn turn(&mut self, now: Minute) {
        let used = self.by_source.len();
        self.by_source.clear();
        if self.by_source.capacity() / 8 > used {
            self.by_source.shrink_to(used * 2);
        }
        self.minute = now;
        self.others = 0;
    }
}

#[cfg(test)]
mod tests;
