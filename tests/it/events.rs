//! Guardrail events: what is told of a finding, to whom, and for how long (CONTRACT 10).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{conf, set};
use crate::support::gateway::Gateway;
use crate::support::provider::Provider;
use crate::support::until_then;

const ADDRESS: &str = "ann.canary@example.com";

fn masking(url: &str) -> Value {
    let mut conf = conf(&[url.to_owned()]);
    let pii = json!({ "mode": "enforce", "entities": { "EMAIL_ADDRESS": "MASK" } });
    set(&mut conf, "/tenants/0/projects/0/pii", pii);
    conf
}

fn mail() -> Ask {
    let content = format!("write to {ADDRESS} and to bob@example.org");
    Ask::chat(json!({ "messages": [{ "role": "user", "content": content }] }).to_string())
}

#[tokio::test]
async fn events_are_told_at_once_and_survive_any_end() {
    let provider = Provider::start().await;
    let mut gateway = Gateway::start(masking(&provider.url())).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer = gateway.ask(&mail()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }
    let told = gateway.list("events?project=demo&type=pii").await;
    let requests: Vec<_> = told.iter().map(|event| event["request_id"].as_str().unwrap()).collect();
    assert_eq!(requests, ids.iter().rev().map(String::as_str).collect::<Vec<_>>());
    let event = &told[0];
    let members = ["type", "tenant_id", "project_id", "direction", "mode", "action_taken"];
    let words = members.map(|name| event[name].as_str().unwrap());
    assert_eq!(words, ["pii", "acme", "demo", "request", "enforce", "MASK"]);
    assert_eq!(event["entity_types"], json!(["EMAIL_ADDRESS"]));
    assert_eq!(event["entity_count"], 2);
    assert!(event["id"].is_u64() && event["timestamp"].is_u64(), "{event}");
    assert!(gateway.list("events?type=hook").await.is_empty());
    assert!(gateway.list("events?project=other").await.is_empty());
    for signal in ["TERM", "KILL"] {
        gateway = gateway.restart(signal).await;
        assert_eq!(gateway.list("events").await, told, "after {signal}");
    }
    // What was not asked for is written by itself, soon.
    let answer = gateway.ask(&mail()).await;
    let last = answer.header("x-request-id").unwrap().to_owned();
    let gateway = gateway.restart("TERM").await;
    let found = gateway.list("events").await;
    assert_eq!((found.len(), found[0]["request_id"].as_str()), (4, Some(last.as_str())));
    assert!(!json!(found).to_string().contains(ADDRESS));
}

#[tokio::test]
async fn events_come_in_pages_of_which_none_overlap() {
    let provider = Provider::start().await;
    let gateway = Gateway::start(masking(&provider.url())).await;
    for _ in 0..5 {
        assert_eq!(gateway.ask(&mail()).await.status, 200);
    }
    let all = until_then("five events", async || {
        Some(gateway.list("events").await).filter(|all| all.len() == 5)
    });
    let all = all.await;
    let first = gateway.look("events?limit=2").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = gateway.look(&format!("events?limit=3&cursor={cursor}")).await;
    assert_eq!(json!([&all[..2], &all[2..]]), json!([first["data"], second["data"]]));
    assert_eq!(second["next_cursor"], Value::Null);
}
