//! Requests that are wrong: what they are told, and that no provider hears of them (CONTRACT 6).

use std::time::Duration;

use tokio::time::timeout;

use crate::support::client::Ask;
use crate::support::conf::{KEY, OTHER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::refused;

const HI: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    (provider, gateway)
}

/// Sends each body as a chat, and checks that it is refused with 400 for this member.
async fn all_invalid(bodies: &[(String, Option<&str>)]) {
    let (provider, gateway) = start().await;
    for (body, param) in bodies {
        let shown: String = body.chars().take(100).collect();
        let ask = Ask::chat(body.clone());
        let answer = timeout(Duration::from_secs(10), gateway.ask(&ask)).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {shown}"));
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        let error = refused(&answer, 400, "validation_error");
        if let Some(param) = param {
            assert_eq!(error["param"], *param, "{shown}: {error}");
        }
    }
    assert_eq!(provider.count(), 0);
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let mut bodies: Vec<String> = [
        "",
        " ",
        "hello",
        "{",
        "null",
        "[]",
        "\"text\"",
        "1",
        "{\"messages\":[]",
        "{'messages':[]}",
        "{\"messages\":[],}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\u{1}\"}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "\u{feff}{}",
        "{\"messages\":[]}}",
    ]
    .map(str::to_owned)
    .into();
    bodies.push(format!("{WHOLE}{WHOLE}"));
    bodies.push(format!("{WHOLE} x"));
    bodies.push(WHOLE.replace("hi", "a\tb\nc"));
    all_invalid(&bodies.into_iter().map(|body| (body, None)).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn what_is_not_utf8_is_refused() {
    let (provider, gateway) = start().await;
    for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98"] {
        let body = [&br#"{"messages":[{"role":"user","content":""#[..], bytes, br#""}]}"#].concat();
        refused(&gateway.ask(&Ask::chat(body)).await, 400, "validation_error");
    }
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_refused_at_once() {
    let nested = |open: &str, depth: usize| format!(r#"{{{HI},"x":{}"#, open.repeat(depth));
    let closed = format!(r#"{{{HI},"x":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    let bodies = [
        nested("[", 100_000),
        nested("{\"a\":", 100_000),
        "[".repeat(100_000),
        format!(r#"{{"messages":{}"#, "[".repeat(100_000)),
        closed,
    ];
    all_invalid(&bodies.map(|body| (body, None))).await;
}

#[tokio::test]
async fn wrong_and_missing_members_are_refused_by_name() {
    let with = |said: &str| format!("{{{said},{HI}}}");
    let messages = |value: &str| format!(r#"{{"model":"m","messages":{value}}}"#);
    let bodies = [
        (with(r#""model":1"#), Some("model")),
        (with(r#""model":["m"]"#), Some("model")),
        (with(r#""model":"no-such-model""#), Some("model")),
        (with(r#""model":"up-m""#), Some("model")),
        (with(r#""stream":"yes""#), Some("stream")),
        (with(r#""stream":1"#), Some("stream")),
        (with(r#""stream":true,"stream_options":"x""#), Some("stream_options")),
        (r#"{"model":"m"}"#.to_owned(), Some("messages")),
        (messages("null"), Some("messages")),
        (messages(r#""hi""#), Some("messages")),
        (messages(r#"{"role":"user","content":"hi"}"#), Some("messages")),
        (messages("[]"), Some("messages")),
        (messages(r#"["hi"]"#), None),
        (messages("[null]"), None),
        (messages(r#"[{"content":"hi"}]"#), None),
        (messages(r#"[{"role":1,"content":"hi"}]"#), None),
    ];
    all_invalid(&bodies).await;
}

#[tokio::test]
async fn members_that_come_twice_are_refused_where_readers_could_differ() {
    let message = |members: &str| format!(r#"{{"model":"m","messages":[{{{members}}}]}}"#);
    let bodies = [
        format!(r#"{{"model":"m","model":"n",{HI}}}"#),
        format!(r#"{{"model":"m",{HI},"mod\u0065l":"n"}}"#),
        format!(r#"{{{HI},{HI}}}"#),
        format!(r#"{{{HI},"x":1,"\u0078":1}}"#),
        message(r#""role":"user","content":"a","content":"b""#),
        message(r#""role":"user","content":"a","cont\u0065nt":"b""#),
        message(r#""role":"user","r\u006fle":"system","content":"a""#),
        message(r#""role":"user","content":"a","x":1,"x":1"#),
    ];
    all_invalid(&bodies.map(|body| (body, None))).await;
}

#[tokio::test]
async fn a_model_that_the_project_may_not_call_is_as_unknown_as_any() {
    let (provider, gateway) = start().await;
    let mut messages = Vec::new();
    for model in ["m", "no"] {
        let body = format!(r#"{{"model":"{model}",{HI}}}"#);
        let error =
            refused(&gateway.ask(&Ask::chat(body).key(OTHER_KEY)).await, 400, "validation_error");
        assert_eq!(error["param"], "model");
        messages.push(error["message"].as_str().unwrap().replace(&format!("{model:?}"), "?"));
    }
    assert_eq!(messages[0].replace("`m`", "?"), messages[1].replace("`no`", "?"));
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn credentials_that_are_missing_or_wrong_are_all_told_the_same() {
    let (provider, gateway) = start().await;
    let ask = || Ask::chat(WHOLE).without("authorization");
    let wrong = KEY.replace("0123", "3210");
    let asks = [
        ask(),
        ask().header("Authorization", ""),
        ask().header("Authorization", "Bearer"),
        ask().header("Authorization", "Bearer "),
        ask().header("Authorization", KEY),
        ask().header("Authorization", &format!("Basic {KEY}")),
        ask().key(&wrong),
        ask().key(&KEY[..KEY.len() - 1]),
        ask().key(&format!("{KEY}0")),
        ask().key(&KEY.to_uppercase()),
        ask().key("bh_live_0123456789abcdef"),
        ask().key("eyJhbGciOiJub25lIn0.eyJ1aWQiOiJhZG1pbiJ9."),
    ];
    let mut bodies = Vec::new();
    for ask in asks {
        let answer = gateway.ask(&ask).await;
        refused(&answer, 401, "invalid_token");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one body for every reason: {bodies:?}");
    // Two different ones are no credential at all, and no guess is made.
    for other in [OTHER_KEY, wrong.as_str()] {
        let two = ask().key(KEY).also("Authorization", &format!("Bearer {other}"));
        refused(&gateway.ask(&two).await, 400, "validation_error");
    }
    assert_eq!(provider.count(), 0);
    for scheme in ["bearer", "BEARER"] {
        let ask = ask().header("Authorization", &format!("{scheme} {KEY}"));
        assert_eq!(gateway.ask(&ask).await.status, 200);
    }
}

#[tokio::test]
async fn a_key_that_is_only_for_minting_is_refused_on_chat() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/allow_key_on_chat", false);
    let gateway = Gateway::start(conf).await;
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 401, "invalid_token");
    assert_eq!(
        gateway
            .ask(&Ask::chat(r#"{"messages":[{"role":"user","content":"hi"}]}"#).key(OTHER_KEY))
            .await
            .status,
        200
    );
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn names_of_end_users_are_checked() {
    let (provider, gateway) = start().await;
    let long = "u".repeat(256);
    for user in ["", " ", "admin", "dashboard-service", "system", "sysop", "a\tb", &long] {
        let answer = gateway.ask(&Ask::chat(WHOLE).header("X-End-User-Id", user)).await;
        assert_eq!(answer.status, 400, "{user:?}: {}", answer.text());
        refused(&answer, 400, "validation_error");
    }
    let twice = Ask::chat(WHOLE).header("X-End-User-Id", "a").also("X-End-User-Id", "b");
    refused(&gateway.ask(&twice).await, 400, "validation_error");
    assert_eq!(provider.count(), 0);
    for user in ["u", "admins", "an e-mail@example.com", "ünï", &long[1..]] {
        let answer = gateway.ask(&Ask::chat(WHOLE).header("X-End-User-Id", user)).await;
        assert_eq!(answer.status, 200, "{user:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_key_may_require_or_forbid_an_end_user() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/api_keys/0/end_user", "require");
    set(&mut conf, "/tenants/0/projects/1/api_keys/0/end_user", "forbid");
    let gateway = Gateway::start(conf).await;
    let ask = Ask::chat(format!("{{{HI}}}"));
    let named = ask.clone().header("X-End-User-Id", "u");
    refused(&gateway.ask(&ask).await, 400, "validation_error");
    assert_eq!(gateway.ask(&named).await.status, 200);
    refused(&gateway.ask(&named.key(OTHER_KEY)).await, 400, "validation_error");
    assert_eq!(gateway.ask(&ask.key(OTHER_KEY)).await.status, 200);
    assert_eq!(provider.count(), 2);
}
