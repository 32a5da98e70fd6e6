//! What is to be done every now and then, whether anybody asks or not.

use super::desk::{Desk, told};
use super::holds::Wish;
use super::live::{Counter, Name, begin_of};
use super::names::{NODES, NUMBER_MAX, TENANTS, measure_letter, window_letter};
use super::scripts;
use behest_contract::book::{Row, RowQuery};
use behest_contract::purse::lost_row;
use redis::{FromRedisValue, cmd};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch::Receiver;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How many lost leases of a tenant are booked at once.
const SWEPT_MAX: usize = 100;

/// How long a node that was handed lost rows has to say that it has written them.
const BOOKED_WITHIN: Duration = Duration::from_secs(30);

/// How many leases are renewed in one call.
const RENEWED_MAX: usize = 500;

/// Every so many sweeps all tenants are looked after, and not only those that this node has seen.
const ALL_EVERY: u32 = 6;

/// When Redis was away, nodes have so many sweeps' time to say that they live before their leases are lost.
const GRACE: u32 = 2;

/// How often is looked at what is held.
const HELD_EVERY: Duration = Duration::from_millis(500);

/// So far back rows are told again: less than Redis knows them one by one, so that none counts twice.
const TOLD_AGAIN: Duration = Duration::from_secs(25 * 60);

/// So many rows at a time are told again, and at most so many times.
const TOLD_PAGE: usize = 1000;
const TOLD_PAGES_MAX: usize = 100;

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Why a round is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It is time.
    Due,
    /// Redis was lost, or is back.
    Changed,
}

/// Waits until a round is due, or Redis comes or goes; `None` at the end.
async fn turn(ticks: &mut Interval, changes: &mut Receiver<bool>) -> Option<Turn> {
    tokio::select! {
        _ = ticks.tick() => Some(Turn::Due),
        changed = changes.changed() => changed.ok().map(|()| Turn::Changed),
    }
}

/// Renews this node's leases, and books those that nobody can close any more. A Redis that was away is
/// told at once who still lives.
pub(super) async fn renew(desk: Arc<Desk>) {
    let mut ticks = every(desk.config.lease_expiry / 4);
    let mut changes = desk.line.changes();
    while turn(&mut ticks, &mut changes).await.is_some() {
        if desk.line.is_up() {
            renew_all(&desk).await;
        }
        for (name, lease) in desk.live.abandoned(desk.clock.now(), desk.config.lease_expiry) {
            desk.lose(name, &lease);
        }
    }
}

async fn renew_all(desk: &Desk) {
    for (tenant, leases) in desk.live.by_tenant() {
        desk.know(&tenant);
        for some in leases.chunks(RENEWED_MAX) {
            let mut renews = desk.script(&scripts::RENEW, &tenant).arg(desk.lease_ms());
            for id in some {
                // One that was closed meanwhile is not there, and not told of.
                let lease = desk.live.find(&(tenant.clone(), id.clone()));
                let progress = lease.and_then(|lease| lease.progress());
                renews = renews.arg(&**id);
                renews = match progress {
                    Some(row) => told(renews, &row),
                    None => renews.arg("").arg("").arg(""),
                };
            }
            let Ok(answer) = desk.line.eval(renews).await else { return };
            let missing: Vec<String> = Vec::from_redis_value(answer).unwrap_or_default();
            for id in missing {
                // Unless it was closed meanwhile, or is on its way already.
                let name: Name = (tenant.clone(), id.into());
                if desk.courier.backlog() == 0 {
                    desk.assert(&name);
                }
            }
        }
    }
}

/// Books leases of nodes that have died.
pub(super) async fn sweep(desk: Arc<Desk>) {
    let mut ticks = every(desk.config.sweep_interval);
    let mut changes = desk.line.changes();
    let (mut up_since, mut round): (Option<Instant>, u32) = (None, 0);
    loop {
        ticks.tick().await;
        let now = desk.clock.now();
        if !*changes.borrow_and_update() {
            up_since = None;
            desk.may_sweep.store(false, Ordering::Relaxed);
            continue;
        }
        // The first time it is found up, there may have been an outage of all.
        let since = *up_since.get_or_insert(now);
        let grace = desk.config.sweep_interval * GRACE;
        if now.saturating_duration_since(since) < grace {
            continue;
        }
        desk.may_sweep.store(true, Ordering::Relaxed);
        let tenants = tenants(&desk, round.is_multiple_of(ALL_EVERY)).await;
        round = round.wrapping_add(1);
        for tenant in tenants {
            sweep_tenant(&desk, &tenant).await;
        }
    }
}

async fn tenants(desk: &Desk, all: bool) -> BTreeSet<Arc<str>> {
    let mut tenants: BTreeSet<_> = desk.tenants().into_iter().collect();
    if all {
        let mut asks = cmd("SMEMBERS");
        asks.arg(TENANTS);
        let found = desk.line.call(asks).await.ok();
        let found: Option<Vec<String>> = found.and_then(|all| Vec::from_redis_value(all).ok());
        tenants.extend(found.unwrap_or_default().into_iter().map(Arc::from));
    }
    tenants
}

