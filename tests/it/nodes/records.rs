use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::support::client::Ask;
use crate::support::conf::KEY;
use crate::support::gateway::Gateway;
use crate::support::nodes::Nodes;
use crate::support::plan::WHOLE;
use crate::support::redis::Redis;
use crate::support::{until, until_then};

/// The contract's bound for everything here.
const BOUND: Duration = Duration::from_secs(1);

/// All gateways give this status in time.
async fn all_say(nodes: &[Gateway], ask: &Ask, status: u16) {
    let says = nodes.iter().enumerate().map(|(node, gateway)| async move {
        let said = timeout(BOUND, gateway.until_status(ask, status)).await;
        assert!(said.is_ok(), "node {node} does not say {status} within a second");
    });
    futures::future::join_all(says).await;
}

/// A key, a switch and an end to both, each on another node.
async fn are_one(nodes: &[Gateway]) {
    let (id, key) = nodes[0].new_key("demo", json!({ "name": "shared" })).await;
    let ask = Ask::chat(WHOLE).key(&key);
    all_say(nodes, &ask, 200).await;
    nodes[1].make("kill-switches", json!({ "scope": "project", "id": "demo" })).await;
    all_say(nodes, &ask, 403).await;
    nodes[2].remove("kill-switches/project/demo").await;
    all_say(nodes, &ask, 200).await;
    nodes[3].remove(&format!("projects/demo/keys/{id}")).await;
    all_say(nodes, &ask, 401).await;
}

#[tokio::test]
async fn what_is_made_or_revoked_on_one_node_is_so_on_all_within_a_second() {
    let shared = Nodes::start(|_| ()).await;
    let nodes = &shared.gateways;
    are_one(nodes).await;
    // One set of keys of our own, however many nodes made some at the first start.
    let token = nodes[0].token("ann").await;
    all_say(nodes, &Ask::get("/v1/models").key(&token), 200).await;
    let path = "projects/demo/users/ann/revoke";
    assert_eq!(nodes[2].call("POST", path, json!({})).await.status, 200);
    all_say(nodes, &Ask::get("/v1/models").key(&token), 401).await;
    let audits = [nodes[0].changes().await, nodes[3].changes().await];
    assert_eq!(audits[0], audits[1]);
    let actions: Vec<_> = audits[0].iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions.len(), 5, "{actions:?}");
    assert!(actions.contains(&"key.create") && actions.contains(&"user.revoke"), "{actions:?}");
}

#[tokio::test]
async fn nobody_has_to_hear_of_it() {
    let redis = Arc::new(Redis::start().await);
    redis.cli(&["ACL", "SETUSER", "deaf", "on", ">p", "~*", "+@all", "-@pubsub", "resetchannels"]);
    let url = format!("redis://deaf:p@{}", redis.address);
    let nodes = Nodes::start_at(redis, &url, |_| ()).await;
    are_one(&nodes.gateways).await;
}

#[tokio::test]
async fn of_two_who_change_the_same_at_once_none_undoes_the_other() {
    let shared = Nodes::start(|_| ()).await;
    let nodes = &shared.gateways;
    let made = nodes.iter().enumerate().map(|(node, gateway)| async move {
        for round in 0..5 {
            let id = format!("t-{node}-{round}");
            gateway.make("tenants", json!({ "id": id })).await;
        }
        let same = gateway.call("POST", "tenants", json!({ "id": "wanted" })).await;
        same.status
    });
    let mut statuses = futures::future::join_all(made).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    for gateway in nodes {
        let all = until_then("all tenants", async || {
            let found = gateway.list("tenants").await;
            (found.len() == 22).then_some(found)
        });
        assert!(all.await.iter().any(|tenant| tenant["id"] == "wanted"));
    }
}

#[tokio::test]
async fn what_guardrails_find_is_told_by_all_nodes_and_survives_them() {
    let pii = json!({ "mode": "enforce", "entities": { "EMAIL_ADDRESS": "MASK" } });
    let mut nodes = Nodes::start(|conf| conf["tenants"][0]["projects"][0]["pii"] = pii).await;
    let content = "write to ann.canary@example.com";
    let body = json!({ "messages": [{ "role": "user", "content": content }] }).to_string();
    for gateway in &nodes.gateways {
        let answer = gateway.ask(&Ask::chat(body.clone()).key(KEY)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for gateway in &nodes.gateways {
        let told = until_then("four events", async || {
            Some(gateway.list("events?project=demo").await).filter(|told| told.len() == 4)
        });
        assert!(told.await.iter().all(|event| event["entity_types"] == json!(["EMAIL_ADDRESS"])));
    }
    let before = nodes.gateways[1].list("events").await;
    let last = nodes.gateways.remove(0).restart("KILL").await;
    assert_eq!(last.list("events").await, before);
}

#[tokio::test]
async fn a_redis_that_has_lost_the_last_changes_is_followed_back() {
    let shared = Nodes::start(|_| ()).await;
    let nodes = &shared.gateways;
    let chat = |key: &str| Ask::chat(WHOLE).key(key);
    let (_, kept) = nodes[0].new_key("demo", json!({})).await;
    let copy = shared.redis.copy();
    let (_, lost) = nodes[1].new_key("demo", json!({})).await;
    all_say(nodes, &chat(&lost), 200).await;
    shared.redis.kill();
    shared.redis.put_back(&copy);
    shared.redis.revive().await;
    // As many changes as were lost: nobody can tell by counting.
    let new = until_then("a change", async || {
        let made = nodes[2].call("POST", "projects/demo/keys", json!({})).await;
        (made.status == 201).then(|| made.json()["key"].as_str().unwrap().to_owned())
    })
    .await;
    for gateway in nodes {
        gateway.until_status(&chat(&new), 200).await;
        gateway.until_status(&chat(&lost), 401).await;
        assert_eq!(gateway.ask(&chat(&kept)).await.status, 200);
    }
}

#[tokio::test]
async fn a_redis_that_has_lost_everything_takes_nobodys_key_away() {
    let shared = Nodes::start(|_| ()).await;
    let nodes = &shared.gateways;
    let (_, key) = nodes[0].new_key("demo", json!({})).await;
    let ask = Ask::chat(WHOLE).key(&key);
    all_say(nodes, &ask, 200).await;
    shared.redis.cli(&["FLUSHALL"]);
    for gateway in nodes {
        let said = || gateway.output().contains("it has lost its records").then_some(());
        until("a line in the log", said).await;
        assert_eq!(gateway.ask(&ask).await.status, 200);
    }
}
