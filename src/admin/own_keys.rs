//! `signing-keys`: the gateway's own.

use super::answer::{self, Answer};
use super::call::Call;
use super::page::Page;
use super::refusal::Refusal;
use crate::directory::{Audit, change_own_keys};
use crate::snapshot::Snapshot;
use behest_auth::rotation::{self, Step};
use behest_auth::{KeyLife, KeyState};
use behest_contract::directory::Failure;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// How often it is tried again because another node was faster.
const ATTEMPTS: usize = 5;

/// `GET signing-keys`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let keys = good(&snapshot).map(|life| (life.kid.to_string(), life)).collect();
    Ok(Page::of(&call.query)?.answer(keys, |life| shape(life)))
}

/// `POST signing-keys/rotate`
pub(super) async fn rotate(call: Call) -> Result<Answer, Refusal> {
    call.wishes()?.end()?;
    let audit = call.audit("own_key.rotate", "signing-keys");
    planned(&call, &audit, rotation::by_command).await?;
    let snapshot = call.snapshot();
    let active = good(&snapshot).filter(|life| life.state == KeyState::Active);
    let active = active.max_by_key(|life| life.activated_at);
    let active = active.ok_or_else(|| Refusal::unavailable("no key signs after a rotation"))?;
    Ok(answer::ok(&shape(active)))
}

/// `DELETE signing-keys/{kid}`
pub(super) async fn revoke(call: Call) -> Result<Answer, Refusal> {
    let kid = call.id(0);
    if !good(&call.snapshot()).any(|life| *life.kid == *kid) {
        return Err(Refusal::missing("signing key", kid));
    }
    let audit = call.audit("own_key.revoke", format!("signing-keys/{kid}"));
    planned(&call, &audit, |lives| rotation::revoke(lives, kid)).await?;
    Ok(answer::gone())
}

async fn planned(
    call: &Call,
    audit: &Audit,
    plan: impl Fn(&[KeyLife]) -> Vec<Step> + Send + Sync,
) -> Result<(), Refusal> {
    let _alone = call.changing.lock().await;
    for _ in 1..ATTEMPTS {
        match change_own_keys(&call.house, audit, &plan).await {
            Err(Failure::Conflict(_)) => call.house.catch_up().await?,
            changed => return Ok(changed?),
        }
    }
    Ok(change_own_keys(&call.house, audit, &plan).await?)
}

/// Those whose tokens are taken.
fn good(snapshot: &Snapshot) -> impl Iterator<Item = &KeyLife> {
    let lives = snapshot.objects.own_keys.iter().map(|key| &key.life);
    lives.filter(|life| life.state != KeyState::Revoked)
}

fn shape(life: &KeyLife) -> Value {
    json!({
        "kid": life.kid,
        "state": life.state.word(),
        "created_at": timestamp(life.created_at),
        "activated_at": life.activated_at.and_then(timestamp),
        "retired_at": life.retired_at.and_then(timestamp),
    })
}

fn timestamp(unix: Duration) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(unix.as_secs()).ok()?).ok()
}
