//! What is made at run time is there after a restart, however the program ended, and no secret is to be
//! found in what it leaves (CONTRACT 11).

use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{KEY, conf_of_two, set};
use crate::support::folder::Folder;
use crate::support::gateway::{Gateway, spawn_with};
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::rsa::{KEYS, Rsa};
use crate::support::token::{claims, header, signed};
use crate::support::until;
use crate::support::wire::find;

const MASTER_KEY: &str = "8f1d3c5b7a9e0f2d4c6b8a1e3f5d7c9b0a2e4f6d8c1b3a5e7f9d0c2b4a6e8f13";
const OTHER_MASTER_KEY: &str = "0a2e4f6d8c1b3a5e7f9d0c2b4a6e8f138f1d3c5b7a9e0f2d4c6b8a1e3f5d7c9b";
const VARIABLE: &str = "PROVIDER_ENCRYPTION_KEY";

/// A gateway whose provider takes keys of tenants.
fn with_keys_of_tenants(url: &str) -> Value {
    let mut conf = conf_of_two(&[url.to_owned()]);
    set(&mut conf, "/providers/0/byok", json!({ "allow": true }));
    conf
}

fn chat(credential: &str) -> Ask {
    Ask::chat(WHOLE).key(credential)
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let provider = Provider::start().await;
    let mut gateway = Gateway::start(with_keys_of_tenants(&provider.url())).await;
    gateway.make("tenants", json!({ "id": "initech", "name": "Initech" })).await;
    let body = json!({ "id": "p", "tenant": "initech", "slug": "new-moon-001", "models": ["m"] });
    gateway.make("projects", body).await;
    let (_, key) = gateway.new_key("p", json!({ "end_user": "allow" })).await;
    let (gone, revoked) = gateway.new_key("p", json!({})).await;
    gateway.remove(&format!("projects/p/keys/{gone}")).await;
    let of_demo = gateway.new_key("demo", json!({})).await.1;
    let minted = gateway.mint(&key, json!({ "user_id": "u" })).await.json();
    let token = minted["jwt"].as_str().unwrap().to_owned();
    let pem = json!({ "kid": "sk_1", "public_key": KEYS[0].public_pem() });
    gateway.make("tenants/acme/signing-keys", pem).await;
    let pair = gateway.make("tenants/acme/signing-keys", json!({ "kid": "sk_2" })).await;
    let made = Rsa::from_pem(pair["private_key"].as_str().unwrap());
    let path = "tenants/acme/provider-keys/p0";
    let put = gateway.call("PUT", path, json!({ "api_key": "sk-of-acme-0123" })).await;
    assert!((200..=201).contains(&put.status), "{}", put.text());
    gateway.make("kill-switches", json!({ "scope": "project", "id": "shop" })).await;
    gateway.settled().await;
    let mut before = Vec::new();
    let paths = [
        "tenants",
        "projects",
        "projects/p/keys",
        "tenants/acme/signing-keys",
        "tenants/acme/provider-keys",
        "kill-switches",
        "audit",
        "signing-keys",
    ];
    for path in paths {
        before.push(gateway.list(path).await);
    }
    let published = gateway.ask(&Ask::new("GET", "/.well-known/jwks.json")).await.json();
    for signal in ["TERM", "KILL", "INT"] {
        gateway = gateway.restart(signal).await;
        for (path, before) in paths.iter().zip(&before) {
            assert_eq!(gateway.list(path).await, *before, "{path} after {signal}");
        }
        let claims = claims("acme", "demo", "u");
        for (what, credential) in [
            ("a key", key.clone()),
            ("a key of a declared project", of_demo.clone()),
            ("a declared key", KEY.to_owned()),
            ("a minted token", token.clone()),
            ("a signed token", signed(&KEYS[0], &header("sk_1"), &claims)),
            ("a token of a pair", signed(&made, &header("sk_2"), &claims)),
        ] {
            let answer = gateway.ask(&chat(&credential)).await;
            assert_eq!(answer.status, 200, "{what} after {signal}: {}", answer.text());
        }
        refused(&gateway.ask(&chat(&revoked)).await, 401, "invalid_token");
        let switched = Ask::chat(WHOLE).key(crate::support::conf::FOREIGN_KEY);
        refused(&gateway.ask(&switched).await, 403, "forbidden");
        let again = gateway.ask(&Ask::new("GET", "/.well-known/jwks.json")).await.json();
        assert_eq!(again, published, "our own keys are the same after {signal}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_sudden_death() {
    let provider = Provider::start().await;
    let mut gateway = Gateway::start(conf_of_two(&[provider.url()])).await;
    for round in 0..5 {
        let kid = format!("sk_{round}");
        let body = json!({ "kid": kid, "public_key": KEYS[1].public_pem() });
        gateway.make("tenants/acme/signing-keys", body).await;
        let (_, key) = gateway.new_key("demo", json!({ "name": format!("round {round}") })).await;
        gateway = gateway.restart("KILL").await;
        assert_eq!(gateway.ask(&chat(&key)).await.status, 200, "round {round}");
        let token = signed(&KEYS[1], &header(&kid), &claims("acme", "demo", "u"));
        assert_eq!(gateway.ask(&chat(&token)).await.status, 200, "round {round}");
        // And what was revoked stays so.
        gateway.remove(&format!("tenants/acme/signing-keys/{kid}")).await;
        gateway = gateway.restart("KILL").await;
        assert_eq!(gateway.ask(&chat(&token)).await.status, 401, "round {round}");
    }
}

/// A text as somebody could find it who looks for it in files: as it is, in hexadecimal digits, and in
/// base64, whichever byte of a group it begins at.
fn disguises(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex = |upper: bool| -> String {
        let digit = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        bytes.iter().map(digit).collect()
    };
    let mut all = vec![bytes.to_vec(), hex(false).into_bytes(), hex(true).into_bytes()];
    for shift in 0..3 {
        let padded = [&vec![0; shift][..], bytes].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&padded);
            // Without the characters that its neighbours have a part in.
            let from = [0, 2, 3][shift];
            all.push(text.as_bytes()[from..text.len() - 2].to_vec());
        }
    }
    all.push(STANDARD.encode(bytes).into_bytes());
    all
}

