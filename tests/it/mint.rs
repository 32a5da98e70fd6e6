//! Minting: who may, what may be asked for, and what a minted token is good for (CONTRACT 4.2).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{FOREIGN_KEY, KEY, OTHER_KEY, conf_of_two, now, set};
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::{named, refused};
use crate::support::rsa::{KEYS, verifies};
use crate::support::token::{Parts, claims, header, signed};
use crate::support::until_then;

const PATHS: [&str; 2] = ["/v1/auth/mint", "/auth/v1/auth/mint"];
const SLUG: &str = "amber-fox-042.behest.localhost";

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf_of_two(&[provider.url()])).await;
    (provider, gateway)
}

#[tokio::test]
async fn a_key_mints_a_token_at_both_paths_and_on_every_host() {
    let (_provider, gateway) = start().await;
    for path in PATHS {
        for host in ["localhost", SLUG, "amber-fox-042.chat.example", "chat.example"] {
            let ask = Ask::post(path, r#"{"user_id":"u"}"#).header("Host", host);
            let answer = gateway.ask(&ask).await;
            assert_eq!(answer.status, 200, "{path} at {host}: {}", answer.text());
            named(&answer);
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let minted = answer.json();
            assert_eq!(minted["jwt"], minted["access_token"]);
            assert_eq!(minted["token_type"], "Bearer");
            assert_eq!(minted["project_id"], "demo");
            assert_eq!((&minted["ttl"], &minted["expires_in"]), (&json!(3600), &json!(3600)));
            assert!(minted.get("session_id").is_some(), "{minted}");
        }
    }
}

#[tokio::test]
async fn bodies_that_may_be_minted() {
    let (_provider, gateway) = start().await;
    let long = "ü".repeat(255);
    for (body, ttl) in [
        (json!({ "user_id": "u" }), 3600),
        (json!({ "user_id": long }), 3600),
        (json!({ "user_id": "an e-mail@example.com" }), 3600),
        (json!({ "user_id": "admins" }), 3600),
        (json!({ "user_id": "u", "role": "user" }), 3600),
        (json!({ "user_id": "u", "role": "regular" }), 3600),
        (json!({ "user_id": "u", "ttl": 60 }), 60),
        (json!({ "user_id": "u", "ttl": 86_400 }), 86_400),
        (json!({ "user_id": "u", "tier": 1 }), 3600),
        (json!({ "user_id": "u", "tier": 3 }), 3600),
        (json!({ "user_id": "u", "tier": "free" }), 3600),
        (json!({ "user_id": "u", "tier": "max" }), 3600),
        (json!({ "user_id": "u", "session_id": "user-u-conv-1" }), 3600),
    ] {
        let answer = gateway.mint(KEY, body.clone()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        let minted = answer.json();
        assert_eq!(minted["ttl"], ttl, "{body}");
        let claims = Parts::of(minted["jwt"].as_str().unwrap()).payload;
        assert_eq!(claims["uid"], body["user_id"]);
        assert_eq!(claims["role"], "user");
        assert_eq!(claims["tier"], body["tier"], "as it was given");
        assert_eq!(claims["sid"], minted["session_id"]);
        if body["session_id"].is_string() {
            assert_eq!(minted["session_id"], body["session_id"]);
        }
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), ttl);
    }
}

