//! The limits that are there already: the address guard and a project's requests (CONTRACT 7).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::{OTHER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::refused;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn number(answer: &Answer, name: &str) -> u64 {
    let value = answer.header(name).unwrap_or_else(|| panic!("{name} is missing: {answer:?}"));
    value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
}

/// Asks until it is refused, and says how often it was not. The calendar minute may turn once
/// meanwhile, so that up to twice the limit is let through.
async fn until_refused(gateway: &Gateway, limit: usize, ask: &Ask) -> (usize, Answer) {
    let minute = now() / 60;
    for passed in 0..=2 * limit {
        let answer = gateway.ask(ask).await;
        if answer.status == 429 {
            assert!(
                passed >= limit && (passed == limit || now() / 60 != minute),
                "{passed} passed"
            );
            return (passed, answer);
        }
    }
    panic!("never refused");
}

#[track_caller]
fn rate_limited(answer: &Answer, layer: &str, limit: u64) {
    let error = refused(answer, 429, "rate_limited");
    let details = &error["details"];
    assert_eq!((&details["layer"], &details["limit"]), (&json!(layer), &json!(limit)), "{error}");
    assert_eq!(details["remaining"], 0);
    let resets_at = match &details["resets_at"] {
        Value::Number(number) => number.as_u64().unwrap(),
        other => panic!("resets_at: {other}"),
    };
    assert!(resets_at.is_multiple_of(60) && (now()..=now() + 60).contains(&resets_at));
    let wait = number(answer, "retry-after");
    assert!((1..=60).contains(&wait), "{wait}");
    let milliseconds = number(answer, "retry-after-ms");
    assert!((1..=60_000).contains(&milliseconds) && milliseconds.div_ceil(1000) == wait);
}

#[tokio::test]
async fn a_project_over_its_requests_per_minute_is_told_when_to_come_back() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/limits", json!({ "requests_per_minute": 3 }));
    let gateway = Gateway::start(conf).await;
    let (passed, answer) = until_refused(&gateway, 3, &Ask::chat(WHOLE)).await;
    rate_limited(&answer, "project", 3);
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 0);
    assert_eq!(provider.count(), passed, "a refused request reaches no provider");
    // Another project has its own count.
    let other = Ask::chat(r#"{"messages":[{"role":"user","content":"hi"}]}"#).key(OTHER_KEY);
    assert_eq!(gateway.ask(&other).await.status, 200);
}

#[tokio::test]
async fn every_admitted_request_is_told_what_is_left() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/limits", json!({ "requests_per_minute": 100 }));
    let gateway = Gateway::start(conf).await;
    let mut left = Vec::new();
    for body in [WHOLE, crate::support::plan::STREAMED, WHOLE] {
        let answer = gateway.ask(&Ask::chat(body)).await;
        assert_eq!(number(&answer, "x-ratelimit-limit"), 100);
        left.push(number(&answer, "x-ratelimit-remaining"));
        let reset = number(&answer, "x-ratelimit-reset");
        assert!(reset.is_multiple_of(60) && (now()..=now() + 60).contains(&reset));
        assert_eq!(number(&answer, "x-ratelimit-limit-requests"), 100);
        assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), *left.last().unwrap());
        let reset = answer.header("x-ratelimit-reset-requests").expect("a duration");
        assert!(reset.ends_with('s') || reset.ends_with('m'), "{reset}");
    }
    assert!(left[0] <= 99 && (left[1] == left[0] - 1 || left[1] == 99), "{left:?}");
    // The provider's failure does not take the headers away.
    provider.next(crate::support::plan::Plan::json(500, "{}"));
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    assert_eq!((answer.status, number(&answer, "x-ratelimit-limit")), (502, 100));
}

#[tokio::test]
async fn requests_that_are_refused_for_other_reasons_cost_the_project_nothing() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/limits", json!({ "requests_per_minute": 3 }));
    let gateway = Gateway::start(conf).await;
    for _ in 0..5 {
        refused(&gateway.ask(&Ask::chat("{}")).await, 400, "validation_error");
        let unknown = Ask::chat(WHOLE.replace(r#""m""#, r#""none""#));
        refused(&gateway.ask(&unknown).await, 400, "validation_error");
        assert_eq!(gateway.ask(&Ask::get("/v1/nothing")).await.status, 404);
    }
    until_refused(&gateway, 3, &Ask::chat(WHOLE)).await;
}

#[tokio::test]
async fn an_address_is_counted_before_any_credential() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/limits/ip", json!({ "requests_per_minute": 5, "exempt": [] }));
    let gateway = Gateway::start(conf).await;
    let (_, answer) = until_refused(&gateway, 5, &Ask::chat(WHOLE).key("no-such-key")).await;
    rate_limited(&answer, "ip", 5);
    // A good key does not help, and neither does a header that anybody can send.
    rate_limited(&gateway.ask(&Ask::chat(WHOLE)).await, "ip", 5);
    let claimed = Ask::chat(WHOLE).header("X-Forwarded-For", "192.0.2.7");
    rate_limited(&gateway.ask(&claimed).await, "ip", 5);
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_forwarded_address_counts() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/trusted_proxies", json!(["127.0.0.0/8"]));
    set(
        &mut conf,
        "/limits/ip",
        json!({ "requests_per_minute": 3, "exempt": ["198.51.100.0/24"] }),
    );
    let gateway = Gateway::start(conf).await;
    let from = |address: &str| Ask::chat(WHOLE).header("X-Forwarded-For", address);
    let (_, answer) = until_refused(&gateway, 3, &from("192.0.2.7")).await;
    rate_limited(&answer, "ip", 3);
    assert_eq!(gateway.ask(&from("192.0.2.8")).await.status, 200);
    // What a client puts in front of what the proxy adds does not count.
    rate_limited(&gateway.ask(&from("203.0.113.9, 192.0.2.7")).await, "ip", 3);
    // One client has a whole /64.
    let (_, answer) = until_refused(&gateway, 3, &from("2001:db8::1")).await;
    rate_limited(&answer, "ip", 3);
    rate_limited(&gateway.ask(&from("2001:db8::ffff:1")).await, "ip", 3);
    assert_eq!(gateway.ask(&from("2001:db8:0:1::1")).await.status, 200);
    for _ in 0..8 {
        assert_eq!(gateway.ask(&from("198.51.100.4")).await.status, 200);
    }
}

#[tokio::test]
async fn connections_per_address_are_limited() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/connections", json!({ "per_address": 4 }));
    let gateway = Gateway::start(conf).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = gateway.client().await;
        assert_eq!(client.ask(&Ask::get("/v1/models")).await.status, 200);
        clients.push(client);
    }
    // One more is turned away at once, with or without a word.
    let mut client = gateway.client().await;
    let sent = client.try_send(Ask::get("/v1/models").bytes()).await;
    if sent && let Some(head) = client.try_head().await {
        assert!(head.first.contains(" 503 ") || head.first.contains(" 429 "), "{}", head.first);
    }
    // Those that were there are served, and one that leaves makes room.
    let mut first = clients.remove(0);
    assert_eq!(first.ask(&Ask::get("/v1/models")).await.status, 200);
    drop(first);
    let room = async {
        loop {
            let mut client = gateway.client().await;
            let sent = client.try_send(Ask::get("/v1/models").bytes()).await;
            if sent && client.try_head().await.is_some_and(|head| head.first.contains(" 200 ")) {
                return;
            }
        }
    };
    crate::support::soon("room for a connection", room).await;
}
