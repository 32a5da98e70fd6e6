//! Admission and settlement over Redis: what is sent, and what its answers mean.

use super::config::RedisConfig;
use super::courier::{Courier, Message};
use super::holds::{Holds, Return};
use super::link::{Fault, Invocation, Line};
use super::live::{Counter, Lease, Live, Name, begin_of};
use super::names::{NUMBER_MAX, TENANTS, measure_letter, prefix_of, window_letter};
use super::scripts;
use super::share::{Share, peeked};
use super::usage::{failed, roll_up};
use behest_contract::book::{Book, Row};
use behest_contract::clock::Clock;
use behest_contract::directory::Failure;
use behest_contract::purse::{Ask, Demand, Granted, Opening, Refused, Settlement};
use parking_lot::Mutex;
use redis::{FromRedisValue, Value, cmd};
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// How many counters are raised in one call.
const RAISED_AT_ONCE: usize = 200;

/// What all of the engine's work shares.
pub(super) struct Desk {
    pub(super) line: Line,
    pub(super) config: RedisConfig,
    pub(super) clock: Arc<dyn Clock>,
    /// Windows and leases go by `clock` and not by the time of Redis.
    is_own_time: bool,
    /// This run of this engine.
    pub(super) node: Box<str>,
    next: AtomicU64,
    /// How far the time of Redis is ahead of `clock`, in milliseconds.
    ahead_ms: AtomicI64,
    pub(super) live: Live,
    pub(super) share: Share,
    pub(super) holds: Holds,
    pub(super) courier: Courier,
    /// This node's ledger.
    pub(super) ledger: Arc<dyn Book>,
    /// Tenants that Redis was told of.
    tenants: Mutex<HashSet<Arc<str>>>,
    /// Redis was there for long enough that whoever has not renewed a lease is dead.
    pub(super) may_sweep: AtomicBool,
}

impl Desk {
    pub(super) fn new(
        line: Line,
        config: &RedisConfig,
        ledger: Arc<dyn Book>,
        (clock, is_own_time): (Arc<dyn Clock>, bool),
    ) -> Self {
        let random = || RandomState::new().build_hasher().finish();
        Self {
            courier: Courier::new(line.clone(), config.backlog_max),
            line,
            config: config.clone(),
            clock,
            is_own_time,
            node: format!("{:016x}{:016x}", random(), random()).into(),
            next: AtomicU64::new(0),
            ahead_ms: AtomicI64::new(0),
            live: Live::default(),
            share: Share::new(),
            holds: Holds::default(),
            ledger,
            tenants: Mutex::default(),
            may_sweep: AtomicBool::new(false),
        }
    }

    /// The time of Redis, as far as is known.
    pub(super) fn time(&self) -> Duration {
        let ahead = self.ahead_ms.load(Ordering::Relaxed);
        let by = Duration::from_millis(ahead.unsigned_abs());
        let unix = self.clock.unix();
        if ahead < 0 { unix.saturating_sub(by) } else { unix.saturating_add(by) }
    }

    /// Redis has said what time it is.
    pub(super) fn heard_time(&self, at_ms: u64) {
        let here = i64::try_from(self.clock.unix().as_millis()).unwrap_or(i64::MAX);
        let there = i64::try_from(at_ms).unwrap_or(i64::MAX);
        self.ahead_ms.store(there.saturating_sub(here), Ordering::Relaxed);
    }

    /// A script with what each begins with.
    pub(super) fn script(&self, script: &'static super::link::Script, tenant: &str) -> Invocation {
        let prefix = prefix_of(tenant);
        let script = Invocation::new(script).repeatable();
        script.key(format!("{prefix}leases")).arg(prefix).arg(self.given_time())
    }

    /// The time that scripts go by, where it is not their server's.
    pub(super) fn given_time(&self) -> String {
        if self.is_own_time { self.clock.unix().as_millis().to_string() } else { String::new() }
    }

