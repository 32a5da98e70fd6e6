//! The engines behind the ports, put together as the configuration says.

use crate::config::{Config, RedisMode, Store, StoreEngine};
use behest_contract::book::Book;
use behest_contract::directory::Directory;
use behest_contract::events::Events;
use behest_contract::purse::Purse;
use behest_contract::secret::Secret;
use behest_store::{Embedded, EmbeddedConfig, Redis, RedisConfig, RedisDirectory, RedisEvents};
use std::sync::Arc;

/// What keeps what.
pub struct Engines {
    /// Records.
    pub directory: Arc<dyn Directory>,
    /// Counters.
    pub purse: Arc<dyn Purse>,
    /// The ledger.
    pub book: Arc<dyn Book>,
    /// What guardrails have found.
    pub events: Arc<dyn Events>,
    /// The Redis that nodes share, if they do.
    pub redis: Option<Redis>,
    /// This node's folder.
    pub folder: Embedded,
}

impl Engines {
    /// Opens this node's folder, and begins to connect to a Redis where there is one.
    pub fn open(config: &Config) -> Result<Self, String> {
        let ledger = Embedded::open(&config.data, &EmbeddedConfig::default());
        let ledger = Arc::new(ledger.map_err(|error| error.to_string())?);
        match config.store.engine {
            StoreEngine::Embedded => Ok(Self {
                directory: ledger.clone(),
                purse: ledger.clone(),
                book: ledger.clone(),
                folder: ledger.as_ref().clone(),
                events: ledger,
                redis: None,
            }),
            StoreEngine::Redis => shared(&config.store, ledger),
        }
    }
}

/// All nodes count, and keep records, in one place. The rows of the ledger are each node's own.
fn shared(store: &Store, ledger: Arc<Embedded>) -> Result<Engines, String> {
    let config = redis_config(store)?;
    let directory = RedisDirectory::open(&config).map_err(|error| error.to_string())?;
    let folder = ledger.as_ref().clone();
    let redis = Redis::open(&config, ledger).map_err(|error| error.to_string())?;
    Ok(Engines {
        folder,
        events: Arc::new(RedisEvents::beside(&directory)),
        directory: Arc::new(directory),
        purse: Arc::new(redis.clone()),
        book: Arc::new(redis.clone()),
        redis: Some(redis),
    })
}

fn redis_config(store: &Store) -> Result<RedisConfig, String> {
    let url = store.url.as_ref().and_then(|url| url.secret()).ok_or("store.url is missing")?;
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|error| format!("store.ca: {}: {error}", path.display()))
    };
    Ok(RedisConfig {
        ca_pem: store.ca.as_ref().map(read).transpose()?,
        command_timeout: store.command_timeout.duration(),
        lease_expiry: store.lease_expiry.duration(),
        ..RedisConfig::new(Secret::expose(url), store.mode.into())
    })
}

impl From<RedisMode> for behest_store::RedisMode {
    fn from(mode: RedisMode) -> Self {
        match mode {
            RedisMode::Single => Self::Single,
            RedisMode::Sentinel => Self::Sentinel,
            RedisMode::Cluster => Self::Cluster,
        }
    }
}
