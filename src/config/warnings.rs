//! What a valid file had better not say.

use super::check::too_short;
use super::{Config, Model, OutputCap, Project};

/// An admin secret that could be guessed, and for each project with a hard budget the providers of its
/// models that cannot be told a cap.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    guessable(config).into_iter().chain(overspending(config)).collect()
}

/// What is wrong with the admin secret.
fn guessable(config: &Config) -> Option<String> {
    let admin = config.admin_secret.as_ref()?;
    let why = too_short(admin.secret()?.expose())?;
    Some(format!("admin_secret: {} {why}: it could be guessed", admin.reference()))
}

fn overspending(config: &Config) -> Vec<String> {
    let projects = config.tenants.iter().flat_map(|tenant| &tenant.projects);
    projects
        .filter(|project| has_hard_budget(project))
        .flat_map(|project| {
            let uncapped = config.providers.iter().filter(|provider| {
                provider.capabilities.output_cap == OutputCap::None
                    && config.models.iter().any(|model| serves(project, model, &provider.name))
            });
            uncapped.map(|provider| overspends(project, &provider.name))
        })
        .collect()
}

fn overspends(project: &Project, provider: &str) -> String {
    format!(
        "project {}: its budgets can be overspent at provider {provider}, whose `output_cap` is `none`: \
         it is not told how much an answer may have",
        project.id
    )
}

/// Whether there is a budget that is not to be overspent: a project's or a session's, and all money.
fn has_hard_budget(project: &Project) -> bool {
    let Project { limits, user_limits, session_limits, .. } = project;
    let tokens = [limits.tokens_per_day, limits.tokens_per_month, session_limits.tokens];
    let money = [
        limits.usd_per_day,
        limits.usd_per_month,
        user_limits.usd_per_day,
        user_limits.usd_per_month,
        session_limits.usd,
    ];
    tokens.iter().any(Option::is_some) || money.iter().any(Option::is_some)
}

fn serves(project: &Project, model: &Model, provider: &str) -> bool {
    let is_allowed = project.models.as_ref().is_none_or(|models| models.contains(&model.id));
    is_allowed && model.targets.iter().any(|target| target.provider == provider)
}

#[cfg(test)]
mod tests {
    use super::Config;
    use std::path::Path;

    fn warnings(limits: &str, cap: &str, models: &str) -> Vec<String> {
        let text = format!(
            "providers:
  - {{ name: near, kind: openai, base_url: 'http://127.0.0.1:1/v1', api_key: 'env:KEY' }}
  - name: far
    kind: openai
    base_url: 'http://127.0.0.1:2/v1'
    api_key: 'env:KEY'
    capabilities: {{ output_cap: {cap} }}
models:
  - {{ id: m, targets: [ {{ provider: near, model: a }} ] }}
  - {{ id: n, targets: [ {{ provider: near, model: a }}, {{ provider: far, model: b }} ] }}
default_model: m
tenants:
  - id: acme
    projects: [ {{ id: demo, {models} {limits} }} ]
"
        );
        let env = |name: &str| (name == "KEY").then(|| "a-secret-of-the-test".to_owned());
        Config::parse(&text, "f.yaml", Path::new("."), &env).unwrap().warnings()
    }

    #[test]
    fn a_hard_budget_before_a_provider_that_takes_no_cap_is_warned_of() {
        let all = "";
        for limits in [
            "limits: { tokens_per_month: 9 }",
            "limits: { usd_per_day: 9 }",
            "user_limits: { usd_per_month: 9 }",
            "session_limits: { tokens: 9 }",
        ] {
            let found = warnings(limits, "none", all);
            assert_eq!(found.len(), 1, "{limits}");
            assert!(found[0].contains("project demo") && found[0].contains("provider far"));
            assert_eq!(warnings(limits, "max_tokens", all), [""; 0], "{limits}");
            assert_eq!(warnings(limits, "none", "models: [m],"), [""; 0], "{limits}");
        }
        for limits in ["limits: { requests_per_minute: 9 }", "user_limits: { tokens_per_day: 9 }"] {
            assert_eq!(warnings(limits, "none", all), [""; 0], "{limits}");
        }
    }
}
