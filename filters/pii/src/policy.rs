//! Which policy a project and a tier have.

use crate::config::{Mode, PolicyConfig};
use crate::error::ConfigError;
use crate::sentinel::Sentinel;
use crate::shield::Shield;
use std::collections::HashMap;
use std::sync::Arc;

/// One row: a project, a tier of it or `None` for all its others, and what holds there.
pub type PolicyRow = (Arc<str>, Option<Arc<str>>, PolicyConfig);

/// A compiled row.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(crate) shield: Option<Arc<Shield>>,
    pub(crate) sentinel: Option<Arc<Sentinel>>,
}

impl Policy {
    /// Whether anything of a prompt is looked at: else none of it is read.
    pub(crate) fn looks(&self) -> bool {
        self.shield.is_some() || self.sentinel.is_some()
    }
}

/// The policies of a snapshot.
#[derive(Debug, Default)]
pub struct PiiPolicies {
    projects: HashMap<Arc<str>, Project>,
}

#[derive(Debug, Default)]
struct Project {
    any: Option<Arc<Policy>>,
    tiers: HashMap<Arc<str>, Arc<Policy>>,
}

impl PiiPolicies {
    /// Compiles all rows, or tells everything that is wrong with any. Rows of a project that are alike
    /// share what is compiled; what is switched off is checked and then dropped.
    pub fn compile(rows: impl IntoIterator<Item = PolicyRow>) -> Result<Self, Vec<ConfigError>> {
        let mut table = Self::default();
        let mut errors = Vec::new();
        let mut made: HashMap<Arc<str>, Vec<(PolicyConfig, Arc<Policy>)>> = HashMap::new();
        for (project, tier, config) in rows {
            let known = made.entry(project.clone()).or_default();
            let policy = match known.iter().find(|(other, _)| *other == config) {
                Some((_, policy)) => policy.clone(),
                None => match Policy::new(&config) {
                    Ok(policy) => {
                        let policy = Arc::new(policy);
                        known.push((config, policy.clone()));
                        policy
                    }
                    Err(wrong) => {
                        let place = tier.as_deref().map_or_else(
                            || format!("projects.{project}"),
                            |tier| format!("projects.{project}.tiers.{tier}"),
                        );
                        errors.extend(wrong.into_iter().map(|error| error.under(&place)));
                        continue;
                    }
                },
            };
            let entry = table.projects.entry(project).or_default();
            match tier {
                Some(tier) => drop(entry.tiers.insert(tier, policy)),
                None => entry.any = Some(policy),
            }
        }
        if errors.is_empty() { Ok(table) } else { Err(errors) }
    }

    pub(crate) fn find(&self, project: &str, tier: Option<&str>) -> Option<&Arc<Policy>> {
        let project = self.projects.get(project)?;
        tier.and_then(|tier| project.tiers.get(tier)).or(project.any.as_ref())
    }

    /// The shield of a project and tier, for trying a text.
    pub fn shield(&self, project: &str, tier: Option<&str>) -> Option<Arc<Shield>> {
        self.find(project, tier)?.shield.clone()
    }

    /// The Sentinel of a project and tier, for the same.
    pub fn sentinel(&self, project: &str, tier: Option<&str>) -> Option<Arc<Sentinel>> {
        self.find(project, tier)?.sentinel.clone()
    }
}

impl Policy {
    fn new(config: &PolicyConfig) -> Result<Self, Vec<ConfigError>> {
        let shield = Shield::new(&config.pii);
        let sentinel = Sentinel::new(&config.sentinel);
        let under = |errors: Vec<ConfigError>, room: &'static str| {
            errors.into_iter().map(move |error| error.under(room))
        };
        match (shield, sentinel) {
            (Ok(shield), Ok(sentinel)) => Ok(Self {
                shield: (config.pii.mode != Mode::Disabled).then(|| Arc::new(shield)),
                sentinel: (config.sentinel.mode != Mode::Disabled).then(|| Arc::new(sentinel)),
            }),
            (shield, sentinel) => Err(under(shield.err().unwrap_or_default(), "pii")
                .chain(under(sentinel.err().unwrap_or_default(), "sentinel"))
                .collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PiiPolicies;
    use crate::config::{Mode, PiiConfig, PolicyConfig};

    fn row(threshold: u8, entity: &str) -> PolicyConfig {
        let entities = [(entity.to_owned(), crate::Action::Mask)].into();
        let pii = PiiConfig { mode: Mode::Enforce, threshold, entities, ..PiiConfig::default() };
        PolicyConfig { pii, ..PolicyConfig::default() }
    }

    #[test]
    fn a_tier_has_its_own_row_or_its_projects() {
        let rows = [
            ("a".into(), None, row(60, "IMEI")),
            ("a".into(), Some("free".into()), row(60, "IMEI")),
            ("a".into(), Some("pro".into()), PolicyConfig::default()),
        ];
        let policies = PiiPolicies::compile(rows).unwrap();
        let shield = policies.shield("a", None).unwrap();
        assert!(std::sync::Arc::ptr_eq(&shield, &policies.shield("a", Some("free")).unwrap()));
        assert!(policies.shield("a", Some("else")).is_some());
        assert!(
            policies.shield("a", Some("pro")).is_none() && policies.shield("b", None).is_none()
        );
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let rows =
            [("a".into(), None, row(60, "EMAIL")), ("b".into(), Some("t".into()), row(60, "X"))];
        let errors = PiiPolicies::compile(rows).unwrap_err();
        let told: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(told, ["projects.a.pii.entities.EMAIL", "projects.b.tiers.t.pii.entities.X"]);
    }
}