async fn sweep_tenant(desk: &Desk, tenant: &str) {
    let patience = millis(BOOKED_WITHIN);
    let sweeps = desk.script(&scripts::SWEEP, tenant);
    let sweeps = sweeps.arg(&*desk.node).arg(SWEPT_MAX).arg(patience);
    let Ok(answer) = desk.line.eval(sweeps).await else { return };
    let found: Vec<String> = Vec::from_redis_value(answer).unwrap_or_default();
    let mut booked = cmd("ZREM");
    booked.arg(format!("{}unbooked", super::names::prefix_of(tenant)));
    let mut count = 0_u32;
    let mut found = found.into_iter();
    while let (Some(id), Some(sketch), Some(known)) = (found.next(), found.next(), found.next()) {
        if let Ok(sketch) = serde_json::from_str::<Row>(&sketch) {
            let row = lost_row(&sketch, None, known.parse().unwrap_or(0));
            desk.ledger.close(None, Some(row.clone()));
            desk.close(None, Some(&row));
        }
        booked.arg(id);
        count += 1;
    }
    if count > 0 {
        // Unheard, it is handed out once more, to somebody whose ledger may have it then too.
        drop(desk.line.call(booked));
    }
}

/// Tells Redis of rows that it may not have heard of before this node's last process ended.
pub(super) async fn tell_again(desk: Arc<Desk>) {
    let now = desk.time();
    let mut query = RowQuery {
        tenant: None,
        project: None,
        user: None,
        time: now.saturating_sub(TOLD_AGAIN)..now,
        after: None,
        limit: TOLD_PAGE,
    };
    for _ in 0..TOLD_PAGES_MAX {
        let Ok(rows) = desk.ledger.rows(query.clone()).await else { return };
        rows.iter().for_each(|row| desk.tell_again(row));
        query.after = rows.last().map(|row| (row.at_ms, row.id.clone()));
        if rows.len() < TOLD_PAGE {
            return;
        }
    }
}

/// Holds a little of what is in use, and gives back what is not, or is short.
pub(super) async fn hold(desk: Arc<Desk>) {
    let mut ticks = every(HELD_EVERY);
    let mut renewed_at = desk.clock.now();
    loop {
        ticks.tick().await;
        if !desk.line.is_up() || desk.share.is_alone() {
            continue;
        }
        let (now, at) = (desk.clock.now(), desk.time());
        let is_over = |counter: &Counter| begin_of(counter.window, at) != counter.begin;
        let terms = (desk.config.hold_part, desk.config.hold_after);
        let (wishes, returns) = desk.holds.review(terms, desk.share.nodes(), now, is_over);
        returns.into_iter().for_each(|held| desk.give_back(held));
        for wish in wishes {
            take_hold(&desk, wish).await;
        }
        if now.saturating_duration_since(renewed_at) >= desk.config.hold_expiry / 20 {
            renewed_at = now;
            renew_holds(&desk).await;
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

async fn take_hold(desk: &Desk, wish: Wish) {
    let Wish { key, limit, amount, left_min } = wish;
    let (tenant, counter) = &key;
    // A hold that is never used is asked for with a new name each time.
    let nonce = desk.next_nonce();
    let id: Arc<str> = format!("held:{nonce}").into();
    let holds = desk
        .script(&scripts::HOLD, tenant)
        .arg(&*id)
        .arg(&*nonce)
        .arg(&*desk.node)
        .arg(millis(desk.config.hold_expiry))
        .arg(&*counter.subject)
        .arg(measure_letter(counter.measure))
        .arg(window_letter(counter.window))
        .arg(counter.begin)
        .arg(limit.min(NUMBER_MAX))
        .arg(amount.min(NUMBER_MAX))
        .arg(left_min.min(NUMBER_MAX));
    let now = desk.clock.now();
    let is_mine = match desk.line.eval(holds).await {
        Ok(answer) => u8::from_redis_value(answer).is_ok_and(|taken| taken == 1),
        Err(fault) => {
            if fault.may_have_run() {
                desk.give_back((tenant.clone(), id));
            }
            return;
        }
    };
    if is_mine && !desk.holds.took(&key, id.clone(), amount, now) {
        desk.give_back((tenant.clone(), id));
    }
}

async fn renew_holds(desk: &Desk) {
    for (tenant, ids) in desk.holds.by_tenant() {
        for some in ids.chunks(RENEWED_MAX) {
            let mut renews = desk.script(&scripts::RENEW, &tenant);
            renews = renews.arg(millis(desk.config.hold_expiry));
            for id in some {
                renews = renews.arg(&**id).arg("").arg("").arg("");
            }
            let now = desk.clock.now();
            let Ok(answer) = desk.line.eval(renews).await else { return };
            let missing: Vec<String> = Vec::from_redis_value(answer).unwrap_or_default();
            desk.holds.renewed(&tenant, &missing, now);
        }
    }
}

/// Says that this node lives, and counts those that do.
pub(super) async fn count_nodes(desk: Arc<Desk>) {
    let mut ticks = every(desk.config.node_expiry / 6);
    let mut changes = desk.line.changes();
    while let Some(turn) = turn(&mut ticks, &mut changes).await {
        if turn == Turn::Changed && *changes.borrow_and_update() {
            desk.forget_tenants();
        }
        let expiry = millis(desk.config.node_expiry);
        let counts = super::link::Invocation::new(&scripts::NODES).key(NODES).arg("");
        let counts = counts.arg("").arg(&*desk.node).arg(expiry);
        let Ok(answer) = desk.line.eval(counts).await else { continue };
        let counted: Option<Vec<u64>> = Vec::from_redis_value(answer).ok();
        if let Some([nodes, at_ms]) = counted.as_deref() {
            desk.share.set_nodes(*nodes);
            if desk.given_time().is_empty() {
                desk.heard_time(*at_ms);
            }
        }
    }
}
