//! Tiers of end users: shipped, overridden, a project's own (CONTRACT 7).

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::KEY;
use crate::support::gateway::Gateway;
use crate::support::metered::{end_of_day, number, of_user, start, used};
use crate::support::plan::WHOLE;
use crate::support::refusal::{refused, refused_by_admin};
use crate::support::rsa::KEYS;
use crate::support::token::{claims, header, signed};
use crate::support::until_then;

/// What the tightest layers allow of requests and tokens.
#[track_caller]
fn allowed(answer: &Answer) -> (u64, u64) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    (number(answer, "x-ratelimit-limit"), number(answer, "x-ratelimit-limit-tokens"))
}

/// A chat with a token of this tier.
async fn with_tier(gateway: &Gateway, user: &str, tier: Value) -> Answer {
    let minted = gateway.mint(KEY, json!({ "user_id": user, "tier": tier })).await;
    assert_eq!(minted.status, 200, "{tier}: {}", minted.text());
    let token = minted.json()["jwt"].as_str().unwrap().to_owned();
    gateway.ask(&Ask::chat(WHOLE).key(&token)).await
}

#[tokio::test]
async fn the_shipped_tiers_are_named_by_number_or_by_name() {
    let (_provider, gateway) = start(json!({})).await;
    for (tier, allows) in [
        (json!("free"), (10, 50_000)),
        (json!(1), (10, 50_000)),
        (json!("pro"), (60, 2_000_000)),
        (json!(2), (60, 2_000_000)),
        (json!("max"), (300, 20_000_000)),
        (json!(3), (300, 20_000_000)),
    ] {
        let answer = with_tier(&gateway, &tier.to_string(), tier.clone()).await;
        assert_eq!(allowed(&answer), allows, "{tier}");
    }
    for unknown in [json!("gold"), json!(0), json!(4), json!(-1), json!(1.5), json!(true)] {
        let answer = gateway.mint(KEY, json!({ "user_id": "u", "tier": unknown })).await;
        assert_eq!(refused(&answer, 400, "validation_error")["param"], "tier", "{unknown}");
    }
}

#[tokio::test]
async fn without_a_tier_a_users_minute_is_a_tenth_of_the_projects() {
    for (of_project, of_user_) in [(600, 60), (50, 5), (10, 3)] {
        let limits = json!({ "limits": { "requests_per_minute": of_project } });
        let (_provider, gateway) = start(limits).await;
        let answer = gateway.ask(&of_user(Ask::chat(WHOLE), "u")).await;
        assert_eq!(allowed(&answer), (of_user_, 1_000_000), "{of_project}");
        assert_eq!(number(&gateway.ask(&Ask::chat(WHOLE)).await, "x-ratelimit-limit"), of_project);
    }
}

#[tokio::test]
async fn a_project_changes_the_shipped_tiers_and_adds_its_own() {
    let (_provider, gateway) = start(json!({ "tiers": {
        "pro": { "requests_per_minute": 90 },
        "gold": { "requests_per_minute": 7, "tokens_per_day": 4321 },
    }}))
    .await;
    for (tier, allows) in [
        (json!("free"), (10, 50_000)),
        (json!("pro"), (90, 2_000_000)),
        (json!("gold"), (7, 4321)),
        (json!(4), (7, 4321)),
    ] {
        let answer = with_tier(&gateway, &tier.to_string(), tier.clone()).await;
        assert_eq!(allowed(&answer), allows, "{tier}");
    }
}

#[tokio::test]
async fn a_signed_token_of_an_unknown_tier_has_the_lowest() {
    let (_provider, gateway) = start(json!({})).await;
    let key = json!({ "kid": "sk_1", "public_key": KEYS[0].public_pem() });
    gateway.make("tenants/acme/signing-keys", key).await;
    for (tier, allows) in
        [(json!("gold"), 10), (json!(77), 10), (json!("pro"), 60), (json!(3), 300)]
    {
        let mut claims = claims("acme", "demo", &format!("of-{tier}"));
        claims["tier"] = tier.clone();
        let token = signed(&KEYS[0], &header("sk_1"), &claims);
        let answer = gateway.ask(&Ask::chat(WHOLE).key(&token)).await;
        assert_eq!(allowed(&answer).0, allows, "{tier}");
    }
    let token = signed(&KEYS[0], &header("sk_1"), &claims("acme", "demo", "without"));
    let (requests, tokens) = allowed(&gateway.ask(&Ask::chat(WHOLE).key(&token)).await);
    assert_eq!((requests, tokens), (100_000, 1_000_000), "no tier is no tier");
}

