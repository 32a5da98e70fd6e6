//! What this node holds of budgets, for when Redis is away.
//!
//! Of each counter of tokens or money that it has used for a while, and of which plenty is left, a node
//! holds a little: a lease of its own, which is no part of the counter. It is given back when nobody has
//! used the counter for a minute, when the counter gets short, and when another node needs it: that one's
//! admission has asked for it, and asks again a moment later, so nothing is refused for being held.

use super::live::{Counter, Lease};
use super::names::prefix_of;
use behest_contract::purse::{Demand, Measure, Settlement};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A counter that was not used for so long is of no interest any more.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Plenty is left of a counter when all nodes could hold so many times as much of it.
const PLENTY: u64 = 8;

/// Below so many times as much it gets short.
const SHORT: u64 = 4;

/// So many counters are kept in mind at most.
const COUNTERS_MAX: usize = 20_000;

/// A counter of a tenant.
pub(super) type Key = (Arc<str>, Counter);

struct Entry {
    limit: u64,
    used: u64,
    /// The least that was asked of it: to hold less would help nobody.
    least: u64,
    first_use: Instant,
    last_use: Instant,
    held: Option<Held>,
}

/// What is held of a counter.
struct Held {
    /// The lease.
    id: Arc<str>,
    /// What the counter is called in Redis.
    name: String,
    amount: u64,
    /// Taken by leases that are open.
    reserved: u64,
    /// Used by those that are closed.
    spent: u64,
    /// Redis has said so.
    heard_at: Instant,
}

/// Something to hold.
pub(super) struct Wish {
    pub(super) key: Key,
    pub(super) limit: u64,
    pub(super) amount: u64,
    pub(super) left_min: u64,
}

/// Something to give back: its tenant and its id.
pub(super) type Return = (Arc<str>, Arc<str>);

/// All of it.
#[derive(Default)]
pub(super) struct Holds(Mutex<HashMap<Key, Entry>>);

fn is_kept(measure: Measure) -> bool {
    matches!(measure, Measure::Tokens | Measure::MicroUsd)
}

impl Holds {
    /// A counter was used, and has come to this.
    pub(super) fn note(&self, key: &Key, demand: &Demand, used: u64, now: Instant) {
        let Demand { limit, amount, .. } = *demand;
        if !is_kept(key.1.measure) || amount == 0 {
            return;
        }
        let mut entries = self.0.lock();
        if let Some(entry) = entries.get_mut(key) {
            (entry.limit, entry.used, entry.last_use) = (limit, used, now);
            entry.least = entry.least.min(amount);
        } else if entries.len() < COUNTERS_MAX {
            let (first_use, last_use) = (now, now);
            let entry = Entry { limit, used, least: amount, first_use, last_use, held: None };
            entries.insert(key.clone(), entry);
        }
    }

    /// What is to be held and what to be given back now.
    pub(super) fn review(
        &self,
        (part, after): (u64, Duration),
        nodes: u64,
        now: Instant,
        is_over: impl Fn(&Counter) -> bool,
    ) -> (Vec<Wish>, Vec<Return>) {
        let (mut wishes, mut returns) = (Vec::new(), Vec::new());
        self.0.lock().retain(|key, entry| {
            let amount = entry.limit.checked_div(part).unwrap_or(0);
            let left = entry.limit.saturating_sub(entry.used);
            let all = amount.saturating_mul(nodes);
            let is_idle = now.saturating_duration_since(entry.last_use) > IDLE_MAX;
            if is_idle || is_over(&key.1) || amount < entry.least {
                returns.extend(entry.held.take().map(|held| (key.0.clone(), held.id)));
                return false;
            }
            if entry.held.is_some() && left < all.saturating_mul(SHORT) {
                returns.extend(entry.held.take().map(|held| (key.0.clone(), held.id)));
            }
            let left_min = all.saturating_mul(PLENTY);
            let is_old = now.saturating_duration_since(entry.first_use) >= after;
            if entry.held.is_none() && is_old && left >= left_min {
                let (key, limit) = (key.clone(), entry.limit);
                wishes.push(Wish { key, limit, amount, left_min });
            }
            true
        });
        (wishes, returns)
    }

