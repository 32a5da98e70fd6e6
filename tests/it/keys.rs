//! API keys that are made, rotated and revoked at run time (CONTRACT 4.1).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{conf_of_two, now};
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::{refused, refused_by_admin};
use crate::support::token::Parts;

const PATH: &str = "projects/demo/keys";

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf_of_two(&[provider.url()])).await;
    (provider, gateway)
}

fn chat(key: &str) -> Ask {
    Ask::chat(WHOLE).key(key)
}

fn has_the_shape(key: &str) -> bool {
    let hex = key.strip_prefix("behest_sk_live_").unwrap_or_default();
    hex.len() == 32 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[tokio::test]
async fn a_new_key_works_at_once_and_is_shown_once() {
    let (_provider, gateway) = start().await;
    let made = gateway.make(PATH, json!({ "name": "backend" })).await;
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(has_the_shape(key), "{key}");
    let answer = gateway.ask(&chat(key)).await;
    assert_eq!(answer.status, 200, "the very next request: {}", answer.text());
    assert_eq!(gateway.ask(&Ask::get("/v1/models").key(key)).await.status, 200);
    assert_eq!(gateway.mint(key, json!({ "user_id": "u" })).await.status, 200);
    let one = gateway.look(&format!("{PATH}/{id}")).await;
    assert_eq!((&one["id"], &one["name"]), (&json!(id), &json!("backend")));
    let listed = gateway.list(PATH).await;
    for shown in [one.to_string(), json!(listed).to_string()] {
        assert!(shown.contains(&key[key.len() - 4..]), "the last four: {shown}");
        assert!(!shown.contains(&key[key.len() - 8..]), "{shown}");
        assert!(!shown.contains("argon2"), "{shown}");
    }
    // The declared one is there too.
    assert!(listed.iter().any(|key| key["declared"] == true), "{listed:?}");
    // No two are alike.
    let (other_id, other) = gateway.new_key("demo", json!({})).await;
    assert!(other_id != id && other != key);
}

#[tokio::test]
async fn a_key_acts_for_its_project_only() {
    let (_provider, gateway) = start().await;
    let (_, key) = gateway.new_key("shop", json!({})).await;
    assert_eq!(gateway.ask(&chat(&key)).await.status, 200);
    let elsewhere = chat(&key).header("Host", "amber-fox-042.behest.localhost");
    refused(&gateway.ask(&elsewhere).await, 403, "forbidden");
    let at_home = chat(&key).header("Host", "green-bird-003.behest.localhost");
    assert_eq!(gateway.ask(&at_home).await.status, 200);
    let nobodys = gateway.call("POST", "projects/none/keys", json!({})).await;
    refused_by_admin(&nobodys, 404, "not_found");
    let (id, _) = gateway.new_key("demo", json!({})).await;
    let wrong = gateway.call("GET", &format!("projects/shop/keys/{id}"), Value::Null).await;
    refused_by_admin(&wrong, 404, "not_found");
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_the_next_request_on() {
    let (provider, gateway) = start().await;
    let (id, key) = gateway.new_key("demo", json!({})).await;
    let (_, other) = gateway.new_key("demo", json!({})).await;
    // One connection that stays open, and a token that the key minted.
    let mut client = gateway.client().await;
    assert_eq!(client.ask(&chat(&key)).await.status, 200);
    let minted = gateway.mint(&key, json!({ "user_id": "u" })).await.json();
    gateway.remove(&format!("{PATH}/{id}")).await;
    refused(&client.ask(&chat(&key)).await, 401, "invalid_token");
    refused(&gateway.mint(&key, json!({ "user_id": "u" })).await, 401, "invalid_token");
    refused(&gateway.ask(&Ask::get("/v1/models").key(&key)).await, 401, "invalid_token");
    assert_eq!(gateway.ask(&chat(&other)).await.status, 200);
    // Tokens live as long as they say: a key's end is not theirs.
    assert_eq!(gateway.ask(&chat(minted["jwt"].as_str().unwrap())).await.status, 200);
    assert_eq!(provider.count(), 3);
    let again = gateway.call("DELETE", &format!("{PATH}/{id}"), Value::Null).await;
    refused_by_admin(&again, 404, "not_found");
}

#[tokio::test]
async fn a_key_expires() {
    let (_provider, gateway) = start().await;
    let (id, key) = gateway.new_key("demo", json!({ "ttl": 2 })).await;
    assert_eq!(gateway.ask(&chat(&key)).await.status, 200);
    assert!(gateway.look(&format!("{PATH}/{id}")).await["expires_at"].is_string());
    refused(&gateway.until_status(&chat(&key), 401).await, 401, "invalid_token");
    let (_, key) = gateway.new_key("demo", json!({ "expires_at": "2999-01-01T00:00:00Z" })).await;
    assert_eq!(gateway.ask(&chat(&key)).await.status, 200);
    for wrong in [
        json!({ "expires_at": "2001-01-01T00:00:00Z" }),
        json!({ "expires_at": "tomorrow" }),
        json!({ "expires_at": now() + 60 }),
        json!({ "ttl": 0 }),
        json!({ "ttl": -1 }),
        json!({ "ttl": "60" }),
        json!({ "ttl": 60, "expires_at": "2999-01-01T00:00:00Z" }),
    ] {
        let answer = gateway.call("POST", PATH, wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        refused_by_admin(&answer, 400, "validation_error");
    }
}

#[tokio::test]
async fn an_expiry_may_be_set_later() {
    let (_provider, gateway) = start().await;
    let (id, key) = gateway.new_key("demo", json!({ "name": "a" })).await;
    assert_eq!(gateway.ask(&chat(&key)).await.status, 200);
    let path = format!("{PATH}/{id}");
    let renamed = gateway.call("PATCH", &path, json!({ "name": "b" })).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!("b")));
    assert_eq!(gateway.ask(&chat(&key)).await.status, 200);
    let soon = gateway.call("PATCH", &path, json!({ "ttl": 1 })).await;
    assert_eq!(soon.status, 200, "{}", soon.text());
    refused(&gateway.until_status(&chat(&key), 401).await, 401, "invalid_token");
}

#[tokio::test]
async fn a_rotation_lets_both_keys_work_for_a_while() {
    let (_provider, gateway) = start().await;
    let body = json!({ "name": "backend", "end_user": "require" });
    let (id, old) = gateway.new_key("demo", body).await;
    let ask = |key: &str| chat(key).header("X-End-User-Id", "u");
    let path = format!("{PATH}/{id}/rotate");
    let rotate = async |overlap| gateway.call("POST", &path, json!({ "overlap": overlap })).await;
    for wrong in [json!(-1), json!("60"), json!(30 * 86_400 + 1), json!(1.5)] {
        refused_by_admin(&rotate(wrong).await, 400, "validation_error");
    }
    let answer = rotate(json!(2)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let rotated = answer.json();
    let new = rotated["key"].as_str().unwrap();
    assert!(has_the_shape(new) && new != old);
    assert_ne!(rotated["id"], json!(id));
    assert_eq!((&rotated["name"], &rotated["end_user"]), (&json!("backend"), &json!("require")));
    for key in [&old, new] {
        assert_eq!(gateway.ask(&ask(key)).await.status, 200);
    }
    refused(&gateway.ask(&chat(new)).await, 400, "validation_error");
    refused(&gateway.until_status(&ask(&old), 401).await, 401, "invalid_token");
    assert_eq!(gateway.ask(&ask(new)).await.status, 200);
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_the_old_key_at_once() {
    let (_provider, gateway) = start().await;
    let (id, old) = gateway.new_key("demo", json!({})).await;
    assert_eq!(gateway.ask(&chat(&old)).await.status, 200);
    let path = format!("{PATH}/{id}/rotate");
    let rotated = gateway.make(&path, json!({ "overlap": 0 })).await;
    refused(&gateway.ask(&chat(&old)).await, 401, "invalid_token");
    assert_eq!(gateway.ask(&chat(rotated["key"].as_str().unwrap())).await.status, 200);
}

#[tokio::test]
async fn a_key_says_whether_it_wants_an_end_user() {
    let (_provider, gateway) = start().await;
    for (rule, alone, named) in [("allow", 200, 200), ("require", 400, 200), ("forbid", 200, 400)] {
        let (id, key) = gateway.new_key("demo", json!({ "end_user": rule })).await;
        assert_eq!(gateway.look(&format!("{PATH}/{id}")).await["end_user"], rule);
        assert_eq!(gateway.ask(&chat(&key)).await.status, alone, "{rule}");
        let ask = chat(&key).header("X-End-User-Id", "u");
        assert_eq!(gateway.ask(&ask).await.status, named, "{rule}");
        // Minting names its user itself.
        assert_eq!(gateway.mint(&key, json!({ "user_id": "u" })).await.status, 200, "{rule}");
    }
    let (id, key) = gateway.new_key("demo", json!({})).await;
    assert_eq!(gateway.ask(&chat(&key)).await.status, 200, "the default is to allow");
    let path = format!("{PATH}/{id}");
    let changed = gateway.call("PATCH", &path, json!({ "end_user": "require" })).await;
    assert_eq!(changed.status, 200);
    refused(&gateway.ask(&chat(&key)).await, 400, "validation_error");
}

#[tokio::test]
async fn a_key_mints_for_roles_up_to_its_own() {
    let (_provider, gateway) = start().await;
    let (_, plain) = gateway.new_key("demo", json!({})).await;
    let (_, admin) = gateway.new_key("demo", json!({ "role": "admin" })).await;
    let role = |role: &str| json!({ "user_id": "u", "role": role });
    refused(&gateway.mint(&plain, role("admin")).await, 400, "validation_error");
    for wanted in ["user", "admin"] {
        let minted = gateway.mint(&admin, role(wanted)).await;
        assert_eq!(minted.status, 200, "{wanted}: {}", minted.text());
        let token = minted.json()["jwt"].as_str().unwrap().to_owned();
        assert_eq!(Parts::of(&token).payload["role"], wanted);
    }
}

#[tokio::test]
async fn wrong_settings_of_a_key_are_named() {
    let (_provider, gateway) = start().await;
    for (body, param) in [
        (json!({ "no_such_member": 1 }), "no_such_member"),
        (json!({ "end_user": "perhaps" }), "end_user"),
        (json!({ "role": "emperor" }), "role"),
        (json!({ "name": 1 }), "name"),
        (json!({ "key": "behest_sk_live_0123456789abcdef0123456789abcdef" }), "key"),
    ] {
        let answer = gateway.call("POST", PATH, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert_eq!(refused_by_admin(&answer, 400, "validation_error")["param"], param);
    }
    let declared = gateway.list(PATH).await;
    let declared = declared.iter().find(|key| key["declared"] == true).unwrap();
    let path = format!("{PATH}/{}", declared["id"].as_str().unwrap().replace('/', "%2F"));
    for (method, path, body) in [
        ("DELETE", path.clone(), Value::Null),
        ("PATCH", path.clone(), json!({ "name": "x" })),
        ("POST", format!("{path}/rotate"), json!({})),
    ] {
        refused_by_admin(&gateway.call(method, &path, body).await, 409, "validation_error");
    }
}
