//! Limits, tiers and terms of models, in the terms of the quota family.

use super::projects::told;
use crate::config::{self, Config};
use crate::directory::Objects;
use behest_contract::clock::Clock;
use behest_contract::money::MicroUsd;
use behest_contract::price::{Price, Rates};
use behest_contract::purse::Purse;
use behest_quota::{
    Budgets, ModelTerms, ProjectLimits, ProjectPolicy, QuotaConfig, ResolvedTier, SessionLimits,
    Tiers, UserLimits, Vocabulary,
};
use std::sync::Arc;

/// What all projects may use.
pub(super) fn limits(config: &Config, objects: &Objects) -> QuotaConfig {
    let policies = told(config, objects)
        .map(|told| (Arc::from(told.settings.id.as_str()), policy(told.settings)));
    let models = config.models.iter().map(|model| (Arc::from(model.id.as_str()), terms(model)));
    QuotaConfig {
        projects: policies.collect(),
        default_requests_per_minute: config.limits.project.requests_per_minute.into(),
        mint_requests_per_minute: config.limits.mint.requests_per_minute.into(),
        models: models.collect(),
        default_output_tokens: config.default_output_tokens.into(),
    }
}

/// What a tier, given by name or number, comes to in a project.
pub fn resolved_tier(
    config: &Config,
    project: &config::Project,
    tier: &str,
) -> Option<ResolvedTier> {
    alone(config, project).resolved(&project.id, tier)
}

/// The limits of one project, over what this purse has counted.
pub fn budgets_of(
    config: &Config,
    project: &config::Project,
    purse: Arc<dyn Purse>,
    clock: Arc<dyn Clock>,
) -> Budgets {
    Budgets::new(alone(config, project), purse, clock)
}

/// What one project may use.
fn alone(config: &Config, project: &config::Project) -> QuotaConfig {
    QuotaConfig {
        projects: [(project.id.as_str().into(), policy(project))].into(),
        default_requests_per_minute: config.limits.project.requests_per_minute.into(),
        ..QuotaConfig::default()
    }
}

fn policy(project: &config::Project) -> ProjectPolicy {
    let (limits, user, session) = (&project.limits, &project.user_limits, &project.session_limits);
    let micros = |usd: Option<config::Usd>| usd.map(config::Usd::micros);
    ProjectPolicy {
        project: ProjectLimits {
            requests_per_minute: limits.requests_per_minute.map(u64::from),
            user_requests_per_minute: limits.user_requests_per_minute.map(u64::from),
            max_in_flight: limits.max_in_flight.map(u64::from),
            tokens_per_day: limits.tokens_per_day,
            tokens_per_month: limits.tokens_per_month,
            micro_usd_per_day: micros(limits.usd_per_day),
            micro_usd_per_month: micros(limits.usd_per_month),
        },
        user: UserLimits {
            requests_per_day: user.requests_per_day.map(u64::from),
            tokens_per_minute: user.tokens_per_minute,
            tokens_per_day: user.tokens_per_day,
            tokens_per_month: user.tokens_per_month,
            micro_usd_per_day: micros(user.usd_per_day),
            micro_usd_per_month: micros(user.usd_per_month),
            max_in_flight: user.max_in_flight.map(u64::from),
        },
        session: SessionLimits { tokens: session.tokens, micro_usd: micros(session.usd) },
        tiers: tiers(project),
    }
}

/// A project's tiers. They were checked when they were made: what does not fit all the same is left
/// out, and the shipped ones stay.
pub(super) fn tiers(project: &config::Project) -> Tiers {
    project.all_tiers().unwrap_or_else(|errors| {
        errors.iter().for_each(|error| log::error!("tiers of project {}: {error}", project.id));
        Tiers::shipped()
    })
}

/// A price as the file or the table of prices tells it.
pub(super) fn price(price: config::Price) -> Price {
    let money = |usd: config::Usd| MicroUsd::new(usd.micros());
    let rates = Rates {
        input: money(price.input),
        output: money(price.output),
        cached_input: price.cached_input.map(money),
        reasoning: price.reasoning.map(money),
    };
    // Reasoning costs above the step what other output costs there, if that is more than it did below.
    let above = price.above.map(|above| {
        let rates = Rates {
            input: money(above.input),
            output: money(above.output),
            cached_input: above.cached_input.map(money),
            reasoning: rates.reasoning.map(|reasoning| reasoning.max(money(above.output))),
        };
        (above.tokens, rates)
    });
    Price { rates, above }
}

fn terms(model: &config::Model) -> ModelTerms {
    let unknown = ModelTerms::default();
    ModelTerms {
        max_output_tokens: model.max_output_tokens.map(u64::from),
        price: model.priced().map(price),
        vocabulary: if model.counts_in_o200k() { Vocabulary::O200k } else { Vocabulary::Other },
        image_tokens: model.image_tokens.map_or(unknown.image_tokens, u64::from),
    }
}