    /// Redis lets this node hold it. `false` if it is not wanted any more.
    pub(super) fn took(&self, key: &Key, id: Arc<str>, amount: u64, now: Instant) -> bool {
        let name = format!("{}{}", prefix_of(&key.0), key.1.key());
        let held = Held { id, name, amount, reserved: 0, spent: 0, heard_at: now };
        let mut entries = self.0.lock();
        let entry = entries.get_mut(key).filter(|entry| entry.held.is_none());
        entry.map(|entry| entry.held = Some(held)).is_some()
    }

    /// What is held of each tenant's counters.
    pub(super) fn by_tenant(&self) -> HashMap<Arc<str>, Vec<Arc<str>>> {
        let mut tenants: HashMap<Arc<str>, Vec<_>> = HashMap::new();
        for ((tenant, _), entry) in &*self.0.lock() {
            if let Some(held) = &entry.held {
                tenants.entry(tenant.clone()).or_default().push(held.id.clone());
            }
        }
        tenants
    }

    /// Redis has renewed all of a tenant's that are not among the missing.
    pub(super) fn renewed(&self, tenant: &str, missing: &[String], now: Instant) {
        for ((of, _), entry) in &mut *self.0.lock() {
            let Some(held) = entry.held.as_mut().filter(|_| **of == *tenant) else { continue };
            if missing.iter().any(|id| **id == *held.id) {
                entry.held = None;
            } else {
                held.heard_at = now;
            }
        }
    }

    /// Somebody needs what is held of a counter of this name.
    pub(super) fn recall(&self, name: &[u8]) -> Option<Return> {
        let mut entries = self.0.lock();
        let is_it = |held: &Held| held.name.as_bytes() == name;
        let (key, entry) =
            entries.iter_mut().find(|(_, entry)| entry.held.as_ref().is_some_and(is_it))?;
        // The next is held when there is plenty again for a while.
        entry.first_use = entry.last_use;
        entry.held.take().map(|held| (key.0.clone(), held.id))
    }

    /// Takes from what is held all that a request asks for of tokens and money, or nothing. What each
    /// counter has come to.
    pub(super) fn reserve(
        &self,
        tenant: &Arc<str>,
        asked: &[(Counter, u64)],
        (now, expiry): (Instant, Duration),
    ) -> Option<Vec<u64>> {
        let mut entries = self.0.lock();
        let asked: Vec<_> = asked
            .iter()
            .filter(|(counter, _)| is_kept(counter.measure))
            .map(|(counter, amount)| ((tenant.clone(), counter.clone()), *amount))
            .collect();
        let mut used = Vec::with_capacity(asked.len());
        for (key, amount) in &asked {
            let entry = entries.get(key)?;
            let held = entry.held.as_ref()?;
            let taken = held.reserved.saturating_add(held.spent);
            let is_known = now.saturating_duration_since(held.heard_at) < expiry;
            if !is_known || taken.saturating_add((*amount).max(1)) > held.amount {
                return None;
            }
            used.push(entry.used.saturating_add(taken).saturating_add(*amount));
        }
        for (key, amount) in asked {
            if let Some(held) = entries.get_mut(&key).and_then(|entry| entry.held.as_mut()) {
                held.reserved = held.reserved.saturating_add(amount);
            }
        }
        Some(used)
    }

    /// A lease was closed that had taken from what is held.
    pub(super) fn closed(&self, lease: &Lease, settlement: &Settlement) {
        let mut entries = self.0.lock();
        for (counter, amount) in lease.taken.iter().filter(|_| lease.is_alone) {
            let spent = match counter.measure {
                _ if settlement.void => 0,
                Measure::Tokens => settlement.tokens,
                Measure::MicroUsd => settlement.micro_usd,
                _ => continue,
            };
            let key = (settlement.tenant.clone(), counter.clone());
            if let Some(held) = entries.get_mut(&key).and_then(|entry| entry.held.as_mut()) {
                held.reserved = held.reserved.saturating_sub(*amount);
                held.spent = held.spent.saturating_add(spent);
            }
        }
    }

    /// Redis is told of all that was taken: what was taken from is given back whole.
    pub(super) fn is_told(&self) -> Vec<Return> {
        let mut returns = Vec::new();
        for (key, entry) in &mut *self.0.lock() {
            if entry.held.as_ref().is_some_and(|held| held.reserved > 0 || held.spent > 0) {
                returns.extend(entry.held.take().map(|held| (key.0.clone(), held.id)));
            }
        }
        returns
    }

    /// How many counters something is held of.
    pub(super) fn len(&self) -> usize {
        self.0.lock().values().filter(|entry| entry.held.is_some()).count()
    }
}
