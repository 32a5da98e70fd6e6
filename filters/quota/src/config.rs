//! What the limits are.

use crate::tiers::{ResolvedTier, Tiers};
use crate::tokenizer::Vocabulary;
use behest_contract::price::Price;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Limits per client address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpGuardConfig {
    /// Requests per address (IPv6: per /64) and calendar minute.
    pub requests_per_minute: u64,
    /// Networks that are not counted: an address and how many leading bits count. Bits below the
    /// prefix are ignored, and a prefix that is too long means the one address. An IPv4 address and
    /// its IPv4-mapped IPv6 form are the same.
    pub exempt: Vec<(IpAddr, u8)>,
    /// How many addresses of one minute are told apart, at most. Those beyond share counters.
    pub addresses_max: usize,
}

impl Default for IpGuardConfig {
    fn default() -> Self {
        Self { requests_per_minute: 120, exempt: Vec::new(), addresses_max: 1_000_000 }
    }
}

/// Limits of all projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaConfig {
    /// What is allowed to whom, by project id. Every other project has the default policy.
    pub projects: HashMap<Arc<str>, ProjectPolicy>,
    /// Requests per calendar minute of every project whose policy says nothing of them.
    pub default_requests_per_minute: u64,
    /// Tokens of access that each API key may mint per calendar minute.
    pub mint_requests_per_minute: u64,
    /// What is known of the models, by name.
    pub models: HashMap<Arc<str>, ModelTerms>,
    /// What is reserved of output where the client sets no cap and the model's own is larger.
    pub default_output_tokens: u64,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self {
            projects: HashMap::new(),
            default_requests_per_minute: 60,
            mint_requests_per_minute: 6000,
            models: HashMap::new(),
            default_output_tokens: 4096,
        }
    }
}

impl QuotaConfig {
    /// What a tier, given by name or number, comes to in a project: the shipped tiers, the project's
    /// own words on top, and the project's limits for what they leave open. `None` if the project has
    /// no such tier.
    pub fn resolved(&self, project: &str, tier: &str) -> Option<ResolvedTier> {
        let default = ProjectPolicy::default();
        let policy = self.projects.get(project).unwrap_or(&default);
        let tier = policy.tiers.find(tier)?;
        Some(ResolvedTier::new(tier, policy, self.default_requests_per_minute))
    }
}

/// What a project and its users may do. A limit that is not given does not exist, unless its field
/// says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectPolicy {
    /// What the whole project may use.
    pub project: ProjectLimits,
    /// What each end user may use that no tier says otherwise for.
    pub user: UserLimits,
    /// What each session may use.
    pub session: SessionLimits,
    /// The tiers that end users may have.
    pub tiers: Tiers,
}

/// Limits of one project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProjectLimits {
    /// Requests per calendar minute; [`QuotaConfig::default_requests_per_minute`] if `None`.
    pub requests_per_minute: Option<u64>,
    /// Requests per end user and calendar minute; a tenth of the project's, but at least three, if
    /// `None`. A tier's own number goes before this one.
    pub user_requests_per_minute: Option<u64>,
    /// Requests at the same time.
    pub max_in_flight: Option<u64>,
    /// Tokens per UTC day.
    pub tokens_per_day: Option<u64>,
    /// Tokens per calendar month (UTC).
    pub tokens_per_month: Option<u64>,
    /// Micro-dollars per UTC day.
    pub micro_usd_per_day: Option<u64>,
    /// Micro-dollars per calendar month (UTC).
    pub micro_usd_per_month: Option<u64>,
}

/// Limits of each end user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// Requests per UTC day.
    pub requests_per_day: Option<u64>,
    /// Tokens per calendar minute.
    pub tokens_per_minute: Option<u64>,
    /// Tokens per UTC day; a million if `None`.
    pub tokens_per_day: Option<u64>,
    /// Tokens per calendar month (UTC).
    pub tokens_per_month: Option<u64>,
    /// Micro-dollars per UTC day.
    pub micro_usd_per_day: Option<u64>,
    /// Micro-dollars per calendar month (UTC).
    pub micro_usd_per_month: Option<u64>,
    /// Requests at the same time.
    pub max_in_flight: Option<u64>,
}

/// Limits of each session, over its whole life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionLimits {
    /// Tokens.
    pub tokens: Option<u64>,
    /// Micro-dollars.
    pub micro_usd: Option<u64>,
}

/// What is known of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelTerms {
    /// The most tokens that it can answer with; `None` if that is not known.
    pub max_output_tokens: Option<u64>,
    /// What it costs; `None` if that is not known, which is not the same as nothing.
    pub price: Option<Price>,
    /// What one image comes to, at most.
    pub image_tokens: u64,
    /// How its tokens are counted.
    pub vocabulary: Vocabulary,
}

impl Default for ModelTerms {
    fn default() -> Self {
        Self {
            max_output_tokens: None,
            price: None,
            // OpenAI documents at most 1,445 for GPT-4o in high detail and 3,779 for GPT-4.1 nano,
            // Anthropic at most 4,784 for its latest models. GPT-4o mini counts 33 times as many as
            // GPT-4o: a model like that needs a number of its own.
            image_tokens: 4_800,
            vocabulary: Vocabulary::Other,
        }
    }
}
