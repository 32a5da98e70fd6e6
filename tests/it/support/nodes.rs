//! Several gateways on one Redis.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};

use super::conf::{conf, set};
use super::folder::Folder;
use super::gateway::Gateway;
use super::provider::Provider;
use super::redis::Redis;

/// Gateways that share a Redis and a provider.
pub(crate) struct Nodes {
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) provider: Provider,
    pub(crate) redis: Arc<Redis>,
}

impl Nodes {
    /// Four of them, which start at the same time. `change` changes their configuration.
    pub(crate) async fn start(change: impl FnOnce(&mut Value)) -> Self {
        let redis = Arc::new(Redis::start().await);
        let url = redis.url();
        Self::start_at(redis, &url, change).await
    }

    /// The same, with another way to that Redis.
    pub(crate) async fn start_at(
        redis: Arc<Redis>,
        url: &str,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let provider = Provider::start().await;
        let mut conf = conf(&[provider.url()]);
        set(&mut conf, "/master_key", "env:IT_MASTER_KEY");
        // So that a slow machine is not taken for a Redis that is away.
        let store = json!({ "engine": "redis", "url": "file:redis-url", "command_timeout": "500ms",
            "lease_expiry": "2s" });
        set(&mut conf, "/store", store);
        change(&mut conf);
        let starting = (0..4).map(|_| {
            let folder = Folder::new();
            folder.write("redis-url", url);
            Gateway::start_in(folder, conf.clone())
        });
        Self { gateways: join_all(starting).await, provider, redis }
    }
}
