//! Makes a configuration stand on its own: secrets looked up, paths relative to the file's folder.

use std::path::Path;

use super::document::Problem;
use super::secret_ref::{SecretRef, Unresolved};
use super::{Config, Env};

/// Looks every secret up and joins every path to `base`.
pub(super) fn resolve(config: &mut Config, base: &Path, env: Env<'_>, problems: &mut Vec<Problem>) {
    config.data = base.join(&config.data);
    let tls = [&mut config.listen.data_tls, &mut config.listen.admin_tls];
    for files in tls.into_iter().flatten() {
        files.cert = base.join(&files.cert);
        files.key = base.join(&files.key);
    }
    let of_providers = config.providers.iter_mut().filter_map(|provider| provider.ca.as_mut());
    for ca in of_providers.chain(config.store.ca.as_mut()) {
        *ca = base.join(&*ca);
    }
    // The master key may be missing as long as nothing is sealed; a wrong one may not.
    match config.master_key.resolve(base, env) {
        Ok(()) | Err(Unresolved::Absent(_)) => {}
        Err(Unresolved::Unusable(message)) => problems.push(Problem::new("/master_key", message)),
    }
    for (at, secret) in secrets(config) {
        if let Err(unresolved) = secret.resolve(base, env) {
            problems.push(Problem::new(at, unresolved.into_message()));
        }
    }
}

/// Every secret that must be there, with its place in the file.
fn secrets(config: &mut Config) -> Vec<(String, &mut SecretRef)> {
    let mut found = Vec::new();
    found.extend(config.admin_secret.as_mut().map(|secret| ("/admin_secret".to_owned(), secret)));
    found.extend(config.store.url.as_mut().map(|secret| ("/store/url".to_owned(), secret)));
    for (at, provider) in config.providers.iter_mut().enumerate() {
        let key = provider.api_key.as_mut();
        found.extend(key.map(|secret| (format!("/providers/{at}/api_key"), secret)));
    }
    for (at, guardrail) in config.guardrails.iter_mut().enumerate() {
        let secret = guardrail.secret.as_mut();
        found.extend(secret.map(|secret| (format!("/guardrails/{at}/secret"), secret)));
    }
    for (at, secret) in config.older_master_keys.iter_mut().enumerate() {
        found.push((format!("/older_master_keys/{at}"), secret));
    }
    for (at, tenant) in config.tenants.iter_mut().enumerate() {
        for (below, project) in tenant.projects.iter_mut().enumerate() {
            for (index, key) in project.api_keys.iter_mut().enumerate() {
                let place = format!("/tenants/{at}/projects/{below}/api_keys/{index}/secret");
                found.push((place, &mut key.secret));
            }
        }
    }
    found
}
