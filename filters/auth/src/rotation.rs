//! When own keys take turns.
//!
//! A key is made as *next* and published; it becomes *active* once everyone who caches the key set has
//! had the time to see it, and the one before becomes *passive*, which it stays until the last token
//! that it signed has run out. Nothing here reads a clock or a store: [`plan`] says what is to be done,
//! [`carry_out`] does it to the keys, and the host stores the difference.

use crate::error::Error;
use crate::own_key::{KeyLife, KeyState, OwnKey};
use crate::token::{LEEWAY, LIFE_MAX};
use std::sync::Arc;
use std::time::Duration;

/// How often keys take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPolicy {
    /// How long a key signs.
    pub every: Duration,
    /// How long a key must have been published before its turn comes by the schedule: twice as long as
    /// the key set may be cached.
    pub published_for: Duration,
    /// How long after its last signature a key is needed.
    pub longest_life: Duration,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            every: Duration::from_hours(30 * 24),
            published_for: Duration::from_mins(10),
            longest_life: Duration::from_secs(LIFE_MAX + LEEWAY),
        }
    }
}

/// Something that is to be done to the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make a key in this state.
    Generate(KeyState),
    /// Make this key the active one, and the one that was passive.
    Promote(Arc<str>),
    /// Refuse this key from now on.
    Revoke(Arc<str>),
    /// Forget this key.
    Drop(Arc<str>),
}

/// What is due now. Ask at start, and each minute.
pub fn plan(keys: &[KeyLife], now: Duration, policy: &RotationPolicy) -> Vec<Step> {
    let mut steps = turn(keys, now, policy);
    let is_over = |key: &&KeyLife| match key.state {
        KeyState::Next | KeyState::Active => false,
        KeyState::Passive | KeyState::Revoked => {
            let since = key.retired_at.unwrap_or(key.created_at);
            now > since.saturating_add(policy.longest_life)
        }
    };
    steps.extend(keys.iter().filter(is_over).map(|key| Step::Drop(key.kid.clone())));
    steps
}

/// The steps of a rotation at once: for when the active key may be known to others.
pub fn by_command(keys: &[KeyLife]) -> Vec<Step> {
    match oldest(keys, KeyState::Next) {
        Some(next) => {
            let mut steps = vec![Step::Promote(next.kid.clone())];
            if count(keys, KeyState::Next) == 1 {
                steps.push(Step::Generate(KeyState::Next));
            }
            steps
        }
        None => vec![Step::Generate(KeyState::Active), Step::Generate(KeyState::Next)],
    }
}

/// The steps after which a key is refused. If it is the active one another one signs first, and if it
/// is the only next one there is another one afterwards.
pub fn revoke(keys: &[KeyLife], kid: &str) -> Vec<Step> {
    let Some(key) = keys.iter().find(|key| *key.kid == *kid) else { return Vec::new() };
    let mut steps = match key.state {
        KeyState::Active => by_command(keys),
        KeyState::Next if count(keys, KeyState::Next) == 1 => {
            vec![Step::Generate(KeyState::Next)]
        }
        KeyState::Next | KeyState::Passive => Vec::new(),
        KeyState::Revoked => return Vec::new(),
    };
    steps.push(Step::Revoke(key.kid.clone()));
    steps
}

/// The keys after these steps.
pub fn carry_out(keys: &[OwnKey], steps: &[Step], now: Duration) -> Result<Vec<OwnKey>, Error> {
    let mut keys = keys.to_vec();
    for step in steps {
        match step {
            Step::Generate(state) => {
                let made = OwnKey::generate(*state, now)?;
                if *state == KeyState::Active {
                    retire_active(&mut keys, now);
                }
                keys.push(made);
            }
            Step::Promote(kid) => {
                retire_active(&mut keys, now);
                change(&mut keys, kid, |life| {
                    life.state = KeyState::Active;
                    life.activated_at = Some(now);
                });
            }
            Step::Revoke(kid) => change(&mut keys, kid, |life| {
                life.state = KeyState::Revoked;
                life.retired_at.get_or_insert(now);
            }),
            Step::Drop(kid) => keys.retain(|key| key.life().kid != *kid),
        }
    }
    Ok(keys)
}

/// Whose turn it is to sign, and whether there is a key for the turn after.
fn turn(keys: &[KeyLife], now: Duration, policy: &RotationPolicy) -> Vec<Step> {
    let Some(active) = newest_active(keys) else { return by_command(keys) };
    let Some(next) = oldest(keys, KeyState::Next) else {
        return vec![Step::Generate(KeyState::Next)];
    };
    let since = active.activated_at.unwrap_or(active.created_at);
    let is_due = now >= since.saturating_add(policy.every);
    let is_known = now >= next.created_at.saturating_add(policy.published_for);
    if is_due && is_known { by_command(keys) } else { Vec::new() }
}

/// The active key that signs. Two nodes that rotate at the same moment are kept apart by the store; if
/// they were not, the later one counts everywhere.
pub(crate) fn newest_active(keys: &[KeyLife]) -> Option<&KeyLife> {
    let active = keys.iter().filter(|key| key.state == KeyState::Active);
    active.max_by_key(|key| (key.activated_at, key.kid.clone()))
}

fn oldest(keys: &[KeyLife], state: KeyState) -> Option<&KeyLife> {
    let found = keys.iter().filter(|key| key.state == state);
    found.min_by_key(|key| (key.created_at, key.kid.clone()))
}

fn count(keys: &[KeyLife], state: KeyState) -> usize {
    keys.iter().filter(|key| key.state == state).count()
}

fn retire_active(keys: &mut [OwnKey], now: Duration) {
    for key in keys.iter_mut().filter(|key| key.life().state == KeyState::Active) {
        let life =
            KeyLife { state: KeyState::Passive, retired_at: Some(now), ..key.life().clone() };
        *key = key.with_life(life);
    }
}

fn change(keys: &mut [OwnKey], kid: &str, change: impl FnOnce(&mut KeyLife)) {
    if let Some(key) = keys.iter_mut().find(|key| *key.life().kid == *kid) {
        let mut life = key.life().clone();
        change(&mut life);
        *key = key.with_life(life);
    }
}

#[cfg(test)]
mod tests;
