//! The gateway's own signing keys in the store: the private halves sealed, the plan carried out.

use super::draft::{Audit, Draft};
use super::objects::{Object, OwnKeyObject};
use super::{Kept, Objects};
use crate::house::House;
use behest_auth::rotation::{self, RotationPolicy, Step};
use behest_auth::{KeyLife, KeyState, OwnKey};
use behest_contract::clock::Clock;
use behest_contract::directory::{Expect, Failure};
use behest_contract::ports::offloaded;
use behest_contract::seal::{Place, Seal};
use std::sync::Arc;

impl OwnKeyObject {
    /// Where its sealed half belongs.
    pub fn place(kid: &str) -> Place<'_> {
        Place { tenant: "", collection: Self::COLLECTION, record: kid, field: "sealed" }
    }

    /// The key, opened at the first call.
    pub fn key(&self, seal: &dyn Seal) -> Result<&OwnKey, String> {
        if let Some(key) = self.opened.get() {
            return Ok(key);
        }
        let private = seal.open(Self::place(&self.life.kid), &self.sealed);
        let private = private.map_err(|error| error.to_string())?;
        let key =
            OwnKey::restore(self.life.clone(), &private).map_err(|error| error.to_string())?;
        Ok(self.opened.get_or_init(|| key))
    }

    fn sealed(key: &OwnKey, seal: &dyn Seal) -> Result<Self, String> {
        let life = key.life().clone();
        let sealed = seal.seal(Self::place(&life.kid), key.private_half());
        let sealed = sealed.map_err(|error| error.to_string())?;
        Ok(Self { life, sealed, opened: key.clone().into() })
    }
}

impl Objects {
    /// The lives of the gateway's own keys.
    pub fn key_lives(&self) -> Vec<KeyLife> {
        self.own_keys.iter().map(|key| key.life.clone()).collect()
    }
}

/// A key to sign with and the one after it, made side by side: each takes a while.
pub(super) fn first_pair(seal: &dyn Seal, clock: &dyn Clock) -> Result<[OwnKeyObject; 2], String> {
    let now = clock.unix();
    let (active, next) = std::thread::scope(|scope| {
        let next = scope.spawn(|| OwnKey::generate(KeyState::Next, now));
        (OwnKey::generate(KeyState::Active, now), next.join())
    });
    let next = next.map_err(|_| "a signing key could not be made".to_owned())?;
    let sealed = |key: Result<OwnKey, behest_auth::Error>| {
        OwnKeyObject::sealed(&key.map_err(|error| error.to_string())?, seal)
    };
    Ok([sealed(active)?, sealed(next)?])
}

/// Carries steps out on a copy of the keys; the draft holds the difference. Generates keys: not for
/// the event loop.
fn carry_out(
    objects: &Objects,
    steps: &[Step],
    seal: &dyn Seal,
    clock: &dyn Clock,
) -> Result<Draft, String> {
    let keys: Result<Vec<_>, _> =
        objects.own_keys.iter().map(|object| object.key(seal).cloned()).collect();
    let after = rotation::carry_out(&keys?, steps, clock.unix());
    let after = after.map_err(|error| error.to_string())?;
    let mut draft = Draft::default();
    for key in &after {
        let before = objects.own_keys.find(&key.life().kid);
        if before.is_some_and(|before| before.object.life == *key.life()) {
            continue;
        }
        draft = draft.put(&OwnKeyObject::sealed(key, seal)?, expected(before));
    }
    for kept in objects.own_keys.kept() {
        let kid = &kept.object.life.kid;
        if !after.iter().any(|key| key.life().kid == *kid) {
            draft = draft.delete::<OwnKeyObject>(kid, expected(Some(kept)));
        }
    }
    Ok(draft)
}

fn expected<T>(before: Option<&Kept<T>>) -> Expect {
    before.map_or(Expect::Absent, |kept| Expect::At(kept.revision))
}

/// Carries out what `plan` makes of the keys' lives.
pub async fn change_own_keys(
    house: &Arc<House>,
    audit: &Audit,
    plan: impl FnOnce(&[KeyLife]) -> Vec<Step>,
) -> Result<(), Failure> {
    let snapshot = house.snapshot();
    let steps = plan(&snapshot.objects.key_lives());
    if steps.is_empty() {
        return Ok(());
    }
    let (seal, clock) = (house.fixtures.seal.clone(), house.clock.clone());
    let objects = snapshot.objects.clone();
    let draft = offloaded(house.fixtures.offload.as_ref(), move || {
        carry_out(&objects, &steps, seal.as_ref(), clock.as_ref())
    });
    let draft = draft.await.map_err(|_| Failure::Unavailable("too busy".into()))?;
    let draft = draft.map_err(|error| Failure::Unavailable(error.into()))?;
    house.commit(draft, audit).await
}

/// What is due by now: the schedule of the own keys, and old seals.
pub async fn tend(house: &Arc<House>) -> Result<(), Failure> {
    let now = house.clock.unix();
    let audit = Audit::by_gateway("own_keys.rotate", "signing-keys");
    let policy = RotationPolicy::default();
    let due = change_own_keys(house, &audit, |lives| rotation::plan(lives, now, &policy)).await;
    // Another node was faster: the next look shows what is left to do.
    match due {
        Err(Failure::Conflict(_)) => Ok(()),
        due => due,
    }?;
    super::reseal::reseal(house).await?;
    super::reseal::reseal_records(house).await
}
