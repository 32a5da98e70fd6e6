//! A budget that is set in the middle of its window counts what was used before (CONTRACT 7).

use serde_json::json;

use crate::support::client::Ask;
use crate::support::conf::set;
use crate::support::gateway::Gateway;
use crate::support::metered::{Count, DEMO, capped, number, of_user, project};
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::until_then;

/// What each request has used.
const READ: u64 = 100;
const WRITTEN: u64 = 50;
const EACH: u64 = READ + WRITTEN;

/// A gateway whose models cost a dollar per thousand tokens, and a project of its store with no limits that
/// has used ten requests; the project's key.
async fn ten_requests(provider: &Provider) -> (Gateway, String) {
    let mut conf = project(provider, json!({}));
    set(&mut conf, "/models/0/price", json!({ "input": 1000, "output": 1000 }));
    let gateway = Gateway::start(conf).await;
    Count::of(provider, READ, WRITTEN);
    gateway.make("projects", json!({ "id": "late", "tenant": "acme" })).await;
    let (_, key) = gateway.new_key("late", json!({ "name": "ci" })).await;
    for _ in 0..10 {
        let answer = gateway.ask(&of_user(capped(WRITTEN), "ann").key(&key)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    gateway.until_idle().await;
    (gateway, key)
}

async fn limit(gateway: &Gateway, limits: serde_json::Value) {
    let answer = gateway.call("PATCH", "projects/late", limits).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_token_budget_counts_what_was_used_before_it_was_set() {
    let provider = Provider::start().await;
    let (gateway, key) = ten_requests(&provider).await;
    let ask = capped(WRITTEN).key(&key);
    limit(&gateway, json!({ "limits": { "tokens_per_day": 10_000 } })).await;
    let answer = gateway.ask(&ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let left = number(&answer, "x-ratelimit-remaining-tokens");
    // Ten requests, and what this one may need at most.
    assert!(left <= 10_000 - 10 * EACH - WRITTEN && left > 10_000 - 14 * EACH, "{left} are left");
    gateway.until_idle().await;
    limit(&gateway, json!({ "limits": { "tokens_per_day": 11 * EACH } })).await;
    refused(&gateway.ask(&ask).await, 402, "budget_exceeded");
    let gateway = gateway.restart("KILL").await;
    let details = refused(&gateway.ask(&ask).await, 402, "budget_exceeded")["details"].clone();
    assert_eq!(details["used"], 11 * EACH, "{details}");
}

#[tokio::test]
async fn money_and_what_users_have_counts_as_well() {
    let provider = Provider::start().await;
    let (gateway, key) = ten_requests(&provider).await;
    let of = |user: &str| of_user(capped(WRITTEN), user).key(&key);
    limit(&gateway, json!({ "limits": { "usd_per_month": 1.5 } })).await;
    refused(&gateway.ask(&of("ann")).await, 402, "budget_exceeded");
    let users =
        json!({ "limits": { "usd_per_month": null }, "user_limits": { "requests_per_day": 10 } });
    limit(&gateway, users).await;
    refused(&gateway.ask(&of("ann")).await, 402, "quota_exceeded");
    assert_eq!(gateway.ask(&of("bob")).await.status, 200);
}

#[tokio::test]
async fn a_budget_that_the_file_got_while_nothing_ran_counts_it_too() {
    let provider = Provider::start().await;
    let mut conf = project(&provider, json!({}));
    let gateway = Gateway::start(conf.clone()).await;
    Count::of(&provider, READ, WRITTEN);
    for _ in 0..10 {
        assert_eq!(gateway.ask(&capped(WRITTEN)).await.status, 200);
    }
    gateway.until_idle().await;
    set(&mut conf, &format!("{DEMO}/limits"), json!({ "tokens_per_month": 10 * EACH }));
    gateway.configure(&conf);
    let gateway = gateway.restart("TERM").await;
    let ask: Ask = capped(1);
    let spent = until_then("the budget to be spent", async || {
        Some(gateway.ask(&ask).await).filter(|answer| answer.status != 200)
    });
    refused(&spent.await, 402, "budget_exceeded");
}
