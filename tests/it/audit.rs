//! Secrets that the admin API takes, and what it says afterwards of who changed what.

use serde_json::{Value, json};

use crate::support::api::NONE;
use crate::support::conf::{ADMIN_SECRET, conf_of_two, set};
use crate::support::gateway::Gateway;
use crate::support::refusal::refused_by_admin;
use crate::support::rsa::KEYS;

async fn start() -> Gateway {
    // Nobody is asked here.
    let mut conf = conf_of_two(&["http://127.0.0.1:9/v1".to_owned()]);
    set(&mut conf, "/providers/0/byok", json!({ "allow": true }));
    Gateway::start(conf).await
}

#[tokio::test]
async fn a_tenants_key_for_a_provider_is_shown_by_its_last_four() {
    let gateway = start().await;
    let path = "tenants/acme/provider-keys/p0";
    refused_by_admin(&gateway.call("GET", path, NONE).await, 404, "not_found");
    for (secret, last) in
        [("sk-proj-canary-of-acme-7Q4x", "7Q4x"), ("sk-another-canary-9Z1y", "9Z1y")]
    {
        let put = gateway.call("PUT", path, json!({ "api_key": secret })).await;
        assert!((200..=201).contains(&put.status), "{}", put.text());
        let one = gateway.call("GET", path, NONE).await;
        let all = gateway.call("GET", "tenants/acme/provider-keys", NONE).await;
        assert_eq!(one.json()["provider"], "p0");
        for answer in [put, one, all] {
            let text = answer.text();
            assert!(text.contains(last), "{text}");
            assert!(!text.contains("canary") && !text.contains(&format!("-{last}")), "{text}");
        }
    }
    assert_eq!(gateway.list("tenants/acme/provider-keys").await.len(), 1);
    assert_eq!(gateway.list("tenants/globex/provider-keys").await.len(), 0);
    gateway.remove(path).await;
    refused_by_admin(&gateway.call("GET", path, NONE).await, 404, "not_found");
    for (path, body, status) in [
        ("tenants/acme/provider-keys/no-such-provider", json!({ "api_key": "sk-0123456789" }), 404),
        ("tenants/nobody/provider-keys/p0", json!({ "api_key": "sk-0123456789" }), 404),
        ("tenants/acme/provider-keys/p0", json!({}), 400),
        ("tenants/acme/provider-keys/p0", json!({ "api_key": "" }), 400),
        ("tenants/acme/provider-keys/p0", json!({ "api_key": "a\nb" }), 400),
        ("tenants/acme/provider-keys/p0", json!({ "api_key": 1 }), 400),
        ("tenants/acme/provider-keys/p0", json!({ "api_key": "sk-0123456789", "x": 1 }), 400),
    ] {
        let answer = gateway.call("PUT", path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    }
}

#[tokio::test]
async fn every_change_has_a_line_in_the_audit_and_no_secret_in_it() {
    let gateway = start().await;
    assert_eq!(gateway.changes().await, Vec::<Value>::new());
    let mut secrets = vec![ADMIN_SECRET.to_owned(), "sk-canary-of-acme".to_owned()];
    let mut lines = 0;
    let mut changed = async |method: &str, path: &str, body: Value, object: &str| -> Value {
        let answer = gateway.call(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        let audit = gateway.changes().await;
        lines += 1;
        assert_eq!(audit.len(), lines, "{method} {path}: {audit:?}");
        // Newest first.
        let line = &audit[0];
        for name in ["id", "time", "action", "object", "source"] {
            assert!(line.get(name).is_some_and(|value| !value.is_null()), "{name}: {line}");
        }
        let named = line["object"].as_str().unwrap();
        assert!(named.contains(object), "{method} {path}: {line}");
        assert!(line["source"].as_str().unwrap().contains("127.0.0.1"), "{line}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    };
    changed("POST", "tenants", json!({ "id": "initech" }), "initech").await;
    changed("PATCH", "tenants/initech", json!({ "name": "x" }), "initech").await;
    let project = json!({ "id": "p", "tenant": "initech", "slug": "new-moon-001" });
    changed("POST", "projects", project.clone(), "p").await;
    changed("PATCH", "projects/p", json!({ "model": "n" }), "p").await;
    changed("PUT", "projects/p", project, "p").await;
    let key = changed("POST", "projects/p/keys", json!({}), "p").await;
    let path = format!("projects/p/keys/{}", key["id"].as_str().unwrap());
    let id = key["id"].as_str().unwrap().to_owned();
    secrets.push(key["key"].as_str().unwrap().to_owned());
    changed("PATCH", &path, json!({ "name": "x" }), &id).await;
    let rotated = changed("POST", &format!("{path}/rotate"), json!({}), "p").await;
    secrets.push(rotated["key"].as_str().unwrap().to_owned());
    changed("DELETE", &path, NONE, &id).await;
    let keys = "tenants/initech/signing-keys";
    let pem = json!({ "kid": "sk_1", "public_key": KEYS[0].public_pem() });
    changed("POST", keys, pem, "sk_1").await;
    let pair = changed("POST", keys, json!({ "kid": "sk_2" }), "sk_2").await;
    let private = pair["private_key"].as_str().unwrap();
    secrets.extend(private.lines().filter(|line| line.len() == 64).map(str::to_owned));
    changed("DELETE", &format!("{keys}/sk_1"), NONE, "sk_1").await;
    let provider_key = "tenants/initech/provider-keys/p0";
    changed("PUT", provider_key, json!({ "api_key": "sk-canary-of-acme" }), "p0").await;
    changed("DELETE", provider_key, NONE, "p0").await;
    changed("POST", "kill-switches", json!({ "scope": "project", "id": "p" }), "p").await;
    changed("DELETE", "kill-switches/project/p", NONE, "p").await;
    changed("POST", "projects/p/users/ann/revoke", json!({}), "ann").await;
    changed("POST", "signing-keys/rotate", json!({}), "").await;
    changed("DELETE", "projects/p", NONE, "p").await;
    changed("DELETE", "tenants/initech", NONE, "initech").await;
    let audit = json!(gateway.list("audit").await).to_string();
    for secret in secrets {
        assert!(!audit.contains(&secret), "{secret}");
    }
    // What was refused changed nothing, and so has no line.
    let before = gateway.changes().await.len();
    gateway.call("POST", "tenants", json!({ "id": "a/b" })).await;
    gateway.call("DELETE", "tenants/none", NONE).await;
    gateway.call("GET", "projects", NONE).await;
    assert_eq!(gateway.changes().await.len(), before);
    let page = gateway.look("audit?limit=3").await;
    assert_eq!(page["data"].as_array().unwrap().len(), 3);
    assert!(page["next_cursor"].is_string(), "{page}");
}
