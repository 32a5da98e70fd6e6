//! Policies made ready: for each project and tier, the layers that there are, in order.

use crate::config::{ProjectPolicy, QuotaConfig};
use crate::layer::Layer;
use crate::tiers::{Tier, UserNumbers};
use behest_contract::purse::Window;
use std::collections::HashMap;
use std::sync::Arc;

/// One layer and what it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) layer: Layer,
    pub(crate) limit: u64,
    /// Over which time it counts.
    pub(crate) window: Window,
}

impl Rule {
    /// A layer over its own window.
    pub(crate) const fn new(layer: Layer, limit: u64) -> Self {
        Self { layer, limit, window: layer.window() }
    }
}

/// What is asked of whoever has one tier, or none, in one project.
#[derive(Debug)]
pub(crate) struct Rules {
    /// In the order of refusal.
    pub(crate) rules: Box<[Rule]>,
    pub(crate) tier: Option<Arc<str>>,
}

impl Rules {
    pub(crate) fn new(
        tier: Option<&Tier>,
        policy: &ProjectPolicy,
        default_per_minute: u64,
    ) -> Self {
        let ProjectPolicy { project, user, session, .. } = policy;
        let numbers = UserNumbers::new(tier.map(|tier| &tier.limits), policy, default_per_minute);
        let per_minute = project.requests_per_minute.unwrap_or(default_per_minute);
        let all = [
            (Layer::Project, Some(per_minute)),
            (Layer::ProjectConcurrency, project.max_in_flight),
            (Layer::User, Some(numbers.requests_per_minute)),
            (Layer::UserConcurrency, user.max_in_flight),
            (Layer::UserRequestsDay, numbers.tier.requests_per_day),
            (Layer::UserTokensMinute, numbers.tier.tokens_per_minute),
            (Layer::UserTokensDay, Some(numbers.tokens_per_day)),
            (Layer::UserTokensMonth, numbers.tier.tokens_per_month),
            (Layer::UserUsdDay, user.micro_usd_per_day),
            (Layer::UserUsdMonth, user.micro_usd_per_month),
            (Layer::ProjectTokensDay, project.tokens_per_day),
            (Layer::ProjectTokensMonth, project.tokens_per_month),
            (Layer::ProjectUsdDay, project.micro_usd_per_day),
            (Layer::ProjectUsdMonth, project.micro_usd_per_month),
            (Layer::SessionTokens, session.tokens),
            (Layer::SessionUsd, session.micro_usd),
        ];
        let given = all.into_iter().filter_map(|(layer, limit)| Some(Rule::new(layer, limit?)));
        Self { rules: given.collect(), tier: tier.map(|tier| tier.name.clone()) }
    }
}

/// A project's policy.
#[derive(Debug)]
struct Compiled {
    plain: Arc<Rules>,
    /// The lowest first.
    tiers: Vec<Arc<Rules>>,
}

impl Compiled {
    fn new(policy: &ProjectPolicy, default_per_minute: u64) -> Self {
        let rules = |tier| Arc::new(Rules::new(tier, policy, default_per_minute));
        Self {
            plain: rules(None),
            tiers: policy.tiers.iter().map(|tier| rules(Some(tier))).collect(),
        }
    }

    /// As [`Tiers::resolve`](crate::Tiers::resolve): a name that nobody knows is the lowest tier's.
    fn of(&self, tier: Option<&str>) -> &Arc<Rules> {
        let Some(name) = tier else { return &self.plain };
        let named = self.tiers.iter().find(|rules| rules.tier.as_deref() == Some(name));
        named.or(self.tiers.first()).unwrap_or(&self.plain)
    }
}

/// All projects' policies.
#[derive(Debug)]
pub(crate) struct Policies {
    projects: HashMap<Arc<str>, Compiled>,
    /// Every other project's.
    default: Compiled,
}

