//! Classes of end users.

use crate::config::ProjectPolicy;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// How many tiers a project may add to the shipped ones.
const OWN_MAX: usize = 3;

/// What the shipped tiers allow (CONTRACT 7): name, requests per minute and per day, tokens per day.
const SHIPPED: [(&str, u64, u64, u64); 3] =
    [("free", 10, 100, 50_000), ("pro", 60, 10_000, 2_000_000), ("max", 300, 100_000, 20_000_000)];

/// What every end user may use of a day where nobody says anything else.
pub(crate) const DEFAULT_TOKENS_PER_DAY: u64 = 1_000_000;

/// What a tier allows. What it leaves open is as without a tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TierLimits {
    /// Requests per calendar minute.
    pub requests_per_minute: Option<u64>,
    /// Requests per UTC day.
    pub requests_per_day: Option<u64>,
    /// Tokens per calendar minute.
    pub tokens_per_minute: Option<u64>,
    /// Tokens per UTC day.
    pub tokens_per_day: Option<u64>,
    /// Tokens per calendar month (UTC).
    pub tokens_per_month: Option<u64>,
}

impl TierLimits {
    /// These, and `base` where they are silent.
    fn over(self, base: Self) -> Self {
        Self {
            requests_per_minute: self.requests_per_minute.or(base.requests_per_minute),
            requests_per_day: self.requests_per_day.or(base.requests_per_day),
            tokens_per_minute: self.tokens_per_minute.or(base.tokens_per_minute),
            tokens_per_day: self.tokens_per_day.or(base.tokens_per_day),
            tokens_per_month: self.tokens_per_month.or(base.tokens_per_month),
        }
    }
}

/// What a project says of a tier: a shipped one to be changed, or one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierSpec {
    /// The tier's name.
    pub name: Arc<str>,
    /// Its place in the order, 1 for the lowest. A shipped tier keeps its own, and a project's own tier
    /// takes the lowest number from 4 on that is free, if `None`.
    pub sort_order: Option<u32>,
    /// What it allows; a shipped tier keeps what is not said.
    pub limits: TierLimits,
}

/// A tier of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in the order, 1 for the lowest; a token may name it by that.
    pub sort_order: u32,
    /// What it allows.
    pub limits: TierLimits,
}

/// Why a project cannot have these tiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TierError {
    /// More of its own than it may have.
    TooMany,
    /// Two have one name.
    SameName(Arc<str>),
    /// Two have one place in the order.
    SameOrder(Arc<str>, Arc<str>),
}

impl fmt::Display for TierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "a project may have {OWN_MAX} tiers of its own"),
            Self::SameName(name) => write!(f, "tier `{name}` is given twice"),
            Self::SameOrder(one, other) => {
                write!(f, "tiers `{one}` and `{other}` have the same sort_order")
            }
        }
    }
}

impl std::error::Error for TierError {}

/// The tiers of a project, the lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers(Vec<Tier>);

impl Default for Tiers {
    fn default() -> Self {
        Self::shipped()
    }
}

impl Tiers {
    /// The shipped ones: `free`, `pro` and `max`.
    pub fn shipped() -> Self {
        let tier = |(place, (name, per_minute, per_day, tokens)): (u32, (&str, u64, u64, u64))| {
            let limits = TierLimits {
                requests_per_minute: Some(per_minute),
                requests_per_day: Some(per_day),
                tokens_per_day: Some(tokens),
                ..TierLimits::default()
            };
            Tier { name: name.into(), sort_order: place, limits }
        };
        Self((1..).zip(SHIPPED).map(tier).collect())
    }

    /// The shipped ones, changed and added to. All that is wrong is told at once.
    pub fn new(specs: impl IntoIterator<Item = TierSpec>) -> Result<Self, Vec<TierError>> {
        let mut tiers = Self::shipped().0;
        let mut errors = Vec::new();
        let (mut seen, mut unplaced) = (Vec::new(), Vec::new());
        for spec in specs {
            if seen.contains(&spec.name) {
                errors.push(TierError::SameName(spec.name));
                continue;
            }
            seen.push(spec.name.clone());
            let shipped = tiers.iter_mut().take(SHIPPED.len()).find(|tier| tier.name == spec.name);
            match (shipped, spec.sort_order) {
                (Some(tier), order) => {
                    tier.sort_order = order.unwrap_or(tier.sort_order);
                    tier.limits = spec.limits.over(tier.limits);
                }
                (None, Some(sort_order)) => {
                    tiers.push(Tier { name: spec.name, sort_order, limits: spec.limits });
                }
                (None, None) => unplaced.push(spec),
            }
        }
        for TierSpec { name, limits, .. } in unplaced {
            let is_free = |order: &u32| tiers.iter().all(|tier| tier.sort_order != *order);
            let sort_order = (4..).find(is_free).unwrap_or(u32::MAX);
            tiers.push(Tier { name, sort_order, limits });
        }
        if tiers.len() > SHIPPED.len() + OWN_MAX {
            errors.push(TierError::TooMany);
        }
        tiers.sort_by_key(|tier| tier.sort_order);
        for pair in tiers.windows(2) {
            if let [one, other] = pair
                && one.sort_order == other.sort_order
            {
                errors.push(TierError::SameOrder(one.name.clone(), other.name.clone()));
            }
        }
        if errors.is_empty() { Ok(Self(tiers)) } else { Err(errors) }
    }

