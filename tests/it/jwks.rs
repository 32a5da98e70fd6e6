//! The published keys (CONTRACT 3).

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::{KEY, conf_of_two};
use crate::support::gateway::Gateway;
use crate::support::refusal::{named, refused};
use crate::support::rsa::KEYS;
use crate::support::token::Parts;

const PATH: &str = "/.well-known/jwks.json";

fn kids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let document = answer.json();
    let keys = document["keys"].as_array().expect("a list of keys");
    let mut kids: Vec<String> =
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    kids.sort();
    kids
}

async fn start() -> Gateway {
    // Nobody is asked here.
    let gateway = Gateway::start(conf_of_two(&["http://127.0.0.1:9/v1".to_owned()])).await;
    gateway.settled().await;
    gateway
}

/// For five minutes.
fn may_be_kept(answer: &Answer) {
    let told = answer.header("cache-control").expect("a Cache-Control");
    let directives: Vec<&str> = told.split(',').map(str::trim).collect();
    assert!(directives.contains(&"max-age=300"), "{told}");
    assert!(directives.iter().all(|one| ["public", "max-age=300"].contains(one)), "{told}");
}

fn at(host: &str) -> Ask {
    Ask::new("GET", PATH).header("Host", host)
}

#[tokio::test]
async fn anybody_may_read_the_published_keys_and_they_are_public() {
    let gateway = start().await;
    let answer = gateway.ask(&Ask::new("GET", PATH)).await;
    named(&answer);
    may_be_kept(&answer);
    let kind = answer.header("content-type").expect("a content type");
    assert!(kind.starts_with("application/") && kind.contains("json"), "{kind}");
    let document = answer.json();
    let keys = document["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        for (name, value) in [("kty", "RSA"), ("alg", "RS256"), ("use", "sig"), ("e", "AQAB")] {
            assert_eq!(key[name], value, "{key}");
        }
        // 2048 bits.
        assert_eq!(key["n"].as_str().unwrap().len(), 342, "{key}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert_eq!(key.get(private), None, "{private}");
        }
    }
    // A credential, good or bad, changes nothing.
    for key in ["garbage", KEY] {
        assert_eq!(gateway.ask(&Ask::new("GET", PATH).key(key)).await.json(), document);
    }
}

#[tokio::test]
async fn whoever_has_the_current_keys_is_told_so() {
    let gateway = start().await;
    let answer = gateway.ask(&Ask::new("GET", PATH)).await;
    let tag = answer.header("etag").expect("an ETag").to_owned();
    assert!(tag.trim_start_matches("W/").starts_with('"') && tag.ends_with('"'), "{tag}");
    for had in [tag.clone(), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = gateway.ask(&Ask::new("GET", PATH).header("If-None-Match", &had)).await;
        assert_eq!((again.status, again.text()), (304, ""), "{had}");
        assert_eq!(again.header("etag"), Some(&*tag));
        may_be_kept(&again);
    }
    let stale = gateway.ask(&Ask::new("GET", PATH).header("If-None-Match", "\"other\"")).await;
    assert_eq!(stale.json(), answer.json());
}

#[tokio::test]
async fn on_a_projects_host_its_tenants_keys_are_published_too() {
    let gateway = start().await;
    let shared = kids(&gateway.ask(&at("localhost")).await);
    let before = gateway.ask(&at("amber-fox-042.behest.localhost")).await;
    assert_eq!(kids(&before), shared);
    for (tenant, key) in ["acme", "globex"].into_iter().zip(&*KEYS) {
        let body = json!({ "kid": format!("sk_of_{tenant}"), "public_key": key.public_pem() });
        gateway.make(&format!("tenants/{tenant}/signing-keys"), body).await;
    }
    for (host, tenant) in [
        ("amber-fox-042.behest.localhost", "acme"),
        ("silent-brook-117.chat.example", "acme"),
        ("green-bird-003.behest.localhost", "globex"),
    ] {
        let answer = gateway.ask(&at(host)).await;
        let mut expected = [&shared[..], &[format!("sk_of_{tenant}")]].concat();
        expected.sort();
        assert_eq!(kids(&answer), expected, "{host}");
        let document = answer.json();
        let published = document["keys"].as_array().unwrap().iter();
        let theirs: Vec<&Value> =
            published.filter(|key| key["kid"] == format!("sk_of_{tenant}")).collect();
        let key = &KEYS[usize::from(tenant == "globex")];
        assert_eq!((&theirs[0]["n"], &theirs[0]["e"]), (&key.jwk()["n"], &json!("AQAB")));
    }
    assert_eq!(kids(&gateway.ask(&at("localhost")).await), shared);
    // The tag is the content's.
    let after = gateway.ask(&at("amber-fox-042.behest.localhost")).await;
    assert_ne!(before.header("etag"), after.header("etag"));
    gateway.remove("tenants/acme/signing-keys/sk_of_acme").await;
    let revoked = gateway.ask(&at("amber-fox-042.behest.localhost")).await;
    assert_eq!(kids(&revoked), shared);
    refused(&gateway.ask(&at("no-such-slug-000.behest.localhost")).await, 404, "not_found");
}

#[tokio::test]
async fn our_own_keys_are_published_before_they_sign_and_while_their_tokens_live() {
    let gateway = start().await;
    let own = |list: Vec<Value>| -> Vec<(String, String)> {
        let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
        list.iter().map(|key| (text(key, "kid"), text(key, "state"))).collect()
    };
    let before = own(gateway.list("signing-keys").await);
    assert!(before.iter().any(|(_, state)| state == "active"), "{before:?}");
    let published = kids(&gateway.ask(&at("localhost")).await);
    for (kid, _) in &before {
        assert!(published.contains(kid), "{kid} is not in {published:?}");
    }
    let token = gateway.token("u").await;
    let rotated = gateway.call("POST", "signing-keys/rotate", json!({})).await;
    assert!((200..300).contains(&rotated.status), "{}", rotated.text());
    let after = own(gateway.list("signing-keys").await);
    let state = |kid: &str| after.iter().find(|key| key.0 == kid).map(|key| key.1.clone());
    let active = |list: &[(String, String)]| -> String {
        list.iter().find(|key| key.1 == "active").expect("an active key").0.clone()
    };
    assert_ne!(active(&before), active(&after));
    assert_eq!(state(&active(&before)).as_deref(), Some("passive"));
    // Whoever reads the keys every five minutes knew the new one beforehand.
    assert!(published.contains(&active(&after)), "{published:?}");
    let chat = |token: &str| Ask::get("/v1/models").key(token);
    assert_eq!(gateway.ask(&chat(&token)).await.status, 200, "the old key still verifies");
    let newer = gateway.token("u").await;
    assert_eq!(gateway.ask(&chat(&newer)).await.status, 200);
    let kid = Parts::of(&newer).header["kid"].clone();
    assert_eq!(kid, active(&after));
    // Revoked, it takes its tokens with it, and no others.
    gateway.remove(&format!("signing-keys/{}", active(&before))).await;
    refused(&gateway.until_status(&chat(&token), 401).await, 401, "invalid_token");
    assert_eq!(gateway.ask(&chat(&newer)).await.status, 200);
    assert!(!kids(&gateway.ask(&at("localhost")).await).contains(&active(&before)));
}
