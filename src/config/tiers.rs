//! Tiers: the shipped ones with a project's changes.

use behest_quota::{TierError, TierLimits, TierSpec, Tiers};

use super::Project;

impl Project {
    /// The project's tiers, or what is wrong with its changes to them.
    pub fn all_tiers(&self) -> Result<Tiers, Vec<TierError>> {
        Tiers::new(self.tiers.iter().map(|(name, tier)| TierSpec {
            name: name.as_str().into(),
            sort_order: tier.sort_order,
            limits: TierLimits {
                requests_per_minute: tier.requests_per_minute.map(u64::from),
                requests_per_day: tier.requests_per_day.map(u64::from),
                tokens_per_minute: tier.tokens_per_minute,
                tokens_per_day: tier.tokens_per_day,
                tokens_per_month: tier.tokens_per_month,
            },
        }))
    }
}
