//! What the file knows but this version does not do yet. Whoever builds it deletes its line.

use super::document::Problem;
use super::{Config, Project, Provider, ProviderKind, Route};

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
    switched_on("memory/enabled", project.memory.enabled);
}
