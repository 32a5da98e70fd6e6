//! Ending the tokens of one end user (the admin API's `projects/{id}/users/{user}/revoke`).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{OTHER_KEY, conf_of_two};
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::{refused, refused_by_admin};
use crate::support::rsa::KEYS;
use crate::support::token::{claims, header, signed};
use crate::support::until_then;

const MODELS: &str = "/v1/models";

fn with(token: &str) -> Ask {
    Ask::get(MODELS).key(token)
}

#[tokio::test]
async fn a_users_tokens_are_revoked_and_new_ones_work() {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf_of_two(&[provider.url()])).await;
    let body = json!({ "kid": "sk_acme", "public_key": KEYS[0].public_pem() });
    gateway.make("tenants/acme/signing-keys", body).await;
    let local = |user: &str| signed(&KEYS[0], &header("sk_acme"), &claims("acme", "demo", user));
    let theirs = [gateway.token("ann").await, gateway.token("ann").await, local("ann")];
    let elsewhere = gateway.mint(OTHER_KEY, json!({ "user_id": "ann" })).await.json();
    let others =
        [gateway.token("bob").await, local("bob"), elsewhere["jwt"].as_str().unwrap().to_owned()];
    for token in theirs.iter().chain(&others) {
        assert_eq!(gateway.ask(&with(token)).await.status, 200);
    }
    let path = "projects/demo/users/ann/revoke";
    let revoked = gateway.call("POST", path, json!({})).await;
    assert!((200..300).contains(&revoked.status), "{}", revoked.text());
    for token in &theirs {
        refused(&gateway.ask(&with(token)).await, 401, "invalid_token");
    }
    for token in &others {
        assert_eq!(gateway.ask(&with(token)).await.status, 200, "somebody else's");
    }
    // A token tells its time in seconds, so that one of the same second may have to go too.
    let newer = until_then("a new token that works", async || {
        let token = gateway.token("ann").await;
        (gateway.ask(&with(&token)).await.status == 200).then_some(token)
    })
    .await;
    until_then("a new token of their own that works", async || {
        (gateway.ask(&with(&local("ann"))).await.status == 200).then_some(())
    })
    .await;
    for token in &theirs {
        refused(&gateway.ask(&with(token)).await, 401, "invalid_token");
    }
    // The project's key still speaks for the user.
    let ask = Ask::chat(WHOLE).header("X-End-User-Id", "ann");
    assert_eq!(gateway.ask(&ask).await.status, 200);
    let gateway = gateway.restart("TERM").await;
    refused(&gateway.ask(&with(&theirs[0])).await, 401, "invalid_token");
    assert_eq!(gateway.ask(&with(&newer)).await.status, 200);
}

#[tokio::test]
async fn users_are_named_as_paths_name_them() {
    let gateway = Gateway::start(conf_of_two(&["http://127.0.0.1:9/v1".to_owned()])).await;
    for (user, spelt) in [("a/b", "a%2Fb"), ("ünï@example.com", "%C3%BCn%C3%AF%40example.com")] {
        let token = gateway.token(user).await;
        assert_eq!(gateway.ask(&with(&token)).await.status, 200);
        let path = format!("projects/demo/users/{spelt}/revoke");
        let revoked = gateway.call("POST", &path, json!({})).await;
        assert!((200..300).contains(&revoked.status), "{user}: {}", revoked.text());
        refused(&gateway.ask(&with(&token)).await, 401, "invalid_token");
    }
    let nobodys = gateway.call("POST", "projects/none/users/u/revoke", json!({})).await;
    refused_by_admin(&nobodys, 404, "not_found");
    let wrong = gateway.call("POST", "projects/demo/users/u/revoke", json!({ "x": 1 })).await;
    refused_by_admin(&wrong, 400, "validation_error");
    assert_eq!(gateway.call("GET", "projects/demo/users/u/revoke", Value::Null).await.status, 405);
}