/// The secrets of a gateway that was made to hear of one of each kind.
async fn secrets_of(gateway: &Gateway) -> Vec<(&'static str, String)> {
    let mut secrets = Vec::new();
    let (id, key) = gateway.new_key("demo", json!({})).await;
    let rotated = gateway.make(&format!("projects/demo/keys/{id}/rotate"), json!({})).await;
    secrets.push(("a key", key.clone()));
    secrets.push(("a key by rotation", rotated["key"].as_str().unwrap().to_owned()));
    let token = gateway.mint(&key, json!({ "user_id": "u" })).await.json();
    let token = token["jwt"].as_str().unwrap().to_owned();
    let signature = token.rsplit('.').next().unwrap().to_owned();
    let pair = gateway.make("tenants/acme/signing-keys", json!({ "kid": "sk_1" })).await;
    let private = pair["private_key"].as_str().unwrap().to_owned();
    let local = signed(&Rsa::from_pem(&private), &header("sk_1"), &claims("acme", "demo", "u"));
    // The PEM may be stored with other line ends, or without: any of its lines gives it away.
    let lines: Vec<&str> = private.lines().filter(|line| line.len() == 64).collect();
    secrets.push(("a private key's beginning", lines[6].to_owned()));
    secrets.push(("a private key's middle", lines[lines.len() / 2].to_owned()));
    secrets.push(("a private key's end", lines[lines.len() - 1].to_owned()));
    let body = json!({ "api_key": "sk-canary-for-the-provider-4711" });
    let put = gateway.call("PUT", "tenants/acme/provider-keys/p0", body).await;
    assert!((200..=201).contains(&put.status), "{}", put.text());
    secrets.push(("a provider key", "sk-canary-for-the-provider-4711".to_owned()));
    // Everything is used, wrongly too, so that it comes by every place where it could be written down.
    for credential in [&key, &token, &local] {
        assert_eq!(gateway.ask(&chat(credential)).await.status, 200);
        let query = Ask::new("GET", &format!("/v1/models?api_key={credential}&t={credential}"));
        assert_eq!(gateway.ask(&query).await.status, 401);
        assert_eq!(gateway.ask(&chat(&format!("{credential}x"))).await.status, 401);
        let path = format!("/v1/models/{credential}");
        gateway.ask(&Ask::get(&path)).await;
        gateway.call("GET", &format!("projects/demo/keys/{credential}"), Value::Null).await;
        gateway.call("POST", "tenants", json!({ "id": credential, credential: 1 })).await;
        gateway.mint(credential, json!({ "user_id": credential, "role": credential })).await;
    }
    let body = json!({ "kid": "mine", "public_key": private });
    assert_eq!(gateway.call("POST", "tenants/acme/signing-keys", body).await.status, 400);
    secrets.push(("a minted token", token));
    secrets.push(("a minted token's signature", signature));
    secrets.push(("a signed token", local));
    secrets
}