    /// All of them, the lowest first.
    pub fn iter(&self) -> impl Iterator<Item = &Tier> {
        self.0.iter()
    }

    /// The tier of this name.
    pub fn by_name(&self, name: &str) -> Option<&Tier> {
        self.0.iter().find(|tier| tier.name.as_ref() == name)
    }

    /// The tier of this place in the order.
    pub fn by_order(&self, sort_order: u32) -> Option<&Tier> {
        self.0.iter().find(|tier| tier.sort_order == sort_order)
    }

    /// The tier of this name, or else of this number.
    pub fn find(&self, tier: &str) -> Option<&Tier> {
        self.by_name(tier).or_else(|| self.by_order(tier.parse().ok()?))
    }

    /// The tier of this name, or the lowest if there is none: whoever carries a name that nobody knows
    /// any more is not to gain by it.
    pub fn resolve(&self, name: &str) -> Option<&Tier> {
        self.by_name(name).or(self.0.first())
    }
}

/// What a tier comes to in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedTier {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in the order, 1 for the lowest.
    pub sort_order: u32,
    /// Requests per calendar minute.
    pub requests_per_minute: u64,
    /// Requests per UTC day; no limit if `None`.
    pub requests_per_day: Option<u64>,
    /// Tokens per calendar minute; no limit if `None`.
    pub tokens_per_minute: Option<u64>,
    /// Tokens per UTC day.
    pub tokens_per_day: u64,
    /// Tokens per calendar month (UTC); no limit if `None`.
    pub tokens_per_month: Option<u64>,
    /// Micro-dollars per UTC day; no limit if `None`.
    pub micro_usd_per_day: Option<u64>,
    /// Micro-dollars per calendar month (UTC); no limit if `None`.
    pub micro_usd_per_month: Option<u64>,
    /// Requests at the same time; no limit if `None`.
    pub max_in_flight: Option<u64>,
}

impl ResolvedTier {
    pub(crate) fn new(tier: &Tier, policy: &ProjectPolicy, default_per_minute: u64) -> Self {
        let limits = UserNumbers::new(Some(&tier.limits), policy, default_per_minute);
        Self {
            name: tier.name.clone(),
            sort_order: tier.sort_order,
            requests_per_minute: limits.requests_per_minute,
            requests_per_day: limits.tier.requests_per_day,
            tokens_per_minute: limits.tier.tokens_per_minute,
            tokens_per_day: limits.tokens_per_day,
            tokens_per_month: limits.tier.tokens_per_month,
            micro_usd_per_day: policy.user.micro_usd_per_day,
            micro_usd_per_month: policy.user.micro_usd_per_month,
            max_in_flight: policy.user.max_in_flight,
        }
    }
}

/// An end user's numbers: the tier's, the project's for what it leaves open, then the defaults.
pub(crate) struct UserNumbers {
    pub(crate) requests_per_minute: u64,
    pub(crate) tokens_per_day: u64,
    pub(crate) tier: TierLimits,
}

impl UserNumbers {
    pub(crate) fn new(
        tier: Option<&TierLimits>,
        policy: &ProjectPolicy,
        default_per_minute: u64,
    ) -> Self {
        let (project, user) = (&policy.project, &policy.user);
        let without_tier = TierLimits {
            requests_per_minute: project.user_requests_per_minute,
            requests_per_day: user.requests_per_day,
            tokens_per_minute: user.tokens_per_minute,
            tokens_per_day: user.tokens_per_day,
            tokens_per_month: user.tokens_per_month,
        };
        let tier = tier.copied().unwrap_or_default().over(without_tier);
        let tenth = project.requests_per_minute.unwrap_or(default_per_minute) / 10;
        Self {
            requests_per_minute: tier.requests_per_minute.unwrap_or(tenth.max(3)),
            tokens_per_day: tier.tokens_per_day.unwrap_or(DEFAULT_TOKENS_PER_DAY),
            tier,
        }
    }
}

#[cfg(test)]
mod tests;
