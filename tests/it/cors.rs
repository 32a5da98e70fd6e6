//! Browsers (CONTRACT 10).

use serde_json::json;

use crate::support::client::{Answer, Ask};
use crate::support::conf::{conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::{DONE, Plan, STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::refused;

const CHAT: &str = "/v1/chat/completions";
const ORIGIN: &str = "http://localhost:5173";

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    (provider, gateway)
}

/// What a browser asks first when a page uses OpenAI's client.
fn preflight(path: &str, origin: &str) -> Ask {
    Ask::new("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header(
            "Access-Control-Request-Headers",
            "authorization,content-type,x-end-user-id,x-session-id,x-thread-id,x-stainless-arch,\
             x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,\
             x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout",
        )
}

fn lists(answer: &Answer, name: &str) -> Vec<String> {
    let value = answer.header(name).unwrap_or_else(|| panic!("{name} is missing: {answer:?}"));
    value.split(',').map(|item| item.trim().to_ascii_lowercase()).collect()
}

#[track_caller]
fn varies(answer: &Answer) {
    let vary = answer.headers.values("vary").join(",").to_ascii_lowercase();
    assert!(vary.split(',').any(|name| name.trim() == "origin"), "Vary: {vary}");
}

#[tokio::test]
async fn a_preflight_is_answered_before_any_credential() {
    let (provider, gateway) = start().await;
    for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/models/m"] {
        let method = if path.contains("models") { "GET" } else { "POST" };
        let ask = preflight(path, ORIGIN).header("Access-Control-Request-Method", method);
        let answer = gateway.ask(&ask).await;
        assert_eq!((answer.status, answer.text()), (204, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        let methods = lists(&answer, "access-control-allow-methods");
        assert!(methods.contains(&method.to_ascii_lowercase()), "{path}: {methods:?}");
        let allowed = lists(&answer, "access-control-allow-headers");
        for name in [
            "authorization",
            "content-type",
            "x-session-id",
            "x-thread-id",
            "x-end-user-id",
            "x-stainless-os",
            "x-stainless-timeout",
        ] {
            assert!(allowed.contains(&name.to_owned()), "{name} is not in {allowed:?}");
        }
        varies(&answer);
        assert!(answer.headers.has("x-request-id"));
    }
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn a_preflight_allows_no_header_that_it_does_not_know() {
    let (_provider, gateway) = start().await;
    let ask = preflight(CHAT, ORIGIN)
        .header("Access-Control-Request-Headers", "authorization,x-anything");
    let answer = gateway.ask(&ask).await;
    assert_eq!(answer.status, 204);
    let allowed = lists(&answer, "access-control-allow-headers");
    assert!(allowed.contains(&"authorization".into()) && !allowed.contains(&"x-anything".into()));
    assert!(!allowed.contains(&"*".into()));
}

#[tokio::test]
async fn an_origin_is_allowed_exactly_or_by_one_star_within_a_label() {
    let (_provider, gateway) = start().await;
    let slug = "amber-fox-042.behest.localhost";
    for (origin, host, allowed) in [
        (ORIGIN, slug, true),
        ("https://app-1.example.com", slug, true),
        ("https://app-a-b.example.com", slug, true),
        ("https://app-1.evil.example.com", slug, false),
        ("https://app-1.example.com.evil.example", slug, false),
        ("http://app-1.example.com", slug, false),
        ("https://app-1.example.com:8443", slug, false),
        ("http://localhost:5174", slug, false),
        ("https://localhost:5173", slug, false),
        ("null", slug, false),
        // On the project's own host only its own origins; on a shared one anybody's.
        ("https://other.example", slug, false),
        ("https://other.example", "silent-brook-117.behest.localhost", true),
        ("https://other.example", "localhost", true),
        ("https://evil.example", "localhost", false),
    ] {
        let answer = gateway.ask(&preflight(CHAT, origin).header("Host", host)).await;
        assert_eq!(answer.status, 204, "{origin} at {host}");
        let expected = allowed.then_some(origin);
        assert_eq!(answer.header("access-control-allow-origin"), expected, "{origin} at {host}");
        varies(&answer);
    }
}

#[tokio::test]
async fn a_page_may_read_answers_streams_and_errors() {
    let (provider, gateway) = start().await;
    let from = |ask: Ask| ask.header("Origin", ORIGIN);
    provider.next(Plan::json(500, "{}"));
    let answers = [
        (502, gateway.ask(&from(Ask::chat(WHOLE))).await),
        (200, gateway.ask(&from(Ask::chat(WHOLE))).await),
        (200, gateway.ask(&from(Ask::chat(STREAMED))).await),
        (200, gateway.ask(&from(Ask::get("/v1/models"))).await),
        (400, gateway.ask(&from(Ask::chat("{}"))).await),
        (401, gateway.ask(&from(Ask::chat(WHOLE).key("wrong"))).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{status}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        let exposed = lists(&answer, "access-control-expose-headers");
        for name in [
            "x-request-id",
            "x-trace-id",
            "retry-after",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
        ] {
            assert!(exposed.contains(&name.to_owned()), "{name} is not in {exposed:?}");
        }
        varies(&answer);
    }
}

#[tokio::test]
async fn a_page_may_read_that_there_is_nothing_where_it_asked() {
    let (_provider, gateway) = start().await;
    for (status, path) in [(404, "/v1/nothing"), (405, "/v1/embeddings")] {
        let answer = gateway.ask(&Ask::get(path).header("Origin", ORIGIN)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{status}");
    }
}

#[tokio::test]
async fn a_page_that_the_project_does_not_allow_is_refused() {
    let (provider, gateway) = start().await;
    // `other.example` is another project's origin: on the shared host only the key tells.
    for origin in ["https://evil.example", "https://other.example", "null"] {
        let answer = gateway.ask(&Ask::chat(STREAMED).header("Origin", origin)).await;
        refused(&answer, 403, "forbidden");
        assert_eq!(answer.header("access-control-allow-origin").filter(|got| *got == "*"), None);
    }
    assert_eq!(provider.count(), 0);
    let allowed = gateway.ask(&Ask::chat(STREAMED).header("Origin", ORIGIN)).await;
    assert_eq!(allowed.events().last().map(String::as_str), Some(DONE));
}

#[tokio::test]
async fn a_client_that_is_no_browser_gets_no_such_headers() {
    let (_provider, gateway) = start().await;
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    let cors = answer.headers.names().into_iter().find(|name| name.starts_with("access-control-"));
    assert_eq!(cors, None);
}

#[tokio::test]
async fn a_preflight_is_neither_refused_for_its_address_nor_counted() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    // In two minutes at most twice as many are let in: the clock may turn while the test runs.
    set(&mut conf, "/limits/ip", json!({ "requests_per_minute": 4, "exempt": [] }));
    let gateway = Gateway::start(conf).await;
    let real = || Ask::chat(WHOLE).header("Origin", ORIGIN);
    let mut refusal = None;
    for at in 0..12 {
        let answer = gateway.ask(&preflight(CHAT, ORIGIN)).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        let answer = gateway.ask(&real()).await;
        assert!(at >= 4 || answer.status == 200, "number {at}: preflights were counted");
        refusal = Some(answer).filter(|answer| answer.status == 429).or(refusal);
    }
    // The page reads that it is to wait, and how long.
    let refusal = refusal.expect("more than a minute's requests are refused");
    assert_eq!(refusal.header("access-control-allow-origin"), Some(ORIGIN));
    assert!(lists(&refusal, "access-control-expose-headers").contains(&"retry-after".to_owned()));
    assert!(refusal.header("retry-after").is_some());
}
