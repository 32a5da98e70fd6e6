//! Tenants and projects: those that the file declares, and those that were made since.

use super::refusal::Refusal;
use crate::config;
use crate::directory::{Draft, Kept, Object, ProjectObject, TenantObject};
use crate::snapshot::Snapshot;
use behest_contract::directory::Expect;
use std::collections::BTreeMap;

/// Something that the file may own.
pub(super) enum Known<'a, D, M> {
    /// The file's.
    Declared(D),
    /// Made at run time.
    Made(&'a Kept<M>),
}

/// A tenant.
pub(super) type Tenant<'a> = Known<'a, &'a config::Tenant, TenantObject>;

/// A project, and its tenant's id where the file declares it.
pub(super) type Project<'a> = Known<'a, (&'a str, &'a config::Project), ProjectObject>;

impl<D, M: Object> Known<'_, D, M> {
    /// Whether it is the file's.
    pub(super) fn is_declared(&self) -> bool {
        matches!(self, Self::Declared(_))
    }

    /// A draft that is only carried out if nobody deletes or changes the object meanwhile: it is written
    /// again as it is.
    pub(super) fn kept(&self, draft: Draft) -> Draft {
        match self {
            Self::Declared(_) => draft,
            Self::Made(kept) => draft.put(kept.object.as_ref(), Expect::At(kept.revision)),
        }
    }
}

impl Project<'_> {
    /// The tenant that owns it.
    pub(super) fn tenant(&self) -> &str {
        match self {
            Self::Declared((tenant, _)) => tenant,
            Self::Made(kept) => &kept.object.tenant,
        }
    }

    /// Its settings.
    pub(super) fn settings(&self) -> &config::Project {
        match self {
            Self::Declared((_, settings)) => settings,
            Self::Made(kept) => &kept.object.settings,
        }
    }
}

/// All tenants. Where both have one the file's stands.
pub(super) fn tenants(snapshot: &Snapshot) -> BTreeMap<String, Tenant<'_>> {
    let made = snapshot.objects.tenants.kept().map(|kept| (kept.object.id(), Known::Made(kept)));
    let declared = snapshot.config.tenants.iter();
    let declared = declared.map(|tenant| (tenant.id.clone(), Known::Declared(tenant)));
    made.chain(declared).collect()
}

/// All projects. Where both have one the file's stands.
pub(super) fn projects(snapshot: &Snapshot) -> BTreeMap<String, Project<'_>> {
    let made = snapshot.objects.projects.kept().map(|kept| (kept.object.id(), Known::Made(kept)));
    let declared = snapshot.config.tenants.iter().flat_map(|tenant| {
        let projects = tenant.projects.iter();
        projects.map(|project| (project.id.clone(), Known::Declared((tenant.id.as_str(), project))))
    });
    made.chain(declared).collect()
}

/// A tenant.
pub(super) fn tenant<'a>(snapshot: &'a Snapshot, id: &str) -> Result<Tenant<'a>, Refusal> {
    let declared = snapshot.config.tenants.iter().find(|tenant| tenant.id == id);
    let made = || snapshot.objects.tenants.find(id).map(Known::Made);
    let known = declared.map(Known::Declared).or_else(made);
    known.ok_or_else(|| Refusal::missing("tenant", id))
}

/// A project.
pub(super) fn project<'a>(snapshot: &'a Snapshot, id: &str) -> Result<Project<'a>, Refusal> {
    let declared = snapshot.config.tenants.iter().find_map(|tenant| {
        let project = tenant.projects.iter().find(|project| project.id == id)?;
        Some(Known::Declared((tenant.id.as_str(), project)))
    });
    let made = || snapshot.objects.projects.find(id).map(Known::Made);
    declared.or_else(made).ok_or_else(|| Refusal::missing("project", id))
}

/// A tenant that can be changed here.
pub(super) fn made_tenant<'a>(
    snapshot: &'a Snapshot,
    id: &str,
) -> Result<&'a Kept<TenantObject>, Refusal> {
    match tenant(snapshot, id)? {
        Known::Declared(_) => Err(Refusal::declared("tenant", id)),
        Known::Made(kept) => Ok(kept),
    }
}

/// A project that can be changed here.
pub(super) fn made_project<'a>(
    snapshot: &'a Snapshot,
    id: &str,
) -> Result<&'a Kept<ProjectObject>, Refusal> {
    match project(snapshot, id)? {
        Known::Declared(_) => Err(Refusal::declared("project", id)),
        Known::Made(kept) => Ok(kept),
    }
}
