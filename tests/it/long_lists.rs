//! Lists of words as long as they may be, made and changed at run time (CONTRACT 1, 9).

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::api::NONE;
use crate::support::client::Ask;
use crate::support::conf::{ADMIN_SECRET, conf, set};
use crate::support::gateway::{Gateway, program};
use crate::support::guarded::{chat, sent};
use crate::support::provider::Provider;
use crate::support::refusal::{refused, refused_by_admin};

const TERMS_MAX: usize = 100_000;

/// So many terms, each of which is no part of another.
fn terms(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("codename w{n}x")).collect()
}

fn shield(terms: &[String]) -> Value {
    let lists = json!([{ "name": "CODENAME", "terms": terms, "action": "REDACT" }]);
    json!({ "pii": { "mode": "enforce", "deny_lists": lists } })
}

/// A gateway with a project of its own that was made at run time, and that one's key.
async fn start() -> (Provider, Gateway, String) {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    gateway.make("projects", json!({ "id": "p", "tenant": "acme" })).await;
    let (_, key) = gateway.new_key("p", json!({})).await;
    (provider, gateway, key)
}

async fn goes_up_as(gateway: &Gateway, provider: &Provider, key: &str, text: &str, wanted: &str) {
    assert_eq!(sent(gateway, provider, &chat(text).key(key)).await, wanted);
}

/// What is wrong for a test may be long: its beginning says enough.
fn beginning(text: &str) -> &str {
    text.get(..500).unwrap_or(text)
}

#[tokio::test]
async fn a_patch_may_carry_as_many_terms_as_a_project_may_have() {
    let (provider, gateway, key) = start().await;
    let answer = gateway.call("PATCH", "projects/p", shield(&terms(TERMS_MAX))).await;
    assert_eq!(answer.status, 200, "{}", beginning(answer.text()));
    let last = format!("of codename w{}x", TERMS_MAX - 1);
    goes_up_as(&gateway, &provider, &key, &last, "of [CODENAME]").await;
    let beyond = format!("of codename w{TERMS_MAX}x");
    goes_up_as(&gateway, &provider, &key, &beyond, &beyond).await;
    let told = gateway.look("projects/p").await;
    assert_eq!(told["pii"]["deny_lists"][0]["terms"].as_array().unwrap().len(), TERMS_MAX);
    let answer = gateway.call("PATCH", "projects/p", shield(&terms(TERMS_MAX + 1))).await;
    assert_eq!(answer.status, 400, "{}", beginning(answer.text()));
    goes_up_as(&gateway, &provider, &key, &last, "of [CODENAME]").await;
}

#[tokio::test]
async fn the_command_line_takes_a_long_list_from_a_file() {
    let (provider, gateway, key) = start().await;
    gateway.folder.write("shield.json", shield(&terms(TERMS_MAX)).to_string());
    let mut command = Command::new(program());
    command
        .args(["project", "update", "p", "--file", "shield.json", "--admin"])
        .arg(format!("http://{}", gateway.admin))
        .current_dir(gateway.folder.path())
        .env("BEHEST_ADMIN_SECRET", ADMIN_SECRET)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    goes_up_as(&gateway, &provider, &key, "of codename w5x", "of [CODENAME]").await;
}

#[tokio::test]
async fn a_tier_and_a_block_list_may_be_long_too() {
    let (provider, gateway, key) = start().await;
    let sentinel = json!({ "mode": "enforce", "blocklist": terms(10_000) });
    let tier = json!({ "name": "gold", "sentinel": sentinel });
    gateway.make("projects/p/tiers", tier).await;
    let pro = json!({ "pii": shield(&terms(10_000))["pii"] });
    let answer = gateway.call("PUT", "projects/p/tiers/pro", pro).await;
    assert_eq!(answer.status, 200, "{}", beginning(answer.text()));
    let of_tier = async |tier: &str| {
        let body = json!({ "user_id": "u", "tier": tier });
        let minted = gateway.mint(&key, body).await.json();
        chat("of codename w9999x").key(minted["jwt"].as_str().unwrap())
    };
    refused(&gateway.ask(&of_tier("gold").await).await, 403, "content_blocked");
    assert_eq!(sent(&gateway, &provider, &of_tier("pro").await).await, "of [CODENAME]");
    assert_eq!(sent(&gateway, &provider, &of_tier("free").await).await, "of codename w9999x");
}

#[tokio::test]
async fn only_what_has_lists_may_be_long_and_only_as_long_as_is_configured() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/admin_body_limit", "128KiB");
    let gateway = Gateway::start(conf).await;
    let long = |kib: usize| json!({ "name": "x".repeat(kib << 10) });
    for (method, path, kib, status) in [
        ("POST", "projects", 100, 400),
        ("POST", "projects", 129, 413),
        ("PATCH", "projects/demo", 129, 413),
        ("PUT", "projects/demo/tiers/pro", 129, 413),
        ("POST", "tenants", 65, 413),
        ("POST", "projects/demo/keys", 65, 413),
    ] {
        let answer = gateway.call(method, path, long(kib)).await;
        refused_by_admin(&answer, status, "validation_error");
    }
    // Without the secret nobody is listened to for long.
    let ask = Ask::new("POST", "/admin/v1/projects").body(long(100).to_string());
    refused_by_admin(&gateway.admin(ask).await, 401, "invalid_token");
    let answer = gateway.call("GET", "projects/demo", NONE).await;
    assert_eq!(answer.status, 200);
}