    pub(super) fn next_nonce(&self) -> Box<str> {
        format!("{}.{}", self.node, self.next.fetch_add(1, Ordering::Relaxed)).into()
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.config.lease_expiry.as_millis()).unwrap_or(NUMBER_MAX)
    }

    /// The question to Redis.
    pub(super) fn admission(&self, ask: &Ask, nonce: &str) -> Invocation {
        let may_sweep = self.may_sweep.load(Ordering::Relaxed);
        let mut asks = self
            .script(&scripts::ADMIT, &ask.tenant)
            .key(format!("{}x:{nonce}", prefix_of(&ask.tenant)))
            .arg(&*ask.id)
            .arg(nonce)
            .arg(&*self.node)
            .arg(self.lease_ms())
            .arg(u8::from(may_sweep));
        asks = told(asks, &ask.sketch);
        for demand in &ask.demands {
            let subject = ask.subjects.get(usize::from(demand.subject));
            asks = asks
                .arg(subject.map_or("", |subject| subject))
                .arg(measure_letter(demand.measure))
                .arg(window_letter(demand.window))
                .arg(demand.limit.min(NUMBER_MAX - 1))
                .arg(demand.amount.min(NUMBER_MAX));
        }
        asks
    }

    /// What Redis has answered, or, if it has not, what can be said without it.
    pub(super) fn decide(
        &self,
        ask: &Ask,
        nonce: &str,
        answer: Result<Value, Fault>,
    ) -> Result<Granted, Refused> {
        match answer {
            Ok(value) => self.understood(ask, nonce, value),
            Err(fault) => {
                if fault.may_have_run() {
                    self.courier.queue(self.cancellation(ask, nonce));
                }
                self.without_redis(ask, &fault)
            }
        }
    }

    fn understood(&self, ask: &Ask, nonce: &str, value: Value) -> Result<Granted, Refused> {
        let Some((word, numbers)) = read(value) else {
            return Err(unavailable("the answer of Redis is not understood"));
        };
        let at_ms = numbers.first().copied().unwrap_or(0);
        let (at, now) = (Duration::from_millis(at_ms), self.clock.now());
        self.heard_time(at_ms);
        let counters = Counter::of(ask, at);
        match (&*word, &*numbers) {
            ("granted", [_, used @ ..]) => {
                for (((counter, _), demand), used) in counters.iter().zip(&ask.demands).zip(used) {
                    self.share.saw(&ask.tenant, counter, *used, now);
                    let key = (ask.tenant.clone(), counter.clone());
                    self.holds.note(&key, demand, *used, now);
                }
                let name = (ask.tenant.clone(), ask.id.clone());
                self.live.insert(name, Lease::new(nonce.into(), ask, at, false));
                Ok(Granted { used: used.iter().copied().collect(), at })
            }
            ("full" | HELD, [_, demand, used]) => {
                let demand = usize::try_from(*demand).unwrap_or(usize::MAX);
                if let Some((counter, _)) = counters.get(demand) {
                    self.share.saw(&ask.tenant, counter, *used, now);
                }
                Err(Refused::Full { demand, used: *used, at })
            }
            ("open", _) => Err(unavailable("the lease is open already")),
            _ => Err(unavailable("the admission was cancelled")),
        }
    }

    /// By this node's share, if that will do.
    pub(super) fn without_redis(&self, ask: &Ask, why: &Fault) -> Result<Granted, Refused> {
        let name = (ask.tenant.clone(), ask.id.clone());
        if self.live.contains(&name) {
            return Err(unavailable("the lease is open already"));
        }
        let nonce = self.next_nonce();
        let times = (self.time(), self.clock.now(), self.config.hold_expiry);
        match self.share.admit(ask, &nonce, (&self.live, &self.holds), times) {
            None => Err(Refused::Unavailable(why.to_string().into())),
            Some(answer) => {
                if answer.is_ok() {
                    self.assert(&name);
                }
                answer
            }
        }
    }

    /// Has Redis take what a lease of this node has taken.
    pub(super) fn assert(&self, name: &Name) {
        let Some(lease) = self.live.find(name) else { return };
        let (tenant, id) = name;
        let asserts = self
            .script(&scripts::ASSERT, tenant)
            .arg(&**id)
            .arg(&*lease.nonce)
            .arg(&*self.node)
            .arg(self.lease_ms());
        let mut asserts = told(asserts, &lease.sketch);
        for (counter, amount) in &lease.taken {
            asserts = asserts
                .arg(&*counter.subject)
                .arg(measure_letter(counter.measure))
                .arg(window_letter(counter.window))
                .arg(counter.begin)
                .arg((*amount).min(NUMBER_MAX));
        }
        self.courier.queue(Message::new(name.clone(), asserts));
    }

    /// Sets counters that have come to less than is known.
    pub(super) async fn raise(
        &self,
        tenant: &Arc<str>,
        at: Duration,
        openings: &[Opening],
    ) -> Result<(), Failure> {
        self.know(tenant);
        for some in openings.chunks(RAISED_AT_ONCE) {
            let mut raises = self.script(&scripts::RAISE, tenant).arg(at.as_secs());
            for Opening { subject, measure, window, amount } in some {
                raises = raises
                    .arg(&**subject)
                    .arg(measure_letter(*measure))
                    .arg(window_letter(*window))
                    .arg((*amount).min(NUMBER_MAX));
            }
            self.line.eval(raises).await.map_err(failed)?;
        }
        Ok(())
    }

    fn cancellation(&self, ask: &Ask, nonce: &str) -> Message {
        let cancels = self
            .script(&scripts::CANCEL, &ask.tenant)
            .key(format!("{}x:{nonce}", prefix_of(&ask.tenant)))
            .arg(&*ask.id)
            .arg(nonce);
        Message::new((ask.tenant.clone(), ask.id.clone()), cancels)
    }

    /// What is known to be full, from memory alone.
    pub(super) fn peek(
        &self,
        tenant: &str,
        subjects: &[Arc<str>],
        demands: &[Demand],
    ) -> Result<(), Refused> {
        let at = self.time();
        let Some(counters) = peeked(subjects, demands, |window| begin_of(window, at)) else {
            return Ok(());
        };
        self.share.peek(&tenant.into(), &counters, self.clock.now(), at)
    }

    /// Closes a lease of this node, and adds a row to what has been used.
    pub(super) fn close(&self, settlement: Option<&Settlement>, row: Option<&Row>) {
        let lease = settlement.and_then(|settlement| {
            let lease = self.live.remove(settlement)?;
            self.holds.closed(&lease, settlement);
            Some((settlement, lease.nonce))
        });
        match (lease, row) {
            (Some((settlement, nonce)), row) => self.send_close(settlement, &nonce, row),
            (None, Some(row)) => {
                let (id, tenant) = (row.id.clone(), row.tenant.clone());
                let nothing = Settlement { id, tenant, tokens: 0, micro_usd: 0, void: false };
                self.send_close(&nothing, "", Some(row));
            }
            (None, None) => {}
        }
    }

    /// Gives back what was held.
    pub(super) fn give_back(&self, (tenant, id): Return) {
        let nothing = Settlement { id, tenant, tokens: 0, micro_usd: 0, void: true };
        self.send_close(&nothing, "*", None);
    }

    /// Tells of a row that Redis may know of already. If not, its lease may be open, or booked as lost.
    pub(super) fn tell_again(&self, row: &Row) {
        let settlement = Settlement {
            id: row.id.clone(),
            tenant: row.tenant.clone(),
            tokens: row.prompt_tokens.saturating_add(row.completion_tokens),
            micro_usd: row.micro_usd.unwrap_or(0),
            void: false,
        };
        let nonce = if &*row.ending == "lost" { "" } else { "*" };
        self.send_close(&settlement, nonce, Some(row));
    }

    fn send_close(&self, settlement: &Settlement, nonce: &str, row: Option<&Row>) {
        let Settlement { id, tenant, tokens, micro_usd, void } = settlement;
        self.know(tenant);
        let closes = self
            .script(&scripts::CLOSE, tenant)
            .arg(&**id)
            .arg(nonce)
            .arg((*tokens).min(NUMBER_MAX))
            .arg((*micro_usd).min(NUMBER_MAX))
            .arg(u8::from(*void));
        self.courier.send(Message::new((tenant.clone(), id.clone()), roll_up(closes, row)));
    }

    /// A lease that nobody can close any more, and its row.
    pub(super) fn lose(&self, (tenant, id): Name, lease: &Lease) {
        let row = lease.known.lost_row(&lease.sketch);
        let settlement = Settlement {
            id,
            tenant,
            tokens: row.prompt_tokens.saturating_add(row.completion_tokens),
            micro_usd: row.micro_usd.unwrap_or(0),
            void: false,
        };
        self.ledger.close(None, Some(row.clone()));
        self.close(Some(&settlement), Some(&row));
    }

    /// Tells Redis of a tenant that it may not know of: whoever sweeps has to know them all.
    pub(super) fn know(&self, tenant: &Arc<str>) {
        if self.tenants.lock().contains(tenant) {
            return;
        }
        self.tenants.lock().insert(tenant.clone());
        let mut adds = cmd("SADD");
        adds.arg(TENANTS).arg(&**tenant);
        drop(self.line.call(adds));
    }

    /// Redis may have forgotten what it was told.
    pub(super) fn forget_tenants(&self) {
        self.tenants.lock().clear();
    }

    /// The tenants that this engine has seen.
    pub(super) fn tenants(&self) -> Vec<Arc<str>> {
        self.tenants.lock().iter().cloned().collect()
    }
}

