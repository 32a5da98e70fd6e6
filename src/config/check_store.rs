//! Where state is kept: what a Redis needs, and what only it needs.

use super::document::Problem;
use super::{Config, RedisMode, StoreEngine, ca};
use behest_contract::secret::Secret;
use behest_store::RedisConfig;

/// Checks the section, and what the other sections must say with it.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    match config.store.engine {
        StoreEngine::Embedded => embedded(config, problems),
        StoreEngine::Redis => redis(config, problems),
    }
}

fn embedded(config: &Config, problems: &mut Vec<Problem>) {
    let only_read_with_redis =
        [("/store/url", config.store.url.is_some()), ("/store/ca", config.store.ca.is_some())];
    for (at, _) in only_read_with_redis.into_iter().filter(|(_, is_given)| *is_given) {
        problems.push(Problem::new(at, "is only read with engine: redis"));
    }
}

fn redis(config: &Config, problems: &mut Vec<Problem>) {
    let store = &config.store;
    match &store.url {
        None => problems.push(Problem::new("/store/url", "is missing: engine redis needs one")),
        // One that could not be looked up was told of already.
        Some(url) => {
            let wrong = url.secret().and_then(|url| wrong_url(url, store.mode));
            problems.extend(wrong.map(|message| Problem::new("/store/url", message)));
        }
    }
    if let Some(message) = store.ca.as_deref().and_then(|path| ca::check(path).err()) {
        problems.push(Problem::new("/store/ca", message));
    }
    if config.master_key.secret().is_none() {
        let reference = config.master_key.reference();
        let message = format!(
            "is not there ({reference}): nodes that share a Redis share a master key, so none is generated"
        );
        problems.push(Problem::new("/master_key", message));
    }
}

fn wrong_url(url: &Secret, mode: RedisMode) -> Option<String> {
    let config = RedisConfig::new(url.expose(), mode.into());
    config.check().err().map(|error| error.to_string())
}
