//! The admin listener: health, metrics, its secret, and reloads (CONTRACT 1 and 12).

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{ADMIN_SECRET, KEY, PROVIDER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::json::with_value;
use crate::support::plan::{DONE, Plan, ROLE, STOP, STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::until;
use crate::support::wire::End;

const RELOAD: &str = "/admin/v1/reload";

#[tokio::test]
async fn health_and_metrics_need_no_secret_and_are_not_on_the_data_listener() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(gateway.admin(Ask::new("GET", path)).await.status, 200, "{path}");
        assert_eq!(gateway.ask(&Ask::get(path)).await.status, 404, "{path}");
    }
    assert_eq!(gateway.admin(Ask::chat(WHOLE)).await.status, 404);
    assert_eq!(gateway.admin(Ask::new("GET", "/nothing")).await.status, 404);
}

#[tokio::test]
async fn the_admin_api_needs_the_secret() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let reload = || Ask::new("POST", RELOAD);
    for ask in [
        reload(),
        reload().header("X-Admin-Secret", ""),
        reload().header("X-Admin-Secret", "wrong"),
        reload().header("X-Admin-Secret", &ADMIN_SECRET[1..]),
        reload().key("wrong"),
        reload().key(KEY),
        Ask::new("GET", "/admin/v1/nothing"),
    ] {
        let answer = gateway.admin(ask).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(answer.json()["error"]["message"].is_string());
    }
    for ask in [reload().header("X-Admin-Secret", ADMIN_SECRET), reload().key(ADMIN_SECRET)] {
        let answer = gateway.admin(ask).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
    }
    assert_eq!(gateway.admin_secretly(Ask::new("GET", "/admin/v1/nothing")).await.status, 404);
    assert_eq!(gateway.admin_secretly(Ask::new("GET", RELOAD)).await.status, 405);
}

#[tokio::test]
async fn without_a_configured_secret_one_is_made_that_only_the_owner_can_read() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    conf.as_object_mut().unwrap().remove("admin_secret");
    let gateway = Gateway::start(conf).await;
    let works = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let mut found = None;
    for path in gateway.folder.files() {
        let secret = works(&path).trim().to_owned();
        let fits = (16..=128).contains(&secret.len()) && !secret.contains(char::is_whitespace);
        if fits && gateway.admin(Ask::new("POST", RELOAD).key(&secret)).await.status < 300 {
            found = Some((path, secret));
        }
    }
    let (path, secret) = found.expect("a file with the secret");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{path:?}");
    // Beside the data folder, not in it.
    assert!(!path.starts_with(gateway.folder.path().join("data")), "{path:?}");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(gateway.output().contains(name), "where it is, is logged");
    assert!(!gateway.output().contains(&secret), "what it is, is not");
}

