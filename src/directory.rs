//! What is made at run time, in memory: a copy of the store's records as typed objects.
//!
//! The copy is never changed. Records that have changed since make the next one, which shares the rest,
//! and becomes part of the next [`Snapshot`](crate::snapshot::Snapshot).

mod cuts;
mod draft;
mod engines;
mod objects;
mod open;
mod own_keys;
mod reseal;
mod sealed;

pub use cuts::Cuts;
pub use draft::{Audit, Draft};
pub use engines::Engines;
pub use objects::{
    CutObject, KeyObject, Object, OwnKeyObject, ProjectObject, ProviderKeyObject, Scope,
    SealCheckObject, SigningKeyObject, SlugObject, SwitchObject, TenantObject, UserEpochObject,
};
pub use open::{Opened, beside, open, read_private, write_private};
pub use own_keys::{change_own_keys, tend};
pub use sealed::Sealed;

use behest_contract::directory::{Record, Revision};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All objects of one collection, in the order of their ids.
#[derive(Debug)]
pub struct Collection<T> {
    by_id: BTreeMap<Box<str>, Kept<T>>,
}

/// An object, and the commit that wrote it.
#[derive(Debug)]
pub struct Kept<T> {
    /// The object.
    pub object: Arc<T>,
    /// The commit.
    pub revision: Revision,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { object: self.object.clone(), revision: self.revision }
    }
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self { by_id: self.by_id.clone() }
    }
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self { by_id: BTreeMap::new() }
    }
}

impl<T: Object> Collection<T> {
    /// One of them.
    pub fn find(&self, id: &str) -> Option<&Kept<T>> {
        self.by_id.get(id)
    }

    /// All of them, with the commits that wrote them.
    pub fn kept(&self) -> impl Iterator<Item = &Kept<T>> {
        self.by_id.values()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.by_id.values().map(|kept| &kept.object)
    }

    /// Takes over a record. One that cannot be read is as good as deleted: whatever it allowed, it
    /// allows no longer.
    fn apply(&mut self, record: &Record) {
        let parsed = record.body.as_deref().map(serde_json::from_slice::<T>);
        match parsed {
            Some(Ok(object)) => {
                let kept = Kept { object: Arc::new(object), revision: record.revision };
                self.by_id.insert(record.key.id.clone(), kept);
            }
            Some(Err(error)) => {
                log::error!("record {}/{}: {error}", T::COLLECTION, record.key.id);
                self.by_id.remove(&record.key.id);
            }
            None => drop(self.by_id.remove(&record.key.id)),
        }
    }
}

/// All objects, as they were after one commit.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// That commit.
    pub revision: Revision,
    /// Tenants.
    pub tenants: Collection<TenantObject>,
    /// Projects.
    pub projects: Collection<ProjectObject>,
    /// API keys.
    pub keys: Collection<KeyObject>,
    /// Tenants' signing keys.
    pub signing_keys: Collection<SigningKeyObject>,
    /// Tenants' provider keys.
    pub provider_keys: Collection<ProviderKeyObject>,
    /// The gateway's own signing keys.
    pub own_keys: Collection<OwnKeyObject>,
    /// Kill switches.
    pub switches: Collection<SwitchObject>,
    /// Revoked end users.
    pub user_epochs: Collection<UserEpochObject>,
    /// Requests that must end.
    pub cuts: Collection<CutObject>,
    /// What shows a wrong master key.
    pub seal_checks: Collection<SealCheckObject>,
}

impl Objects {
    /// These objects with the changes of some records. Records that were read before these objects were
    /// are old news.
    #[must_use]
    pub fn with(&self, records: &[Record]) -> Self {
        let mut next = self.clone();
        for record in records.iter().filter(|record| record.revision > self.revision) {
            next.apply(record);
        }
        next
    }

    fn apply(&mut self, record: &Record) {
        self.revision = self.revision.max(record.revision);
        match record.key.collection.as_ref() {
            TenantObject::COLLECTION => self.tenants.apply(record),
            ProjectObject::COLLECTION => self.projects.apply(record),
            KeyObject::COLLECTION => self.keys.apply(record),
            SigningKeyObject::COLLECTION => self.signing_keys.apply(record),
            ProviderKeyObject::COLLECTION => self.provider_keys.apply(record),
            OwnKeyObject::COLLECTION => self.own_keys.apply(record),
            SwitchObject::COLLECTION => self.switches.apply(record),
            UserEpochObject::COLLECTION => self.user_epochs.apply(record),
            CutObject::COLLECTION => self.cuts.apply(record),
            SealCheckObject::COLLECTION => self.seal_checks.apply(record),
            // Slugs matter to the store alone; others are a newer version's.
            _ => {}
        }
    }

    /// Whether anything is sealed.
    pub fn have_seals(&self) -> bool {
        self.own_keys.iter().next().is_some()
            || self.provider_keys.iter().next().is_some()
            || self.seal_checks.iter().next().is_some()
    }
}
