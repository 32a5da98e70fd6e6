//! Sealing again, under the newest master key, what an older one has sealed.

use super::Objects;
use super::draft::{Audit, Draft};
use super::objects::{OwnKeyObject, ProviderKeyObject, SealCheckObject};
use super::open::check_place;
use crate::house::House;
use behest_contract::directory::{Expect, Failure};
use behest_contract::seal::{Place, Seal};
use std::sync::Arc;

/// Seals everything again that is sealed under an older master key. What another node changes
/// meanwhile is seen at the next call.
pub(super) async fn reseal(house: &Arc<House>) -> Result<(), Failure> {
    let snapshot = house.snapshot();
    let draft = outdated(&snapshot.objects, house.fixtures.seal.as_ref());
    let Some(draft) = draft.map_err(|error| Failure::Unavailable(error.into()))? else {
        return Ok(());
    };
    let audit = Audit::by_gateway("master_key.rotate", "");
    match house.commit(draft, &audit).await {
        Err(Failure::Conflict(_)) => Ok(()),
        committed => committed,
    }
}

/// The same for records that are sealed as a whole.
pub(super) async fn reseal_records(house: &Arc<House>) -> Result<(), Failure> {
    let Some(sealed) = &house.fixtures.sealed else { return Ok(()) };
    let audit = Audit::by_gateway("master_key.rotate", "");
    match sealed.reseal(audit.line(house.clock.unix())).await {
        Err(Failure::Conflict(_)) => Ok(()),
        resealed => resealed,
    }
}

fn outdated(objects: &Objects, seal: &dyn Seal) -> Result<Option<Draft>, String> {
    let mut draft = Draft::default();
    for kept in objects.provider_keys.kept() {
        let key = kept.object.as_ref();
        if seal.is_outdated(&key.sealed) {
            let sealed = again(seal, key.place(), &key.sealed)?;
            let key = ProviderKeyObject { sealed, ..key.clone() };
            draft = draft.put(&key, Expect::At(kept.revision));
        }
    }
    for kept in objects.own_keys.kept() {
        let key = kept.object.as_ref();
        if seal.is_outdated(&key.sealed) {
            let sealed = again(seal, OwnKeyObject::place(&key.life.kid), &key.sealed)?;
            let key = OwnKeyObject { sealed, ..key.clone() };
            draft = draft.put(&key, Expect::At(kept.revision));
        }
    }
    for kept in objects.seal_checks.kept() {
        if seal.is_outdated(&kept.object.sealed) {
            let sealed = again(seal, check_place(), &kept.object.sealed)?;
            draft = draft.put(&SealCheckObject { sealed }, Expect::At(kept.revision));
        }
    }
    Ok(Some(draft).filter(|draft| !draft.is_empty()))
}

fn again(seal: &dyn Seal, place: Place<'_>, sealed: &str) -> Result<String, String> {
    let clear = seal.open(place, sealed).map_err(|error| error.to_string())?;
    seal.seal(place, &clear).map_err(|error| error.to_string())
}
