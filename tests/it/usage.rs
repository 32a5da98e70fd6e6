//! What was used, as those may ask who used it (CONTRACT 7).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{OTHER_KEY, now, set};
use crate::support::gateway::Gateway;
use crate::support::metered::{capped, number, of_user, project, reported, start, used};
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::until_then;

/// The date of so many days from now, and the month that this one is in.
fn date(days: i64) -> String {
    let days = i64::try_from(now() / 86_400).unwrap() + days;
    // By Howard Hinnant's `civil_from_days`.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let month = if part < 10 { part + 3 } else { part - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{:02}", of_year - (153 * part + 2) / 5 + 1)
}

/// Three requests of two users in two sessions, over two models.
async fn some_use() -> (Provider, Gateway) {
    let (provider, gateway) = start(json!({})).await;
    for (user, session, model, read, written) in
        [("ann", "s1", "m", 10, 1), ("ann", "s2", "n", 20, 2), ("bob", "s1", "m", 40, 4)]
    {
        provider.next(used(read, written));
        let chat = WHOLE.replace(r#""m""#, &format!("\"{model}\""));
        let ask = of_user(Ask::chat(chat), user).header("X-Session-Id", session);
        assert_eq!(gateway.ask(&ask).await.status, 200);
    }
    gateway.until_totals(3, 77).await;
    (provider, gateway)
}

#[tokio::test]
async fn usage_is_told_apart_by_user_session_model_and_key() {
    let (_provider, gateway) = some_use().await;
    for (by, member, expected) in [
        ("user", "user_id", json!([["ann", 2, 33], ["bob", 1, 44]])),
        ("session", "session_id", json!([["s1", 2, 55], ["s2", 1, 22]])),
        ("model", "model", json!([["m", 2, 55], ["n", 1, 22]])),
        ("key", "key_id", json!([["demo/ci", 3, 77]])),
    ] {
        let told = gateway.usage(&format!("/v1/usage?group_by={by}")).await;
        let mut parts: Vec<Value> = told["breakdown"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| json!([part[member], part["requests"], part["tokens"]]))
            .collect();
        parts.sort_by_key(Value::to_string);
        assert_eq!(json!(parts), expected, "{by}");
        assert_eq!(
            (&told["totals"]["requests"], &told["totals"]["tokens"]),
            (&json!(3), &json!(77))
        );
    }
    let one = gateway.usage("/v1/usage?user_id=ann").await;
    assert_eq!((&one["totals"]["requests"], &one["totals"]["tokens"]), (&json!(2), &json!(33)));
    let none = gateway.usage("/v1/usage?user_id=nobody").await;
    assert_eq!(none["totals"]["requests"], 0);
    assert_eq!(none["breakdown"], json!([]));
    refused(&gateway.ask(&Ask::get("/v1/usage?group_by=colour")).await, 400, "validation_error");
}

#[tokio::test]
async fn usage_is_told_in_steps_of_time() {
    let (_provider, gateway) = some_use().await;
    for (granularity, ending) in [("day", "T00:00:00Z"), ("hour", ":00:00Z"), ("minute", ":00Z")] {
        let path = format!("/v1/usage?granularity={granularity}");
        let told = gateway.ask(&Ask::get(&format!("{path}&from={}", date(-1)))).await;
        assert_eq!(told.status, 200, "{}", told.text());
        let told = told.json();
        let parts = told["breakdown"].as_array().unwrap();
        let sum: u64 = parts.iter().map(|part| part["tokens"].as_u64().unwrap()).sum();
        assert_eq!(sum, 77, "{granularity}: {told}");
        for part in parts {
            let at = part["timestamp"].as_str().unwrap();
            assert!(at.ends_with(ending) && at.len() == 20, "{granularity}: {at}");
            assert!(part["cost_usd"].is_number(), "{part}");
        }
    }
    refused(&gateway.ask(&Ask::get("/v1/usage?granularity=year")).await, 400, "validation_error");
}

#[tokio::test]
async fn a_window_is_of_dates_or_instants_and_a_date_at_its_end_is_in_it() {
    let (_provider, gateway) = some_use().await;
    let (yesterday, today, tomorrow) = (date(-1), date(0), date(1));
    for (query, requests) in [
        (String::new(), 3),
        (format!("?from={today}&to={today}"), 3),
        (format!("?to={today}"), 3),
        (format!("?from={yesterday}&to={yesterday}"), 0),
        (format!("?from={tomorrow}&to={tomorrow}"), 0),
        (format!("?from={today}T00:00:00Z&to={tomorrow}T00:00:00Z"), 3),
        (format!("?from={yesterday}T00:00:00Z&to={today}T00:00:00Z"), 0),
        // A raw plus sign stays one, and so does one that a form's decoder has made a space.
        (format!("?from={today}T00:00:00+00:00&to={tomorrow}T00:00:00+00:00"), 3),
        (format!("?from={today}T02:00:00+02:00&to={tomorrow}"), 3),
        (format!("?from={today}T02:00:00%2B02:00"), 3),
        (format!("?from={today}T02:00:00%2002:00"), 3),
        (format!("?from={tomorrow}T02:00:00+02:00&to={tomorrow}"), 0),
    ] {
        for path in ["/v1/usage", "/v1/billing/usage"] {
            let told = gateway.usage(&format!("{path}{query}")).await;
            let of = if path == "/v1/usage" { "totals" } else { "platform" };
            assert_eq!(told[of]["requests"], requests, "{path}{query}: {told}");
        }
    }
    for wrong in ["from=yesterday", "to=2026-13-01", "from=2026-02-02&to=2026-01-01", "from=12"] {
        for path in ["/v1/usage", "/v1/billing/usage"] {
            let answer = gateway.ask(&Ask::get(&format!("{path}?{wrong}"))).await;
            refused(&answer, 400, "validation_error");
        }
    }
}

#[tokio::test]
async fn the_bill_has_a_window_of_this_month_and_is_split_by_model() {
    let (_provider, gateway) = some_use().await;
    let bill = gateway.usage("/v1/billing/usage").await;
    assert_eq!(bill["project_id"], "demo");
    let month = &date(0)[..7];
    assert_eq!(bill["window"]["from"], format!("{month}-01T00:00:00Z"));
    assert!(bill["window"]["to"].as_str().unwrap().ends_with("-01T00:00:00Z"));
    let platform = &bill["platform"];
    assert_eq!((&platform["input_tokens"], &platform["output_tokens"]), (&json!(70), &json!(7)));
    assert_eq!(platform["unpriced_requests"], 3, "an unknown price is a state, not zero");
    let models = platform["by_model"].as_array().unwrap();
    let of = |model: &str| models.iter().find(|one| one["model"] == model).unwrap();
    assert_eq!((&of("m")["requests"], &of("n")["input_tokens"]), (&json!(2), &json!(20)));
    assert_eq!((&bill["byok"]["requests"], &bill["byok"]["by_model"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_token_sees_its_own_user_and_a_key_its_project() {
    let (_provider, gateway) = some_use().await;
    let token = gateway.token("ann").await;
    for path in ["/v1/usage", "/v1/usage?user_id=ann", "/v1/usage?group_by=user"] {
        let told = gateway.ask(&Ask::get(path).key(&token)).await;
        assert_eq!(told.status, 200, "{}", told.text());
        assert_eq!(told.json()["totals"]["tokens"], 33, "{path}");
        assert!(!told.text().contains("bob"), "{path}: {}", told.text());
    }
    let bill = gateway.ask(&Ask::get("/v1/billing/usage").key(&token)).await;
    assert_eq!(bill.json()["platform"]["requests"], 2, "{}", bill.text());
    for path in ["/v1/usage?user_id=bob", "/v1/billing/usage?user_id=bob"] {
        refused(&gateway.ask(&Ask::get(path).key(&token)).await, 403, "forbidden");
    }
    assert_eq!(gateway.totals(OTHER_KEY).await, (0, 0), "another project");
    refused(
        &gateway.ask(&Ask::get("/v1/usage").without("authorization")).await,
        401,
        "invalid_token",
    );
}

#[tokio::test]
async fn a_tenants_own_provider_key_has_a_bucket_of_its_own() {
    let provider = Provider::start().await;
    let mut conf = project(&provider, json!({}));
    set(&mut conf, "/providers/0/byok", json!({ "allow": true }));
    let gateway = Gateway::start(conf).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    let path = "tenants/acme/provider-keys/p0";
    let put = gateway.call("PUT", path, json!({ "api_key": "sk-of-acme-0123" })).await;
    assert!((200..=201).contains(&put.status), "{}", put.text());
    for _ in 0..2 {
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    }
    gateway.until_totals(3, 21).await;
    let bill = gateway.usage("/v1/billing/usage").await;
    assert_eq!((&bill["platform"]["requests"], &bill["byok"]["requests"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&bill["byok"]["input_tokens"], &bill["byok"]["output_tokens"]),
        (&json!(10), &json!(4))
    );
}

#[tokio::test]
async fn a_restart_keeps_usage_and_the_counters_of_day_and_month() {
    for signal in ["TERM", "KILL"] {
        let (provider, gateway) = start(json!({
            "limits": { "tokens_per_day": 10_000, "tokens_per_month": 20_000 },
            "user_limits": { "requests_per_day": 3, "tokens_per_day": 9000 },
        }))
        .await;
        let ask = of_user(capped(100), "ann");
        for (read, written) in [(3000, 100), (1000, 50)] {
            provider.next(used(read, written));
            assert_eq!(gateway.ask(&ask).await.status, 200);
        }
        gateway.until_totals(2, 4150).await;
        let gateway = gateway.restart(signal).await;
        assert_eq!(gateway.totals(crate::support::conf::KEY).await, (2, 4150), "after {signal}");
        provider.next(used(0, 0));
        let answer = gateway.ask(&ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(number(&answer, "x-ratelimit-remaining"), 0, "the third of the day");
        let left = number(&answer, "x-ratelimit-remaining-tokens");
        assert!((4000..9000 - 4150).contains(&left), "{left} after {signal}");
        refused(&gateway.ask(&ask).await, 402, "quota_exceeded");
        // The row of what was under way is there, too.
        let rows = gateway.until_rows(3).await;
        assert!(rows.iter().all(|row| row["ending"] == "completed"), "{rows:#?}");
    }
}

/// What a chat with this usage costs, and how many of the bill's requests have no price.
async fn cost(gateway: &Gateway, provider: &Provider, model: &str, usage: Value) -> (f64, u64) {
    let told = async || gateway.usage("/v1/billing/usage").await["platform"].clone();
    let before = told().await;
    provider.next(reported(usage));
    let chat = WHOLE.replace(r#""m""#, &format!("\"{model}\""));
    assert_eq!(gateway.ask(&Ask::chat(chat)).await.status, 200);
    let after = until_then("the bill", async || {
        Some(told().await).filter(|after| after["requests"] != before["requests"])
    })
    .await;
    let number = |name: &str| after[name].as_f64().unwrap() - before[name].as_f64().unwrap();
    (number("cost_usd"), number("unpriced_requests") as u64)
}

#[tokio::test]
async fn a_price_is_the_files_or_the_bundled_one_or_unknown() {
    let provider = Provider::start().await;
    let mut conf = project(&provider, json!({}));
    let targets = json!([{ "provider": "p0", "model": "up" }]);
    set(
        &mut conf,
        "/models",
        json!([
            { "id": "m", "targets": targets },
            { "id": "n", "targets": targets },
            { "id": "four", "targets": [{ "provider": "p0", "model": "gpt-4o" }] },
            { "id": "own", "targets": targets, "price": { "input": 1, "output": 10, "cached_input": 0.5 } },
            { "id": "long", "targets": targets, "price": { "input": 1, "output": 10, "cached_input": 0.5,
                "above": { "tokens": 1000, "input": 2, "output": 20, "cached_input": 1 } } },
            { "id": "thinks", "targets": targets, "price": { "input": 1, "output": 2, "reasoning": 3 } },
            { "id": "dear", "targets": [{ "provider": "p0", "model": "gpt-4o" }],
                "price": { "input": 7, "output": 7 } },
        ]),
    );
    let gateway = Gateway::start(conf).await;
    let usage = |read: u64, cached: u64, written: u64| {
        json!({
            "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written,
            "prompt_tokens_details": { "cached_tokens": cached },
        })
    };
    let mut thought = usage(0, 0, 1000);
    thought["completion_tokens_details"] = json!({ "reasoning_tokens": 900 });
    let mut wrong = Vec::new();
    for (model, usage, (micros, unpriced)) in [
        ("m", usage(1000, 0, 100), (0.0, 1)),
        ("four", usage(1000, 0, 100), (3500.0, 0)),
        ("four", usage(1000, 400, 100), (3000.0, 0)),
        ("own", usage(1000, 0, 100), (2000.0, 0)),
        ("own", usage(1000, 1000, 100), (1500.0, 0)),
        ("own", usage(0, 0, 0), (0.0, 0)),
        ("long", usage(1000, 0, 100), (2000.0, 0)),
        ("long", usage(1001, 0, 100), (4002.0, 0)),
        ("long", usage(2000, 500, 0), (3500.0, 0)),
        ("thinks", thought, (2900.0, 0)),
        ("dear", usage(1000, 0, 1000), (14_000.0, 0)),
    ] {
        let (told, without) = cost(&gateway, &provider, model, usage.clone()).await;
        if (told * 1e6 - micros).abs() > 0.5 || without != unpriced {
            wrong.push(format!("{model} {usage}: ${told}, not {micros}, {without} unpriced"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
