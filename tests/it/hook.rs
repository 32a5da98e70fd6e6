//! A guardrail of the operator's own, asked over HTTP about each prompt (CONTRACT 9).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{OTHER_KEY, PROVIDER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::{Plan, STREAMED, Step, WHOLE, whole};
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::{soon, until_then};

const JANE: &str = "jane.doe@mail.example.com";

/// A provider, a guardrail, and a gateway that asks it about the prompts of project `demo`.
async fn start(mode: &str, more: Value) -> (Provider, Provider, Gateway) {
    let (provider, guardrail) = (Provider::start().await, Provider::start().await);
    let mut conf = conf(&[provider.url()]);
    let url = format!("http://{}/check", guardrail.address);
    let mut declared = json!({ "name": "moderation", "url": url, "timeout": "10s" });
    for (name, value) in more.as_object().unwrap() {
        declared[name] = value.clone();
    }
    set(&mut conf, "/guardrails", json!([declared]));
    let project = "/tenants/0/projects/0";
    let sentinel = json!({ "mode": mode, "hook": "moderation" });
    set(&mut conf, &format!("{project}/sentinel"), sentinel);
    let pii = json!({ "mode": "enforce", "entities": { "EMAIL_ADDRESS": "MASK" } });
    set(&mut conf, &format!("{project}/pii"), pii);
    (provider, guardrail, Gateway::start(conf).await)
}

fn says(verdict: &str) -> Plan {
    Plan::json(200, &json!({ "verdict": verdict }).to_string())
}

#[tokio::test]
async fn it_is_asked_with_the_redacted_prompt_and_what_it_allows_goes_up() {
    let (provider, guardrail, gateway) =
        start("enforce", json!({ "secret": "env:IT_PROVIDER_KEY" })).await;
    guardrail.next(says("allow"));
    let body = json!({ "model": "m", "messages": [
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": format!("I am {JANE}.") },
    ] });
    let answer = gateway.ask(&Ask::chat(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(provider.count(), 1);
    let asked = guardrail.request(0).await;
    assert_eq!((&*asked.method, &*asked.path), ("POST", "/check"));
    assert_eq!(asked.headers.value("content-type"), Some("application/json"));
    let bearer = format!("Bearer {PROVIDER_KEY}");
    assert_eq!(asked.headers.value("authorization"), Some(&*bearer));
    let told = asked.json();
    assert_eq!(told["project_id"], "demo");
    assert_eq!(told["request_id"], answer.header("x-request-id").unwrap());
    let texts: Vec<_> = told["texts"].as_array().unwrap().iter().map(Value::to_string).collect();
    let texts = texts.join("\n");
    assert!(texts.contains("Be brief.") && texts.contains("<EMAIL_ADDRESS_"), "{texts}");
    assert!(!asked.text().contains(JANE));
}

#[tokio::test]
async fn what_it_blocks_is_refused_and_told() {
    let (provider, guardrail, gateway) = start("enforce", json!({})).await;
    for body in [WHOLE, STREAMED] {
        guardrail.next(says("block"));
        refused(&gateway.ask(&Ask::chat(body)).await, 403, "content_blocked");
    }
    assert_eq!(provider.count(), 0);
    let metrics = gateway.metrics().await;
    let asked = r#"behest_guardrail_hook_requests_total{verdict="block"} 2"#;
    assert!(metrics.lines().any(|line| line == asked), "{metrics}");
    // It is the other project's affair no more than the other's prompts are its own.
    let other = Ask::chat(WHOLE.replace("\"m\"", "\"n\"")).key(OTHER_KEY);
    assert_eq!(gateway.ask(&other).await.status, 200);
    assert_eq!(guardrail.count(), 2);
}

#[tokio::test]
async fn in_shadow_nothing_is_refused_and_nothing_waits() {
    let (provider, guardrail, gateway) = start("shadow", json!({ "timeout": "1m" })).await;
    for (before, body) in [WHOLE, STREAMED].into_iter().enumerate() {
        let (plan, remote) = Plan::live();
        guardrail.next(plan);
        // It has not said anything when the whole answer is there.
        let answer = gateway.ask(&Ask::chat(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(gateway.list("events?type=hook").await.len(), before);
        remote.raw(whole(200, "", r#"{"verdict":"block"}"#));
        remote.say(Step::Close);
        let seen = until_then("the event", async || {
            let mut told = gateway.list("events?type=hook").await;
            (told.len() > before).then(|| told.swap_remove(0))
        });
        let event = seen.await;
        assert_eq!((&event["mode"], &event["action_taken"]), (&json!("shadow"), &json!("logged")));
        assert_eq!(event["request_id"].as_str(), answer.header("x-request-id"));
    }
    guardrail.next(Plan::json(500, "{}"));
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    guardrail.request(2).await;
    assert_eq!((provider.count(), guardrail.count()), (3, 3));
}

#[tokio::test]
async fn what_is_asked_beside_requests_is_heard_before_the_gateway_ends() {
    let (_provider, guardrail, gateway) = start("shadow", json!({ "timeout": "400ms" })).await;
    guardrail.next(Plan::hang());
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    let gateway = gateway.restart("TERM").await;
    assert_eq!(gateway.list("events?type=hook_silent").await.len(), 1);
}

/// What is no verdict.
fn silences() -> Vec<Plan> {
    let long = format!(r#"{{"verdict":"allow","why":"{}"}}"#, "x".repeat(70_000));
    let elsewhere =
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: /allow\r\ncontent-length: 0\r\n\r\n";
    vec![
        Plan::json(500, r#"{"verdict":"allow"}"#),
        Plan::json(200, r#"{"verdict":"perhaps"}"#),
        Plan::json(200, "allow"),
        Plan::json(200, &long),
        Plan::raw(elsewhere),
        Plan::raw(""),
    ]
}

#[tokio::test]
async fn its_silence_closes_or_opens_as_it_was_declared() {
    for (on_failure, passes) in [("closed", false), ("open", true)] {
        let (provider, guardrail, gateway) =
            start("enforce", json!({ "on_failure": on_failure })).await;
        let count = silences().len();
        for (at, plan) in silences().into_iter().enumerate() {
            guardrail.next(plan.then(Step::Close));
            let answer = gateway.ask(&Ask::chat(WHOLE)).await;
            assert_eq!(answer.status, if passes { 200 } else { 503 }, "{on_failure} {at}");
        }
        assert_eq!(provider.count(), if passes { count } else { 0 });
        let told = gateway.list("events?type=hook_silent").await;
        let taken = if passes { "logged" } else { "blocked" };
        assert_eq!(told.len(), count);
        assert!(told.iter().all(|event| event["action_taken"] == taken), "{told:?}");
    }
}

#[tokio::test]
async fn one_that_takes_too_long_is_not_waited_for() {
    let (provider, guardrail, gateway) = start("enforce", json!({ "timeout": "50ms" })).await;
    guardrail.next(Plan::hang());
    let answer = soon("an answer", gateway.ask(&Ask::chat(WHOLE))).await;
    refused(&answer, 503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(provider.count(), 0);
    // The next one is asked anew.
    guardrail.next(says("allow"));
    let again = soon("an answer", gateway.ask(&Ask::chat(WHOLE))).await;
    assert_eq!(again.status, 200, "{}", again.text());
}
