//! The projects that tokens may name, and the tiers that their users may have.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A tier of a project, by its name and by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierName {
    /// The name.
    pub name: Arc<str>,
    /// The number by which tokens and clients may call it, too.
    pub sort_order: u32,
}

/// What a token or a client says of a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TierClaim {
    /// The tier with this `sort_order`.
    Number(u64),
    /// The tier with this name.
    Name(Box<str>),
}

impl TierClaim {
    /// The claim as tokens have it.
    pub(crate) fn as_json(&self) -> serde_json::Value {
        match self {
            Self::Number(number) => (*number).into(),
            Self::Name(name) => (**name).into(),
        }
    }
}

/// A project, as far as tokens and keys are concerned with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    /// The project's id, unique over all tenants.
    pub id: Arc<str>,
    /// The tenant that owns it.
    pub tenant: Arc<str>,
    /// Its tiers.
    pub tiers: Vec<TierName>,
    /// The tier of callers with an API key.
    pub default_tier: Option<Arc<str>>,
}

impl ProjectRecord {
    /// The name of the tier that is meant, if there is one.
    pub fn tier(&self, claim: &TierClaim) -> Option<Arc<str>> {
        let is_meant = |tier: &&TierName| match claim {
            TierClaim::Number(number) => u64::from(tier.sort_order) == *number,
            TierClaim::Name(name) => *tier.name == **name,
        };
        self.tiers.iter().find(is_meant).map(|tier| tier.name.clone())
    }

    /// The name of the lowest tier, if there is any.
    pub fn lowest_tier(&self) -> Option<Arc<str>> {
        self.tiers.iter().min_by_key(|tier| tier.sort_order).map(|tier| tier.name.clone())
    }
}

/// All projects by their id.
#[derive(Default)]
pub struct Projects {
    by_id: HashMap<Arc<str>, ProjectRecord>,
}

impl Projects {
    /// A table of these projects. A project that is suspended is left out: nothing may name it.
    pub fn new(projects: impl IntoIterator<Item = ProjectRecord>) -> Self {
        let sorted = projects.into_iter().map(|mut project| {
            project.tiers.sort_by_key(|tier| tier.sort_order);
            (project.id.clone(), project)
        });
        Self { by_id: sorted.collect() }
    }

    /// The project of this id.
    pub fn project(&self, id: &str) -> Option<&ProjectRecord> {
        self.by_id.get(id)
    }
}

impl fmt::Debug for Projects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_id.keys()).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{ProjectRecord, Projects, TierClaim, TierName};

    /// Two projects of `acme`, which have tiers, and one of `other`, which has none.
    pub(crate) fn projects() -> Vec<ProjectRecord> {
        let tier = |name: &str, sort_order| TierName { name: name.into(), sort_order };
        let demo = ProjectRecord {
            id: "demo".into(),
            tenant: "acme".into(),
            tiers: vec![tier("pro", 2), tier("max", 3), tier("free", 1)],
            default_tier: Some("pro".into()),
        };
        let bare = ProjectRecord { tiers: Vec::new(), default_tier: None, ..demo.clone() };
        let second = ProjectRecord { id: "second".into(), ..demo.clone() };
        let foreign = ProjectRecord { id: "foreign".into(), tenant: "other".into(), ..bare };
        vec![demo, second, foreign]
    }

    #[test]
    fn a_tier_is_found_by_its_number_and_by_its_name() {
        let projects = Projects::new(projects());
        let demo = projects.project("demo").unwrap();
        let tier = |claim| demo.tier(&claim).map(|name| name.to_string());
        assert_eq!(tier(TierClaim::Number(1)).as_deref(), Some("free"));
        assert_eq!(tier(TierClaim::Number(3)).as_deref(), Some("max"));
        assert_eq!(tier(TierClaim::Name("pro".into())).as_deref(), Some("pro"));
        for unknown in [
            TierClaim::Number(0),
            TierClaim::Number(4),
            TierClaim::Number(1 << 32 | 1),
            TierClaim::Name("Pro".into()),
            TierClaim::Name("1".into()),
            TierClaim::Name("".into()),
        ] {
            assert_eq!(tier(unknown), None);
        }
    }

    #[test]
    fn the_lowest_tier_is_the_one_of_the_lowest_number() {
        let projects = Projects::new(projects());
        let lowest = |id| projects.project(id).unwrap().lowest_tier();
        assert_eq!(lowest("demo").as_deref(), Some("free"));
        assert_eq!(lowest("foreign"), None);
        assert!(projects.project("gone").is_none());
    }
}
