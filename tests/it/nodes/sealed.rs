use serde_json::json;

use crate::support::client::Ask;
use crate::support::conf::{ADMIN_SECRET, KEY, MASTER_KEY, PROVIDER_KEY, set};
use crate::support::nodes::Nodes;
use crate::support::plan::WHOLE;
use crate::support::until;
use crate::support::wire::find;

const ADDRESS: &str = "ann.canary@example.com";
const TENANTS_KEY: &str = "sk-of-acme-canary-0123456789";
const BLOCKED: &str = "project canary zephyr";

#[tokio::test]
async fn nothing_that_redis_is_ever_told_has_a_secret_or_a_prompt_in_it() {
    let nodes = Nodes::start(|conf| {
        set(conf, "/providers/0/byok", json!({ "allow": true }));
        let pii = json!({ "mode": "enforce", "entities": { "EMAIL_ADDRESS": "MASK" } });
        conf["tenants"][0]["projects"][0]["pii"] = pii;
    })
    .await;
    let gateway = &nodes.gateways[0];
    let sentinel = json!({ "mode": "enforce", "blocklist": [BLOCKED] });
    let body = json!({ "id": "p", "tenant": "acme", "sentinel": sentinel });
    gateway.make("projects", body).await;
    let (_, key) = gateway.new_key("p", json!({})).await;
    let put = json!({ "api_key": TENANTS_KEY });
    let put = gateway.call("PUT", "tenants/acme/provider-keys/p0", put).await;
    assert!((200..=201).contains(&put.status), "{}", put.text());
    let token = gateway.token("ann").await;
    let content = format!("a secret plan of {ADDRESS}");
    let prompt = json!({ "messages": [{ "role": "user", "content": content }] }).to_string();
    for credential in [KEY, &key, &token] {
        let answer = gateway.ask(&Ask::chat(prompt.clone()).key(credential)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(gateway.ask(&Ask::chat(WHOLE).key(&key)).await.status, 200);
    assert_eq!(gateway.list("events").await.len(), 2);
    let told = || {
        let written = nodes.redis.written();
        // Each of these is written by another part.
        let parts = ["{%records}:audit", "guardrails:events", "behest:{acme}"];
        let is_there = |part: &str| find(&written, part.as_bytes()).is_some();
        parts.into_iter().all(is_there).then_some(written)
    };
    let written = until("all that is to be found in Redis", told).await;
    for (what, canary) in [
        ("an address", ADDRESS),
        ("a prompt", "a secret plan"),
        ("an answer", "wörld"),
        ("a tenant's provider key", TENANTS_KEY),
        ("a provider key", PROVIDER_KEY),
        ("a key", &key),
        ("a declared key", KEY),
        ("a token", &token),
        ("a private key", "PRIVATE KEY"),
        ("a block list", BLOCKED),
        ("the audit", "key.create"),
        ("the admin secret", ADMIN_SECRET),
        ("the master key", MASTER_KEY),
    ] {
        assert!(find(&written, canary.as_bytes()).is_none(), "{what} lies in Redis");
    }
}
