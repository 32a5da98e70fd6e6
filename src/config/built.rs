//! What the file knows but this version does not do yet. Whoever builds it deletes its line.

use super::document::Problem;
use super::{
    Config, Mode, Project, Provider, ProviderKind, Route, SessionLimits, StoreEngine, UserLimits,
};

/// Refuses what is switched on and not built: it would be ignored in silence.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    let mut switched_on = |at: &str, on: bool| {
        if on {
            problems
                .push(Problem::new(at, "is switched on, but this version does not have it yet"));
        }
    };
    switched_on("/listen/data_tls", config.listen.data_tls.is_some());
    switched_on("/listen/admin_tls", config.listen.admin_tls.is_some());
    switched_on("/store/engine", config.store.engine == StoreEngine::Redis);
    for (at, provider) in config.providers.iter().enumerate() {
        provider_parts(provider, &mut |part, on| {
            switched_on(&format!("/providers/{at}/{part}"), on)
        });
    }
    for (at, model) in config.models.iter().enumerate() {
        switched_on(&format!("/models/{at}/route"), model.route != Route::Order);
    }
    for (at, tenant) in config.tenants.iter().enumerate() {
        for (below, project) in tenant.projects.iter().enumerate() {
            project_parts(project, &mut |part, on| {
                switched_on(&format!("/tenants/{at}/projects/{below}/{part}"), on);
            });
        }
    }
}

fn provider_parts(provider: &Provider, switched_on: &mut dyn FnMut(&str, bool)) {
    switched_on("kind", provider.kind != ProviderKind::Openai);
    switched_on("breaker", provider.breaker.is_some());
}

fn project_parts(project: &Project, switched_on: &mut dyn FnMut(&str, bool)) {
    let limits = &project.limits;
    switched_on("limits/user_requests_per_minute", limits.user_requests_per_minute.is_some());
    switched_on("limits/max_in_flight", limits.max_in_flight.is_some());
    switched_on("limits/tokens_per_day", limits.tokens_per_day.is_some());
    switched_on("limits/tokens_per_month", limits.tokens_per_month.is_some());
    switched_on("limits/usd_per_day", limits.usd_per_day.is_some());
    switched_on("limits/usd_per_month", limits.usd_per_month.is_some());
    switched_on("user_limits", project.user_limits != UserLimits::default());
    switched_on("session_limits", project.session_limits != SessionLimits::default());
    switched_on("default_tier", project.default_tier.is_some());
    switched_on("tiers", !project.tiers.is_empty());
    switched_on("pii/mode", project.pii.mode != Mode::Disabled);
    switched_on("sentinel/mode", project.sentinel.mode != Mode::Disabled);
    switched_on("memory/enabled", project.memory.enabled);
    switched_on("blocked_status", project.blocked_status.is_some());
}