#[tokio::test]
async fn metrics_have_our_names_and_no_names_of_others() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let user = Ask::chat(WHOLE).header("X-End-User-Id", "user-in-no-metric");
    assert_eq!(gateway.ask(&user).await.status, 200);
    assert_eq!(gateway.ask(&Ask::chat(STREAMED)).await.status, 200);
    let unknown = Ask::chat(with_value(WHOLE, "model", r#""model-in-no-metric""#));
    assert_eq!(gateway.ask(&unknown).await.status, 400);
    assert_eq!(gateway.ask(&Ask::get("/path-in-no-metric")).await.status, 404);
    assert_eq!(gateway.ask(&Ask::chat(WHOLE).key("key-in-no-metric")).await.status, 401);
    provider.next(Plan::json(503, "{}"));
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    gateway.log_line(&answer).await;
    let metrics = gateway.metrics().await;
    assert!(!metrics.contains("in-no-metric") && !metrics.contains(KEY));
    assert!(!metrics.contains(PROVIDER_KEY) && !metrics.contains("up-m"));
    let names: Vec<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .collect();
    for name in &names {
        assert!(name.starts_with("behest_") || name.starts_with("process_"), "{name}");
    }
    for part in
        ["requests_total", "build_info", "in_flight", "tokens_total", "upstream", "attempts"]
    {
        assert!(names.iter().any(|name| name.contains(part)), "no {part} in {names:?}");
    }
    assert!(names.iter().any(|name| name.ends_with("_seconds_bucket")), "{names:?}");
    assert!(metrics.lines().any(|line| line.starts_with("# HELP behest_")));
}

/// The configuration in which a project's model is `n`.
fn changed(provider: &Provider) -> Value {
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/model", "n");
    conf
}

const BARE: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;

async fn model_used(provider: &Provider, gateway: &Gateway) -> Value {
    assert_eq!(gateway.ask(&Ask::chat(BARE)).await.status, 200);
    provider.request(provider.count() - 1).await.json()["model"].clone()
}

#[tokio::test]
async fn a_reload_by_admin_call_or_by_signal_takes_the_new_file() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    assert_eq!(model_used(&provider, &gateway).await, "up-m");
    gateway.configure(&changed(&provider));
    assert_eq!(model_used(&provider, &gateway).await, "up-m", "not before it is told to");
    let answer = gateway.admin_secretly(Ask::new("POST", RELOAD)).await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
    assert_eq!(model_used(&provider, &gateway).await, "up-n");
    gateway.configure(&conf(&[provider.url()]));
    gateway.signal("HUP");
    let mut asked = 0;
    while model_used(&provider, &gateway).await != "up-m" {
        asked += 1;
        assert!(asked < 1_000, "SIGHUP had no effect");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_reload_says_what_waits_for_the_next_start_until_it_is_as_it_was() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let reload = async || {
        let answer = gateway.admin_secretly(Ask::new("POST", RELOAD)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["restart_needed"].clone()
    };
    gateway.configure(&changed(&provider));
    assert_eq!(reload().await, json!([]), "all of it is in force");
    let mut waits = changed(&provider);
    set(&mut waits, "/workers", 3);
    set(&mut waits, "/log", json!({ "level": "debug" }));
    gateway.configure(&waits);
    assert_eq!(reload().await, json!(["workers", "log"]));
    assert_eq!(reload().await, json!(["workers", "log"]), "it still waits");
    gateway.configure(&changed(&provider));
    assert_eq!(reload().await, json!([]));
}

#[tokio::test]
async fn a_file_with_errors_is_not_taken_at_all() {
    let provider = Provider::start().await;
    let mut gateway = Gateway::over(&provider).await;
    let mut wrong = changed(&provider);
    set(&mut wrong, "/no_such_field", 1);
    set(&mut wrong, "/models/1/targets/0/provider", "nobody");
    gateway.configure(&wrong);
    let answer = gateway.admin_secretly(Ask::new("POST", RELOAD)).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert!(
        answer.text().contains("no_such_field") && answer.text().contains("nobody"),
        "{answer:?}"
    );
    assert_eq!(model_used(&provider, &gateway).await, "up-m");
    gateway.signal("HUP");
    until("a line about the errors", || gateway.output().contains("no_such_field").then_some(()))
        .await;
    assert_eq!(model_used(&provider, &gateway).await, "up-m");
    gateway.configure(&changed(&provider));
    assert!(gateway.admin_secretly(Ask::new("POST", RELOAD)).await.status < 300);
    assert_eq!(model_used(&provider, &gateway).await, "up-n");
    gateway.signal("TERM");
    assert!(gateway.exit().await.success());
}

#[tokio::test]
async fn a_reload_changes_keys_limits_and_providers_but_not_running_requests() {
    let (old, new) = (Provider::start().await, Provider::start().await);
    let gateway = Gateway::over(&old).await;
    let (plan, remote) = Plan::live_stream();
    old.next(plan);
    remote.event(ROLE);
    let mut running = gateway.stream(STREAMED).await;
    assert_eq!(running.data().await, ROLE);
    let mut conf = conf(&[new.url()]);
    let other_key = json!([{ "name": "ci", "secret": "file:new-key" }]);
    set(&mut conf, "/tenants/0/projects/0/api_keys", other_key);
    gateway.folder.write("new-key", "behest_sk_live_00112233445566778899aabbccddeeff\n");
    gateway.configure(&conf);
    assert!(gateway.admin_secretly(Ask::new("POST", RELOAD)).await.status < 300);
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 401, "the old key is gone");
    let ask = Ask::chat(WHOLE).key("behest_sk_live_00112233445566778899aabbccddeeff");
    assert_eq!(gateway.ask(&ask).await.status, 200);
    assert_eq!((old.count(), new.count()), (1, 1));
    for data in [STOP, DONE] {
        remote.event(data);
    }
    remote.end();
    let (rest, end) = running.rest().await;
    assert_eq!((rest.len(), end), (2, End::Clean), "{rest:?}");
}
