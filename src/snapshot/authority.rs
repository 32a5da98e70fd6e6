//! The credentials: what the file declares and what was made since, in the terms of the auth family.

use super::limits::tiers;
use super::projects::{Told, told};
use super::{SnapshotError, failed};
use crate::config::{self, Config, EndUser};
use crate::directory::{KeyObject, Objects, SigningKeyObject};
use crate::house::Fixtures;
use behest_auth::{
    ApiKeys, AuthConfig, Authority, AuthoritySpec, DeclaredKey, EndUserRule, KeyRecord, OwnKey,
    ProjectRecord, Role, SigningKey, Switch, TenantKey, TierName, UserEpoch,
};
use behest_contract::ports::Offload;
use behest_contract::secret::Secret;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// All credentials of a configuration and a store.
pub(super) fn build(
    config: &Config,
    objects: &Objects,
    fixtures: &Fixtures,
    previous: Option<&Authority>,
) -> Result<Authority, SnapshotError> {
    let known = previous.map(|authority| &authority.keys);
    let declared = ApiKeys::declare(declared_keys(config), known);
    let mut api_keys = declared.map_err(|error| failed("api_keys", &error))?;
    api_keys.extend(stored_keys(config, objects, known));
    let spec = AuthoritySpec {
        api_keys,
        projects: project_records(config, objects),
        switches: switches(objects),
        issuer: config.issuer.as_str().into(),
        own_keys: own_keys(objects, fixtures),
        tenant_keys: objects.signing_keys.iter().filter_map(|key| tenant_key(key)).collect(),
        user_epochs: user_epochs(objects),
        config: AuthConfig::default(),
    };
    let offload: Arc<dyn Offload> = fixtures.offload.clone();
    Authority::new(spec, previous, offload, fixtures.clock.clone())
        .map_err(|error| failed("credentials", &error))
}

fn declared_keys(config: &Config) -> Vec<DeclaredKey> {
    let projects = config
        .tenants
        .iter()
        .flat_map(|tenant| tenant.projects.iter().map(move |project| (tenant, project)));
    let keys = projects.flat_map(|(tenant, project)| {
        project.api_keys.iter().map(move |key| DeclaredKey {
            id: format!("{}/{}", project.id, key.name).into(),
            tenant: tenant.id.as_str().into(),
            project: project.id.as_str().into(),
            secret: key.secret.secret().cloned().unwrap_or_else(|| Secret::new("")),
            end_user: rule(key.end_user),
            allow_on_chat: project.allow_key_on_chat,
        })
    });
    keys.collect()
}

fn rule(end_user: EndUser) -> EndUserRule {
    match end_user {
        EndUser::Allow => EndUserRule::Allow,
        EndUser::Require => EndUserRule::Require,
        EndUser::Forbid => EndUserRule::Forbid,
    }
}

/// Keys of projects that still exist and are not suspended.
fn stored_keys(config: &Config, objects: &Objects, known: Option<&ApiKeys>) -> Vec<Arc<KeyRecord>> {
    let active = told(config, objects).filter(|told| !told.suspended);
    let active: HashMap<&str, &config::Project> =
        active.map(|told| (told.settings.id.as_str(), told.settings)).collect();
    let stored = objects.keys.iter().filter_map(|key| {
        let project = active.get(key.project.as_str())?;
        key_record(key, project.allow_key_on_chat, known)
    });
    stored.collect()
}

/// The record of a stored key. One that is known already is taken over as it is.
fn key_record(
    key: &KeyObject,
    allow_on_chat: bool,
    known: Option<&ApiKeys>,
) -> Option<Arc<KeyRecord>> {
    let lookup = key.lookup_digest()?;
    let record = KeyRecord {
        id: key.id.as_str().into(),
        tenant: key.tenant.as_str().into(),
        project: key.project.as_str().into(),
        lookup,
        phc: key.phc.clone(),
        end_user: rule(key.end_user),
        allow_on_chat,
        role: Role::parse(&key.role).unwrap_or_default(),
        expires_at: key.expires_at.map(unix),
    };
    let same = known.and_then(|keys| keys.record(&lookup)).filter(|known| ***known == record);
    Some(same.cloned().unwrap_or_else(|| Arc::new(record)))
}

impl KeyObject {
    /// The SHA-256 of the whole key.
    pub fn lookup_digest(&self) -> Option<[u8; 32]> {
        let mut digest = [0; 32];
        let digits = self.lookup.as_bytes();
        if digits.len() != 2 * digest.len() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(digest)
    }
}

fn unix(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
}

fn project_records(config: &Config, objects: &Objects) -> Vec<ProjectRecord> {
    let active = told(config, objects).filter(|told| !told.suspended);
    let records = active.map(|Told { tenant, settings, .. }| ProjectRecord {
        id: settings.id.as_str().into(),
        tenant: tenant.into(),
        tiers: tier_names(settings),
        default_tier: settings.default_tier.as_deref().map(Arc::from),
    });
    records.collect()
}

/// The names of a project's tiers, in their order.
fn tier_names(project: &config::Project) -> Vec<TierName> {
    let tiers = tiers(project);
    let named =
        tiers.iter().map(|tier| TierName { name: tier.name.clone(), sort_order: tier.sort_order });
    named.collect()
}

fn switches(objects: &Objects) -> Vec<Switch> {
    let on = objects.switches.iter();
    on.map(|switch| Switch { scope: switch.scope, id: switch.id.as_str().into() }).collect()
}

/// Keys that can be opened. One that cannot has lost its tokens, and the log says so.
fn own_keys(objects: &Objects, fixtures: &Fixtures) -> Vec<OwnKey> {
    let opened = objects.own_keys.iter().filter_map(|object| {
        let key = object.key(fixtures.seal.as_ref()).cloned();
        key.inspect_err(|error| log::error!("own key {}: {error}", object.life.kid)).ok()
    });
    opened.collect()
}

fn tenant_key(object: &SigningKeyObject) -> Option<TenantKey> {
    let key = match object.parsed.get() {
        Some(key) => key.clone(),
        None => {
            let public = SigningKey::parse(&object.public_key);
            let key = public.and_then(|public| SigningKey::new(&object.kid, public));
            let key = key.inspect_err(|fault| log::error!("signing key {}: {fault}", object.kid));
            let key = key.ok()?;
            object.parsed.get_or_init(|| key).clone()
        }
    };
    Some(TenantKey { tenant: object.tenant.as_str().into(), key })
}

fn user_epochs(objects: &Objects) -> Vec<UserEpoch> {
    let revoked = objects.user_epochs.iter();
    let epochs = revoked.map(|epoch| UserEpoch {
        project: epoch.project.as_str().into(),
        user: epoch.user.as_str().into(),
        not_before: unix(epoch.not_before),
    });
    epochs.collect()
}