#[tokio::test]
async fn no_secret_is_found_in_what_is_written() {
    let provider = Provider::start().await;
    let mut conf = with_keys_of_tenants(&provider.url());
    set(&mut conf, "/log", json!({ "level": "debug" }));
    let folder = Folder::new();
    let environment = [(VARIABLE, MASTER_KEY)];
    let gateway = Gateway::start_with(folder, conf, &environment).await;
    let mut secrets = secrets_of(&gateway).await;
    secrets.push(("the master key", MASTER_KEY.to_owned()));
    secrets.push(("a declared key", KEY.to_owned()));
    secrets.push(("the admin secret", crate::support::conf::ADMIN_SECRET.to_owned()));
    let metrics = gateway.metrics().await;
    let (folder, _) = gateway.stop("TERM").await;
    let mut places = vec![("the metrics".to_owned(), metrics.into_bytes())];
    for path in folder.files() {
        let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
        if name != "behest.yaml" {
            places.push((name, std::fs::read(&path).unwrap()));
        }
    }
    let names: Vec<&str> = places.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.iter().any(|name| name.starts_with("data/")), "{names:?}");
    assert!(names.contains(&"stderr.before") && names.contains(&"stdout.before"), "{names:?}");
    for (what, secret) in &secrets {
        for disguise in disguises(secret) {
            for (place, bytes) in &places {
                let found = find(bytes, &disguise);
                let text = String::from_utf8_lossy(&disguise);
                assert_eq!(found, None, "{what} is in {place}, as {text}");
            }
        }
    }
}

/// Starts the program on what another left, and waits for it to give up; tells what it said.
async fn gives_up(folder: &Folder, environment: &[(&str, &str)]) -> String {
    let mut program = spawn_with(&["serve", "--config", "behest.yaml"], folder.path(), environment);
    let status = until("the program to give up", || program.try_wait().unwrap()).await;
    assert!(!status.success());
    folder.read("stdout") + &folder.read("stderr")
}

/// A gateway that has something sealed, and is stopped again.
async fn with_something_sealed(environment: &[(&str, &str)]) -> (Folder, Value) {
    let conf = with_keys_of_tenants("http://127.0.0.1:9/v1");
    let gateway = Gateway::start_with(Folder::new(), conf, environment).await;
    let body = json!({ "api_key": "sk-of-acme-0123" });
    let put = gateway.call("PUT", "tenants/acme/provider-keys/p0", body).await;
    assert!((200..=201).contains(&put.status), "{}", put.text());
    assert!(!gateway.token("u").await.is_empty());
    gateway.stop("TERM").await
}

#[tokio::test]
async fn without_its_master_key_the_gateway_does_not_start() {
    let (folder, conf) = with_something_sealed(&[(VARIABLE, MASTER_KEY)]).await;
    let wrong: [&[(&str, &str)]; 4] =
        [&[], &[(VARIABLE, OTHER_MASTER_KEY)], &[(VARIABLE, "too-short")], &[(VARIABLE, "")]];
    for environment in wrong {
        let told = gives_up(&folder, environment).await;
        let told = told.to_lowercase();
        assert!(told.contains("master key") || told.contains("master_key"), "{told}");
        assert!(!told.contains(MASTER_KEY) && !told.contains(OTHER_MASTER_KEY), "{told}");
        assert!(!told.contains("panicked"), "{told}");
    }
    let gateway = Gateway::start_with(folder, conf, &[(VARIABLE, MASTER_KEY)]).await;
    assert_eq!(gateway.list("tenants/acme/provider-keys").await.len(), 1);
}

#[tokio::test]
async fn without_a_configured_master_key_one_is_made_beside_the_data() {
    let (folder, conf) = with_something_sealed(&[]).await;
    let path = folder.path().join("data.master-key");
    let mode = std::fs::metadata(&path).expect("a master key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let made = std::fs::read_to_string(&path).unwrap();
    assert!(made.trim().len() == 64 && made.trim().bytes().all(|byte| byte.is_ascii_hexdigit()));
    let written = folder.read("stdout.before") + &folder.read("stderr.before");
    assert!(!written.contains(made.trim()), "what it is, is not logged");
    // Lost, nothing is made in its place; found again, all is well.
    std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    let told = gives_up(&folder, &[]).await.to_lowercase();
    assert!(told.contains("master key") || told.contains("master_key"), "{told}");
    assert!(!path.exists());
    std::fs::rename(folder.path().join("elsewhere"), &path).unwrap();
    let gateway = Gateway::start_in(folder, conf).await;
    assert_eq!(gateway.list("tenants/acme/provider-keys").await.len(), 1);
}
