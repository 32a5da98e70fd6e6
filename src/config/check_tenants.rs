//! What the schema cannot say about tenants: names that must be unique, models that must exist,
//! keys that must be long enough and different.

use std::collections::HashMap;

use behest_pii::PiiPolicies;

use super::check::{known_guardrail, known_model, too_short, unique};
use super::document::Problem;
use super::{Config, Project};

/// Checks tenants, projects and keys.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    let tenants = config.tenants.iter().enumerate();
    let ids = tenants.map(|(at, tenant)| (format!("/tenants/{at}/id"), tenant.id.as_str()));
    unique("tenant", ids, problems);
    let ids = projects(config).map(|(at, project)| (format!("{at}/id"), project.id.as_str()));
    unique("project", ids, problems);
    let slugs = projects(config).filter_map(|(at, project)| {
        project.slug.as_deref().map(|slug| (format!("{at}/slug"), slug))
    });
    unique("slug", slugs, problems);
    for (at, project) in projects(config) {
        let names = project.api_keys.iter().enumerate();
        let names = names
            .map(|(key, declared)| (format!("{at}/api_keys/{key}/name"), declared.name.as_str()));
        unique("key", names, problems);
        models(config, &at, project, problems);
        tiers(&at, project, problems);
        guardrails(config, &at, project, problems);
    }
    keys(config, problems);
}

/// All projects, each with its place in the file.
fn projects(config: &Config) -> impl Iterator<Item = (String, &Project)> {
    config.tenants.iter().enumerate().flat_map(|(at, tenant)| {
        let below = tenant.projects.iter().enumerate();
        below.map(move |(below, project)| (format!("/tenants/{at}/projects/{below}"), project))
    })
}

fn models(config: &Config, at: &str, project: &Project, problems: &mut Vec<Problem>) {
    let allowed = project.models.as_deref().unwrap_or_default();
    for (index, model) in allowed.iter().enumerate() {
        known_model(&format!("{at}/models/{index}"), config, model, problems);
    }
    let listed = allowed.iter().enumerate();
    unique(
        "model",
        listed.map(|(index, model)| (format!("{at}/models/{index}"), model.as_str())),
        problems,
    );
    let Some(model) = &project.model else { return };
    known_model(&format!("{at}/model"), config, model, problems);
    if project.models.is_some() && !allowed.contains(model) {
        let message = format!("{model:?} is not among the project's own models");
        problems.push(Problem::new(format!("{at}/model"), message));
    }
}

/// Patterns must compile, and names of entities must be known.
fn guardrails(config: &Config, at: &str, project: &Project, problems: &mut Vec<Problem>) {
    let own = (at.to_owned(), Some(&project.sentinel));
    let of_tiers = project
        .tiers
        .iter()
        .map(|(name, tier)| (format!("{at}/tiers/{name}"), tier.sentinel.as_ref()));
    for (at, sentinel) in std::iter::once(own).chain(of_tiers) {
        if let Some(hook) = sentinel.and_then(|sentinel| sentinel.hook.as_deref()) {
            known_guardrail(&format!("{at}/sentinel/hook"), config, hook, problems);
        }
    }
    let rows = project.guardrails(&config.guardrails);
    let Err(errors) = PiiPolicies::compile(rows) else { return };
    let prefix = format!("projects.{}.", project.id);
    for error in errors {
        let path = error.path.strip_prefix(&prefix).unwrap_or(&error.path);
        let path = path.replace(['.', '['], "/").replace(']', "");
        problems.push(Problem::new(format!("{at}/{path}"), error.problem.to_string()));
    }
}

/// Tiers must fit the shipped ones, and the default one must be there.
fn tiers(at: &str, project: &Project, problems: &mut Vec<Problem>) {
    let tiers = match project.all_tiers() {
        Ok(tiers) => tiers,
        Err(errors) => {
            let wrong =
                errors.iter().map(|error| Problem::new(format!("{at}/tiers"), error.to_string()));
            problems.extend(wrong);
            return;
        }
    };
    if let Some(name) = project.default_tier.as_deref().filter(|name| tiers.by_name(name).is_none())
    {
        let known: Vec<_> = tiers.iter().map(|tier| tier.name.as_ref()).collect();
        let message = format!("unknown tier {name:?}; known: {}", known.join(", "));
        problems.push(Problem::new(format!("{at}/default_tier"), message));
    }
}

/// Keys are told apart by what they are, so two with one secret could not be.
fn keys(config: &Config, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&str, String> = HashMap::new();
    for (at, project) in projects(config) {
        for (index, key) in project.api_keys.iter().enumerate() {
            let Some(secret) = key.secret.secret() else { continue };
            let at = format!("{at}/api_keys/{index}/secret");
            if let Some(message) = unfit(secret.expose()) {
                problems.push(Problem::new(&at, format!("{} {message}", key.secret.reference())));
            }
            let owner = format!("key {:?} of project {:?}", key.name, project.id);
            if let Some(first) = seen.get(secret.expose()) {
                problems.push(Problem::new(&at, format!("has the same secret as {first}")));
            } else {
                seen.insert(secret.expose(), owner);
            }
        }
    }
}

/// Why a text cannot be an API key.
fn unfit(secret: &str) -> Option<String> {
    let sendable = secret.bytes().all(|byte| byte.is_ascii_graphic());
    too_short(secret).or_else(|| {
        (!sendable).then(|| "holds characters that no client could send as a key".into())
    })
}
