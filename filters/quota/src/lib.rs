#![doc = include_str!("../README.md")]

mod admission;
mod alert;
mod budgets;
mod config;
mod counters;
mod filter;
mod headers;
mod ip_guard;
mod layer;
mod lease;
mod minting;
mod opening;
mod party;
mod policy;
mod prompt_size;
#[cfg(test)]
mod reading;
mod refusal;
mod session;
mod standing;
mod tiers;
mod tokenizer;
mod want;
mod window;

pub use budgets::Budgets;
pub use config::{
    IpGuardConfig, ModelTerms, ProjectLimits, ProjectPolicy, QuotaConfig, SessionLimits, UserLimits,
};
pub use counters::Counters;
pub use filter::Quota;
pub use ip_guard::IpGuard;
pub use layer::Layer;
pub use lease::Lease;
pub use opening::{NewLayers, Question};
pub use party::Party;
pub use prompt_size::PromptSize;
pub use refusal::{Full, Refusal};
pub use standing::{Standing, Standings};
pub use tiers::{ResolvedTier, Tier, TierError, TierLimits, TierSpec, Tiers};
pub use tokenizer::Vocabulary;
pub use want::{Output, Want};