/// The word for what is only held.
const HELD: &str = "held";

/// Whether there was only no room because nodes hold what is left.
pub(super) fn is_held(answer: &Result<Value, Fault>) -> bool {
    let Ok(Value::Array(parts)) = answer else { return false };
    matches!(parts.first(), Some(Value::BulkString(word)) if word == HELD.as_bytes())
}

/// What is to be booked of a lease if it is lost.
pub(super) fn told(invocation: Invocation, sketch: &Row) -> Invocation {
    // A row has nothing that JSON could not hold.
    let text = serde_json::to_string(sketch).unwrap_or_default();
    invocation
        .arg(sketch.prompt_tokens.saturating_add(sketch.completion_tokens).min(NUMBER_MAX))
        .arg(sketch.micro_usd.unwrap_or(0).min(NUMBER_MAX))
        .arg(text)
}

/// A word, and numbers.
fn read(value: Value) -> Option<(String, Vec<u64>)> {
    let parts: Vec<Value> = Vec::from_redis_value(value).ok()?;
    let mut parts = parts.into_iter();
    let word = String::from_redis_value(parts.next()?).ok()?;
    let numbers: Result<Vec<u64>, _> = parts.map(u64::from_redis_value).collect();
    Some((word, numbers.ok()?))
}

pub(super) fn unavailable(why: &str) -> Refused {
    Refused::Unavailable(why.into())
}
