//! Hard budgets: what is reserved, what the provider is told, and that nobody gets past (CONTRACT 7).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::set;
use crate::support::gateway::Gateway;
use crate::support::json::members;
use crate::support::metered::{
    Count, capped, number, of_user, project, reservation, start, streamed, used,
};
use crate::support::plan::{Plan, STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::refused;

/// As many as ask at once, and as many of them as a budget fits.
const ASKED: usize = 200;
const FITTING: u64 = 20;

/// Asks so often at once on a budget that fits twenty, of which this layer tells; each request uses all
/// that it reserves. What the provider itself has counted.
async fn storm(
    gateway: &Gateway,
    provider: &Provider,
    layer: &str,
    (read, written): (u64, u64),
) -> u64 {
    let count = Count::of(provider, read, written);
    let ask = capped(written);
    let asked = (0..ASKED).map(|_| gateway.ask(&ask));
    let mut passed = 0;
    for answer in futures::future::join_all(asked).await {
        if answer.status == 200 {
            passed += 1;
            continue;
        }
        let details = &refused(&answer, 402, "budget_exceeded")["details"];
        assert_eq!(details["layer"], layer);
        assert!(details["used"].as_f64() <= details["limit"].as_f64(), "{details}");
    }
    assert_eq!((passed, count.requests()), (FITTING, FITTING), "of {ASKED}");
    gateway.until_totals(FITTING, count.tokens()).await;
    let rows = gateway.until_rows(20).await;
    for row in rows {
        let counted = json!([row["prompt_tokens"], row["completion_tokens"], row["overrun"]]);
        assert_eq!(counted, json!([read, written, false]), "{row}");
    }
    count.tokens()
}

/// What a chat of a thousand tokens may at most read.
async fn prompt_bound(provider: &Provider) -> u64 {
    let wide = project(provider, json!({ "limits": { "tokens_per_day": 1_000_000 } }));
    reservation(&Gateway::start(wide).await, &capped(1000)).await - 1000
}

#[tokio::test]
async fn of_two_hundred_at_once_no_more_than_fit_a_token_budget_get_through() {
    let provider = Provider::start().await;
    let read = prompt_bound(&provider).await;
    // Too little is left over for a twenty-first, even if its prompt is counted to the token.
    let cap = FITTING * (read + 1000) + 900;
    let limits = json!({ "limits": { "tokens_per_day": cap } });
    let gateway = Gateway::start(project(&provider, limits)).await;
    let counted = storm(&gateway, &provider, "project_tokens_day", (read, 1000)).await;
    assert!(counted <= cap, "{counted}");
}

#[tokio::test]
async fn of_two_hundred_at_once_no_more_than_fit_a_money_budget_get_through() {
    let provider = Provider::start().await;
    let read = prompt_bound(&provider).await;
    let each = read + 2 * 1000;
    let cap = (FITTING * each + 1900) as f64 / 1e6;
    let mut conf = project(&provider, json!({ "limits": { "usd_per_day": cap } }));
    set(&mut conf, "/models/0/price", json!({ "input": 1, "output": 2 }));
    let gateway = Gateway::start(conf).await;
    storm(&gateway, &provider, "project_usd_day", (read, 1000)).await;
    let bill = gateway.usage("/v1/billing/usage").await;
    let cost = bill["platform"]["cost_usd"].as_f64().unwrap();
    assert!((cost * 1e6 - (FITTING * each) as f64).abs() < 0.5, "{cost}");
    assert!(cost <= cap, "{cost}");
}

#[tokio::test]
async fn what_is_in_flight_is_reserved() {
    let provider = Provider::start().await;
    let cap = 3 * (prompt_bound(&provider).await + 1000) + 900;
    let limits = json!({ "limits": { "tokens_per_day": cap } });
    let gateway = Gateway::start(project(&provider, limits)).await;
    let from = provider.count();
    let mut waiting = Vec::new();
    for at in 0..3 {
        let (plan, remote) = Plan::live();
        provider.next(plan);
        let mut client = gateway.client().await;
        client.send(capped(1000).bytes()).await;
        provider.request(from + at).await;
        waiting.push((client, remote));
    }
    let error = refused(&gateway.ask(&capped(1000)).await, 402, "budget_exceeded");
    let reserved = error["details"]["used"].as_u64().unwrap();
    assert!(reserved > 3000 && reserved <= cap, "{error}");
    // Each gives back what it did not use, and only then is there room.
    for (mut client, remote) in waiting {
        used(5, 2).steps.into_iter().for_each(|step| remote.say(step));
        assert_eq!(client.answer().await.status, 200);
    }
    gateway.until_totals(3, 21).await;
    let last = gateway.ask(&capped(1000)).await;
    assert_eq!(last.status, 200, "{}", last.text());
    let left = number(&last, "x-ratelimit-remaining-tokens");
    assert!(left + 21 + 1000 <= cap && left + 21 + 1500 >= cap, "{left} of {cap}");
}

/// What the provider is told to write at most, by each name.
async fn told(gateway: &Gateway, provider: &Provider, ask: &Ask) -> (Value, Value) {
    let before = provider.count();
    let answer = gateway.ask(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = provider.request(before).await.json();
    (sent["max_completion_tokens"].clone(), sent["max_tokens"].clone())
}

#[tokio::test]
async fn a_hard_budget_caps_the_output_where_the_client_does_not() {
    for limits in [
        json!({ "limits": { "tokens_per_day": 1_000_000 } }),
        json!({ "limits": { "tokens_per_month": 1_000_000 } }),
        json!({ "session_limits": { "tokens": 1_000_000 } }),
        json!({ "limits": { "usd_per_day": 10 } }),
        json!({ "user_limits": { "usd_per_month": 10 } }),
        json!({ "session_limits": { "usd": 10 } }),
    ] {
        let provider = Provider::start().await;
        let mut conf = project(&provider, limits.clone());
        set(&mut conf, "/models/0/price", json!({ "input": 1, "output": 1 }));
        let gateway = Gateway::start(conf).await;
        let whole = of_user(Ask::chat(WHOLE), "u");
        assert_eq!(told(&gateway, &provider, &whole).await, (json!(4096), Value::Null), "{limits}");
        let sent = provider.request(0).await;
        let last = members(sent.text()).last().cloned().unwrap();
        assert!(last.is_called("max_completion_tokens"), "at the end: {}", sent.text());
        provider.next(streamed(5, 2));
        let stream = of_user(Ask::chat(STREAMED), "u");
        assert_eq!(told(&gateway, &provider, &stream).await.0, 4096, "{limits}");
    }
}

#[tokio::test]
async fn a_clients_own_cap_goes_up_as_it_was_written() {
    let (provider, gateway) = start(json!({ "limits": { "tokens_per_day": 1_000_000 } })).await;
    for (name, other) in
        [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
    {
        let body = WHOLE.replace(r#"{"model""#, &format!(r#"{{"{name}":  77,"model""#));
        let before = provider.count();
        let answer = gateway.ask(&Ask::chat(body)).await;
        let sent = provider.request(before).await;
        assert_eq!(answer.status, 200);
        assert!(sent.text().contains(&format!(r#""{name}":  77"#)), "{}", sent.text());
        assert!(!sent.text().contains(other), "{}", sent.text());
    }
}

#[tokio::test]
async fn quotas_of_users_cap_nothing_upstream() {
    let limits = json!({ "user_limits": { "tokens_per_day": 5000, "tokens_per_month": 90_000 } });
    let (provider, gateway) = start(limits).await;
    let ask = of_user(Ask::chat(WHOLE), "u");
    assert_eq!(told(&gateway, &provider, &ask).await, (Value::Null, Value::Null));
    // Nor does any layer where there is no end user.
    assert_eq!(told(&gateway, &provider, &Ask::chat(WHOLE)).await, (Value::Null, Value::Null));
}

#[tokio::test]
async fn the_cap_is_spelt_as_the_provider_understands_it() {
    for (spelling, expected) in [
        ("max_tokens", (Value::Null, json!(4096))),
        ("max_completion_tokens", (json!(4096), Value::Null)),
        ("none", (Value::Null, Value::Null)),
    ] {
        let provider = Provider::start().await;
        let mut conf = project(&provider, json!({ "limits": { "tokens_per_day": 1_000_000 } }));
        set(&mut conf, "/providers/0/capabilities", json!({ "output_cap": spelling }));
        let gateway = Gateway::start(conf).await;
        assert_eq!(told(&gateway, &provider, &Ask::chat(WHOLE)).await, expected, "{spelling}");
    }
}

#[tokio::test]
async fn the_output_is_the_models_most_or_the_default_or_what_is_left() {
    for (most, default, budget, expected) in [
        (json!(700), json!(4096), 1_000_000, 700..=700),
        (json!(16_384), json!(300), 1_000_000, 300..=300),
        (Value::Null, json!(5000), 1_000_000, 5000..=5000),
        (Value::Null, json!(4096), 600, 300..=599),
        (Value::Null, json!(4096), 150, 16..=149),
    ] {
        let provider = Provider::start().await;
        let mut conf = project(&provider, json!({ "limits": { "tokens_per_day": budget } }));
        if !most.is_null() {
            set(&mut conf, "/models/0/max_output_tokens", most.clone());
        }
        set(&mut conf, "/default_output_tokens", default);
        let gateway = Gateway::start(conf).await;
        let cap = told(&gateway, &provider, &Ask::chat(WHOLE)).await.0.as_u64().unwrap();
        assert!(expected.contains(&cap), "{cap}: {most} {budget}");
    }
}

#[tokio::test]
async fn less_than_sixteen_tokens_of_output_are_not_worth_a_request() {
    let (provider, gateway) = start(json!({ "limits": { "tokens_per_day": 10_000 } })).await;
    // What is left for one more is less than its prompt and sixteen.
    provider.next(used(9_000, 985));
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    gateway.until_totals(1, 9985).await;
    let error = refused(&gateway.ask(&Ask::chat(WHOLE)).await, 402, "budget_exceeded");
    assert_eq!(error["details"]["used"], 9985, "{error}");
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn several_choices_are_reserved_for_each() {
    let (provider, gateway) = start(json!({ "limits": { "tokens_per_day": 100_000 } })).await;
    let reserved = async |members: &str| {
        let body = WHOLE.replace(r#"{"model""#, &format!(r#"{{{members},"model""#));
        provider.next(used(0, 0));
        let reserved = reservation(&gateway, &Ask::chat(body)).await;
        gateway.until_totals(provider.count() as u64, 0).await;
        reserved
    };
    let one = reserved(r#""max_tokens":1000,"n":1"#).await;
    assert!((1000..1500).contains(&one), "{one}");
    assert_eq!(reserved(r#""max_tokens":1000,"n":4"#).await, one + 3000);
    assert_eq!(reserved(r#""max_tokens":2000,"n":4"#).await, one + 7000);
    // The larger of two caps, for nobody knows which of them a provider obeys.
    let both = reserved(r#""max_tokens":1000,"n":1,"max_completion_tokens":3000"#).await;
    assert!((3000..3600).contains(&both), "{both}");
    // Without a cap, what is left is shared among the choices.
    let body = WHOLE.replace(r#"{"model""#, r#"{"n":50,"model""#);
    let cap = told(&gateway, &provider, &Ask::chat(body)).await.0.as_u64().unwrap();
    assert!((1500..=2000).contains(&cap), "{cap}");
    // A client's own cap is never lowered: what does not fit is refused.
    let body = WHOLE.replace(r#"{"model""#, r#"{"n":50,"max_tokens":3000,"model""#);
    refused(&gateway.ask(&Ask::chat(body)).await, 402, "budget_exceeded");
}

#[tokio::test]
async fn embeddings_reserve_what_they_read_and_no_more() {
    let (provider, gateway) = start(json!({ "limits": { "tokens_per_day": 100_000 } })).await;
    let ask = Ask::post("/v1/embeddings", r#"{"model":"m","input":"some words to embed"}"#);
    let reserved = reservation(&gateway, &ask).await;
    assert!((1..300).contains(&reserved), "{reserved}");
    assert!(provider.request(0).await.json().get("max_completion_tokens").is_none());
    gateway.until_totals(1, 2).await;
}

#[tokio::test]
async fn a_model_without_a_price_cannot_be_used_where_money_is_limited() {
    let (provider, gateway) = start(json!({ "limits": { "usd_per_day": 10 } })).await;
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    assert_eq!(refused(&answer, 400, "validation_error")["param"], "model");
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn money_is_spent_to_the_micro_dollar_and_never_beyond() {
    let provider = Provider::start().await;
    let mut conf = project(&provider, json!({ "limits": { "usd_per_month": 0.0105 } }));
    set(&mut conf, "/models/0/price", json!({ "input": 1, "output": 2, "cached_input": 0.5 }));
    let gateway = Gateway::start(conf).await;
    // 1,000 read and 1,000 written are three thousand micro-dollars, and no request reserves less.
    let count = Count::of(&provider, 1000, 1000);
    let ask = capped(1500);
    let asked = (0..40).map(|_| gateway.ask(&ask));
    for answer in futures::future::join_all(asked).await {
        if answer.status != 200 {
            let error = refused(&answer, 402, "budget_exceeded");
            assert_eq!(error["details"]["unit"], "usd");
            assert_eq!(error["details"]["limit"], 0.0105);
        }
    }
    assert_eq!(count.requests(), 3, "three fit, and a fourth does not");
    let spent = 0.009;
    gateway.until_totals(3, count.tokens()).await;
    let told = gateway.usage("/v1/billing/usage").await;
    let told = told["platform"]["cost_usd"].as_f64().unwrap();
    assert!((told - spent).abs() < 1e-9, "{told}, not {spent}");
}