#[tokio::test]
async fn keys_have_the_projects_default_tier() {
    let (_provider, gateway) = start(json!({ "default_tier": "pro" })).await;
    let answer = gateway.ask(&of_user(Ask::chat(WHOLE), "u")).await;
    assert_eq!(allowed(&answer), (60, 2_000_000));
    // A header is not believed, and without an end user there is nobody to have a tier.
    let claimed = of_user(Ask::chat(WHOLE), "v").header("X-Tier", "max");
    assert_eq!(allowed(&gateway.ask(&claimed).await).0, 60);
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    assert_eq!(number(&answer, "x-ratelimit-limit"), 1_000_000);
    let answer = with_tier(&gateway, "w", json!("free")).await;
    assert_eq!(allowed(&answer).0, 10, "a token's own tier goes first");
}

#[tokio::test]
async fn a_tiers_day_is_told_with_its_name() {
    let tiers = json!({
        "free": { "requests_per_day": 2 },
        "pro": { "tokens_per_day": 1000 },
        "gold": { "tokens_per_month": 1000 },
    });
    let (provider, gateway) = start(json!({ "tiers": tiers })).await;
    for _ in 0..2 {
        assert_eq!(with_tier(&gateway, "ann", json!("free")).await.status, 200);
    }
    let error = refused(&with_tier(&gateway, "ann", json!("free")).await, 402, "quota_exceeded");
    let details = &error["details"];
    assert_eq!(details["tier"], "free");
    assert_eq!(details["limit"], json!({ "requests_per_day": 2 }));
    assert_eq!(details["usage"], json!({ "requests_today": 2 }));
    assert_eq!(details["resets_at"], end_of_day());
    for (tier, user, limit, usage) in [
        ("pro", "bob", "tokens_per_day", "tokens_today"),
        ("gold", "eve", "tokens_per_month", "tokens_this_month"),
    ] {
        provider.next(used(1000, 200));
        assert_eq!(with_tier(&gateway, user, json!(tier)).await.status, 200);
        let path = format!("/v1/usage?user_id={user}");
        let settled =
            async || (gateway.usage(&path).await["totals"]["requests"] == 1).then_some(());
        until_then("the first one's usage", settled).await;
        let answer = with_tier(&gateway, user, json!(tier)).await;
        let details = refused(&answer, 402, "quota_exceeded")["details"].clone();
        assert_eq!(details["tier"], tier);
        assert_eq!(details["limit"], json!({ (limit): 1000 }));
        assert_eq!(details["usage"], json!({ (usage): 1200 }), "an overrun is told as it is");
    }
}

#[tokio::test]
async fn tiers_are_kept_by_the_admin_api() {
    let (_provider, gateway) = start(json!({})).await;
    gateway.make("projects", json!({ "id": "p", "tenant": "acme" })).await;
    let (_, key) = gateway.new_key("p", json!({})).await;
    let names = async || -> Vec<String> {
        let tiers = gateway.list("projects/p/tiers").await;
        tiers.iter().map(|tier| tier["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names().await, ["free", "pro", "max"]);
    for name in ["gold", "iron", "salt"] {
        let body = json!({ "name": name, "requests_per_minute": 7 });
        gateway.make("projects/p/tiers", body).await;
    }
    assert_eq!(names().await, ["free", "pro", "max", "gold", "iron", "salt"]);
    for body in [json!({ "name": "zinc" }), json!({ "name": "gold" })] {
        let answer = gateway.call("POST", "projects/p/tiers", body).await;
        refused_by_admin(&answer, 409, "validation_error");
    }
    let put = json!({ "requests_per_minute": 77 });
    assert_eq!(gateway.call("PUT", "projects/p/tiers/pro", put).await.status, 200);
    let resolved = gateway.look("projects/p/tiers/pro/resolved").await;
    let told = |name: &str| resolved[name].as_u64();
    assert_eq!(told("requests_per_minute"), Some(77));
    assert_eq!(told("requests_per_day"), Some(10_000));
    assert_eq!(told("tokens_per_day"), Some(2_000_000));
    assert_eq!(told("tokens_per_month"), None);
    assert_eq!(gateway.look("projects/p/tiers/2/resolved").await, resolved);
    // What was changed is in force.
    let minted = gateway.mint(&key, json!({ "user_id": "u", "tier": "pro" })).await.json();
    let ask = Ask::chat(WHOLE).key(minted["jwt"].as_str().unwrap());
    assert_eq!(allowed(&gateway.ask(&ask).await).0, 77);
    gateway.remove("projects/p/tiers/iron").await;
    gateway.remove("projects/p/tiers/pro").await;
    assert_eq!(names().await, ["free", "pro", "max", "gold", "salt"]);
    let resolved = gateway.look("projects/p/tiers/pro/resolved").await;
    assert_eq!(resolved["requests_per_minute"], 60);
    for missing in ["projects/p/tiers/none", "projects/p/tiers/9/resolved"] {
        refused_by_admin(&gateway.call("GET", missing, Value::Null).await, 404, "not_found");
    }
    let declared = gateway.call("POST", "projects/demo/tiers", json!({ "name": "gold" })).await;
    refused_by_admin(&declared, 409, "validation_error");
}