#[tokio::test]
async fn bodies_that_may_not_be_minted() {
    let (_provider, gateway) = start().await;
    let with = |member: &str| format!(r#"{{"user_id":"u",{member}}}"#);
    let user = |user: &str| format!(r#"{{"user_id":{user}}}"#);
    let bodies = [
        ("{}".to_owned(), Some("user_id")),
        (user("null"), Some("user_id")),
        (user("1"), Some("user_id")),
        (user(r#"["u"]"#), Some("user_id")),
        (user(r#""""#), Some("user_id")),
        (user(&format!("{:?}", "u".repeat(256))), Some("user_id")),
        (user(r#""a\u0000b""#), Some("user_id")),
        (user(r#""a\tb""#), Some("user_id")),
        (user(r#""admin""#), Some("user_id")),
        (user(r#""Admin""#), Some("user_id")),
        (user(r#""dashboard-service""#), Some("user_id")),
        (user(r#""sys""#), Some("user_id")),
        (user(r#""system-1""#), Some("user_id")),
        (with(r#""role":"admin""#), Some("role")),
        (with(r#""role":"dashboard-service""#), Some("role")),
        (with(r#""role":"owner""#), Some("role")),
        (with(r#""role":1"#), Some("role")),
        (with(r#""ttl":59"#), Some("ttl")),
        (with(r#""ttl":86401"#), Some("ttl")),
        (with(r#""ttl":0"#), Some("ttl")),
        (with(r#""ttl":-60"#), Some("ttl")),
        (with(r#""ttl":"3600""#), Some("ttl")),
        (with(r#""ttl":3600.5"#), Some("ttl")),
        (with(r#""ttl":1e400"#), None),
        (with(r#""tier":0"#), Some("tier")),
        (with(r#""tier":4"#), Some("tier")),
        (with(r#""tier":1.5"#), Some("tier")),
        (with(r#""tier":"gold""#), Some("tier")),
        (with(r#""tier":true"#), Some("tier")),
        (with(r#""session_id":1"#), Some("session_id")),
        (with(r#""session_id":"a\u0007b""#), Some("session_id")),
        (with(&format!(r#""session_id":{:?}"#, "s".repeat(256))), Some("session_id")),
        (with(r#""user_id":"v""#), None),
        (String::new(), None),
        ("null".to_owned(), None),
        (r#"["u"]"#.to_owned(), None),
        (r#"{"user_id":"u""#.to_owned(), None),
        (r#"{"user_id":"u"}}"#.to_owned(), None),
        ("user_id=u".to_owned(), None),
    ];
    for (body, param) in bodies {
        for path in PATHS {
            let answer = gateway.ask(&Ask::post(path, body.clone())).await;
            let shown: String = body.chars().take(80).collect();
            assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
            let error = refused(&answer, 400, "validation_error");
            if let Some(param) = param {
                assert_eq!(error["param"], param, "{shown}: {error}");
            }
        }
    }
    assert_eq!(gateway.mint(KEY, json!({ "user_id": "u" })).await.status, 200);
}

#[tokio::test]
async fn only_a_key_mints() {
    let (_provider, gateway) = start().await;
    let token = gateway.token("u").await;
    let body = r#"{"user_id":"u"}"#;
    for path in PATHS {
        let ask = || Ask::post(path, body);
        for wrong in [
            ask().without("authorization"),
            ask().key(&KEY.replace("0123", "3210")),
            ask().key(&token),
            ask().key("garbage"),
            Ask::post(&format!("{path}?api_key={KEY}"), body).without("authorization"),
        ] {
            refused(&gateway.ask(&wrong).await, 401, "invalid_token");
        }
        let two = ask().also("Authorization", &format!("Bearer {OTHER_KEY}"));
        refused(&gateway.ask(&two).await, 400, "validation_error");
        // The credential is looked at first: whoever has none learns nothing of bodies.
        refused(&gateway.ask(&Ask::post(path, "{}").key("garbage")).await, 401, "invalid_token");
        let elsewhere = ask().key(FOREIGN_KEY).header("Host", SLUG);
        refused(&gateway.ask(&elsewhere).await, 403, "forbidden");
        let nowhere = ask().header("Host", "no-such-slug-000.behest.localhost");
        refused(&gateway.ask(&nowhere).await, 404, "not_found");
        assert_eq!(gateway.ask(&Ask::get(path)).await.status, 405);
    }
}

#[tokio::test]
async fn a_key_that_is_only_for_minting_mints() {
    let provider = Provider::start().await;
    let mut conf = conf_of_two(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/allow_key_on_chat", false);
    let gateway = Gateway::start(conf).await;
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 401, "invalid_token");
    let token = gateway.token("u").await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE).key(&token)).await.status, 200);
}

#[tokio::test]
async fn a_page_cannot_mint() {
    let (_provider, gateway) = start().await;
    let browser = |headers: Vec<String>| headers.into_iter().find(|n| n.starts_with("access-c"));
    for path in PATHS {
        for origin in ["http://localhost:5173", "https://evil.example", "null"] {
            for host in ["localhost", SLUG] {
                let ask = Ask::post(path, r#"{"user_id":"u"}"#)
                    .header("Origin", origin)
                    .header("Host", host);
                let answer = gateway.ask(&ask).await;
                refused(&answer, 403, "forbidden");
                assert_eq!(browser(answer.headers.names()), None);
                let preflight = Ask::new("OPTIONS", path)
                    .header("Origin", origin)
                    .header("Host", host)
                    .header("Access-Control-Request-Method", "POST")
                    .header("Access-Control-Request-Headers", "authorization,content-type");
                let answer = gateway.ask(&preflight).await;
                assert_eq!(browser(answer.headers.names()), None, "{path} from {origin}");
            }
        }
    }
}

#[tokio::test]
async fn the_claims_are_behests_in_their_order_and_the_signature_is_by_the_published_key() {
    let (_provider, gateway) = start().await;
    let body = json!({ "user_id": "u", "ttl": 900, "session_id": "s", "tier": 2 });
    let before = now();
    let minted = gateway.mint(KEY, body).await.json();
    let token = Parts::of(minted["jwt"].as_str().unwrap());
    let base =
        ["tid", "pid", "uid", "role", "scp", "iss", "aud", "iat", "nbf", "exp", "jti", "sid"];
    // The last is our own: under which key the use is booked.
    assert_eq!(token.claim_names(), [&base[..], &["tier", "key"]].concat());
    let claims = &token.payload;
    for (name, value) in [
        ("tid", json!("acme")),
        ("pid", json!("demo")),
        ("uid", json!("u")),
        ("role", json!("user")),
        ("scp", json!([])),
        ("iss", json!("https://api.behest.app")),
        ("aud", json!("behest")),
        ("nbf", claims["iat"].clone()),
        ("sid", json!("s")),
        ("tier", json!(2)),
        ("key", json!("demo/ci")),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let issued = claims["iat"].as_u64().unwrap();
    assert!((before..=now()).contains(&issued), "{issued}");
    assert_eq!(claims["exp"], issued + 900);
    let header = &token.header;
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert_eq!(header.as_object().unwrap().len(), 3, "{header}");
    let keys = gateway.ask(&Ask::new("GET", "/.well-known/jwks.json")).await.json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
    assert!(verifies(key.unwrap(), token.message.as_bytes(), &token.signature));
    // Without a tier there is none, and every token has an id of its own.
    let mut ids = vec![claims["jti"].clone()];
    for _ in 0..3 {
        let minted = gateway.mint(KEY, json!({ "user_id": "u", "session_id": "s" })).await.json();
        let token = Parts::of(minted["jwt"].as_str().unwrap());
        assert_eq!(token.claim_names(), [&base[..], &["key"]].concat());
        assert!(!ids.contains(&token.payload["jti"]) && token.payload["jti"].is_string());
        ids.push(token.payload["jti"].clone());
    }
}

#[tokio::test]
async fn a_minted_token_is_good_for_every_route_of_its_project() {
    let (provider, gateway) = start().await;
    let token = gateway.token("u").await;
    for host in ["localhost", SLUG] {
        let on = |ask: Ask| ask.key(&token).header("Host", host);
        let answer = gateway.ask(&on(Ask::chat(WHOLE))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(gateway.ask(&on(Ask::get("/v1/models"))).await.status, 200);
        assert_eq!(gateway.ask(&on(Ask::get("/v1/models/m"))).await.status, 200);
        let embed = Ask::post("/v1/embeddings", r#"{"model":"m","input":"hi"}"#);
        assert_eq!(gateway.ask(&on(embed)).await.status, 200);
    }
    for number in 0..provider.count() {
        let request = provider.request(number).await;
        let head = String::from_utf8_lossy(&request.head).into_owned();
        assert!(!head.contains(&token) && !head.contains(KEY), "{head}");
    }
    for host in ["silent-brook-117.behest.localhost", "green-bird-003.behest.localhost"] {
        let elsewhere = Ask::chat(WHOLE).key(&token).header("Host", host);
        refused(&gateway.ask(&elsewhere).await, 403, "forbidden");
    }
}

#[tokio::test]
async fn with_a_token_the_end_user_is_the_one_that_it_names() {
    let (_provider, gateway) = start().await;
    let token = gateway.token("of-the-token").await;
    // A name that a key could not use does no harm here either: the header is not looked at.
    for named in ["of-the-header", "admin", ""] {
        let ask = Ask::chat(WHOLE).key(&token).header("X-End-User-Id", named);
        assert_eq!(gateway.ask(&ask).await.status, 200, "{named:?}");
    }
    let switch: Value = json!({ "scope": "user", "id": "demo/of-the-token" });
    gateway.make("kill-switches", switch).await;
    let ask = Ask::chat(WHOLE).key(&token).header("X-End-User-Id", "of-the-header");
    refused(&gateway.until_status(&ask, 403).await, 403, "forbidden");
    let other = gateway.token("of-the-header").await;
    let ask = Ask::chat(WHOLE).key(&other).header("X-End-User-Id", "of-the-token");
    assert_eq!(gateway.ask(&ask).await.status, 200);
}

#[tokio::test]
async fn what_minted_tokens_use_is_booked_under_the_api_key_and_what_tenants_sign_under_theirs() {
    let (_provider, gateway) = start().await;
    let minted = Ask::chat(WHOLE).key(&gateway.token("ann").await);
    let body = json!({ "kid": "sk_acme", "public_key": KEYS[0].public_pem() });
    gateway.make("tenants/acme/signing-keys", body).await;
    // A tenant's server cannot book under somebody else's key.
    let mut claims = claims("acme", "demo", "bob");
    claims["key"] = json!("demo/ci");
    let theirs = Ask::chat(WHOLE).key(&signed(&KEYS[0], &header("sk_acme"), &claims));
    for ask in [&minted, &minted, &theirs] {
        assert_eq!(gateway.ask(ask).await.status, 200);
    }
    let by_key = until_then("the usage of three calls", async || {
        let usage = gateway.look("usage?project=demo&group_by=key").await;
        (usage["totals"]["requests"] == 3).then_some(usage)
    })
    .await;
    let mut by_key: Vec<(&str, u64)> = (by_key["breakdown"].as_array().unwrap().iter())
        .map(|line| (line["key_id"].as_str().unwrap(), line["requests"].as_u64().unwrap()))
        .collect();
    by_key.sort_unstable();
    assert_eq!(by_key, [("demo/ci", 2), ("sk_acme", 1)]);
    let rows = gateway.list("usage/rows?project=demo").await;
    for row in &rows {
        let expected = if row["user_id"] == "ann" { "demo/ci" } else { "sk_acme" };
        assert_eq!(row["key_id"], expected, "{row}");
    }
    assert_eq!(rows.len(), 3);
}