impl Policies {
    pub(crate) fn new(config: &QuotaConfig) -> Self {
        let compile =
            |policy: &ProjectPolicy| Compiled::new(policy, config.default_requests_per_minute);
        let compiled = |(id, policy): (&Arc<str>, &ProjectPolicy)| (id.clone(), compile(policy));
        Self {
            projects: config.projects.iter().map(compiled).collect(),
            default: compile(&ProjectPolicy::default()),
        }
    }

    pub(crate) fn of(&self, project: &str, tier: Option<&str>) -> &Arc<Rules> {
        self.projects.get(project).unwrap_or(&self.default).of(tier)
    }
}

#[cfg(test)]
mod tests {
    use super::Policies;
    use crate::config::{ProjectLimits, ProjectPolicy, QuotaConfig, SessionLimits, UserLimits};
    use crate::layer::Layer;

    fn limits(config: &QuotaConfig, project: &str, tier: Option<&str>) -> Vec<(&'static str, u64)> {
        let policies = Policies::new(config);
        let rules = policies.of(project, tier);
        rules.rules.iter().map(|rule| (rule.layer.label(), rule.limit)).collect()
    }

    fn config(policy: ProjectPolicy) -> QuotaConfig {
        QuotaConfig { projects: [("p".into(), policy)].into(), ..QuotaConfig::default() }
    }

    #[test]
    fn a_project_that_says_nothing_has_the_defaults() {
        let config = config(ProjectPolicy::default());
        let plain = [("project", 60), ("user", 6), ("user_tokens_day", 1_000_000)];
        for project in ["p", "never heard of"] {
            assert_eq!(limits(&config, project, None), plain);
        }
        let free = [
            ("project", 60),
            ("user", 10),
            ("user_requests_day", 100),
            ("user_tokens_day", 50_000),
        ];
        for tier in ["free", "gold"] {
            assert_eq!(limits(&config, "p", Some(tier)), free);
        }
    }

    #[test]
    fn a_users_minute_is_the_tiers_or_the_projects_word_or_a_tenth() {
        // (project's, project's word for users, tier, a user's)
        let cases = [
            (None, None, None, 6),
            (Some(600), None, None, 60),
            (Some(600), Some(7), None, 7),
            (Some(600), Some(7), Some("pro"), 60),
            (Some(5), None, None, 3),
            (Some(5), None, Some("free"), 10),
        ];
        for (requests_per_minute, user_requests_per_minute, tier, want) in cases {
            let project = ProjectLimits {
                requests_per_minute,
                user_requests_per_minute,
                ..ProjectLimits::default()
            };
            let config = config(ProjectPolicy { project, ..ProjectPolicy::default() });
            assert_eq!(limits(&config, "p", tier)[1], ("user", want));
        }
    }

    #[test]
    fn every_layer_that_is_given_is_asked_in_the_contracts_order() {
        let policy = ProjectPolicy {
            project: ProjectLimits {
                requests_per_minute: Some(1),
                user_requests_per_minute: Some(3),
                max_in_flight: Some(2),
                tokens_per_day: Some(11),
                tokens_per_month: Some(12),
                micro_usd_per_day: Some(13),
                micro_usd_per_month: Some(14),
            },
            user: UserLimits {
                requests_per_day: Some(5),
                tokens_per_minute: Some(6),
                tokens_per_day: Some(7),
                tokens_per_month: Some(8),
                micro_usd_per_day: Some(9),
                micro_usd_per_month: Some(10),
                max_in_flight: Some(4),
            },
            session: SessionLimits { tokens: Some(15), micro_usd: Some(16) },
            ..ProjectPolicy::default()
        };
        let asked = limits(&config(policy), "p", None);
        let numbers: Vec<_> = asked.iter().map(|(_, limit)| *limit).collect();
        assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
        let order = Layer::ALL.map(Layer::label);
        assert_eq!(asked.iter().map(|(label, _)| *label).collect::<Vec<_>>(), order[2..]);
    }
}
