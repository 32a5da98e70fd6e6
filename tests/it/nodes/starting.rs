use std::process::Child;

use serde_json::{Value, json};

use crate::support::conf::{conf, set};
use crate::support::folder::Folder;
use crate::support::gateway::{free_address, leave, spawn_with};
use crate::support::nodes::Nodes;
use crate::support::redis::Redis;
use crate::support::until;

/// A program that is on its way to an end.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        leave(&mut self.0);
    }
}

fn shared() -> Value {
    let mut conf = conf(&["http://127.0.0.1:9/v1".to_owned()]);
    let listen = json!({
        "data": free_address().to_string(),
        "admin": free_address().to_string(),
    });
    set(&mut conf, "/listen", listen);
    set(&mut conf, "/master_key", "env:IT_MASTER_KEY");
    set(&mut conf, "/store", json!({ "engine": "redis", "url": "file:redis-url" }));
    conf
}

/// What is said by a gateway that does not start.
async fn refusal(conf: &Value, url: &str, environment: &[(&str, &str)]) -> String {
    let folder = Folder::new();
    folder.write("redis-url", url);
    folder.write("behest.yaml", conf.to_string());
    let program = spawn_with(&["serve", "--config", "behest.yaml"], folder.path(), environment);
    let mut ending = Ending(program);
    let status = until("the end", || ending.0.try_wait().unwrap()).await;
    assert!(!status.success());
    folder.read("stderr")
}

#[tokio::test]
async fn without_redis_a_gateway_says_so_and_does_not_start() {
    let url = format!("redis://user:canary-password@{}", free_address());
    let said = refusal(&shared(), &url, &[]).await;
    assert!(said.contains("the store cannot be read: ") && said.contains("Redis"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test]
async fn without_the_master_key_or_with_another_one_a_gateway_does_not_start() {
    let mut without = shared();
    set(&mut without, "/master_key", "env:IT_NOWHERE");
    let said = refusal(&without, "redis://127.0.0.1:1", &[]).await;
    assert!(said.contains("master_key: is not there (env:IT_NOWHERE)"), "{said}");
    let nodes = Nodes::start(|_| ()).await;
    let other = "0a2e4f6d8c1b3a5e7f9d0c2b4a6e8f138f1d3c5b7a9e0f2d4c6b8a1e3f5d7c9b";
    let said = refusal(&shared(), &nodes.redis.url(), &[("IT_MASTER_KEY", other)]).await;
    assert!(said.contains("not the key that the stored data was sealed under"), "{said}");
    nodes.gateways[0].make("tenants", json!({ "id": "initech" })).await;
}

#[tokio::test]
async fn a_start_waits_a_while_for_redis() {
    let redis = Redis::start().await;
    redis.kill();
    let folder = Folder::new();
    folder.write("redis-url", redis.url());
    folder.write("behest.yaml", shared().to_string());
    let program = spawn_with(&["serve", "--config", "behest.yaml"], folder.path(), &[]);
    let _ending = Ending(program);
    until("it has tried", || folder.read("stderr").contains("Redis is lost").then_some(())).await;
    redis.revive().await;
    until("it serves", || redis.cli(&["DBSIZE"]).trim().parse::<u32>().ok().filter(|n| *n > 2))
        .await;
}
