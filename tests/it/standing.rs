//! Where a project, an end user and a session stand: used, limit and what is left (CONTRACT 1, 7).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{KEY, set};
use crate::support::gateway::Gateway;
use crate::support::metered::{
    capped, early_in_the_minute, end_of_day, of_user, project, start, used,
};
use crate::support::nodes::Nodes;
use crate::support::plan::{COMPLETION, Plan, whole};
use crate::support::provider::Provider;
use crate::support::refusal::{refused, refused_by_admin};
use crate::support::until_then;

/// Every layer there is.
fn limits() -> Value {
    json!({
        "limits": { "requests_per_minute": 600, "user_requests_per_minute": 60, "max_in_flight": 9,
            "tokens_per_day": 100_000, "tokens_per_month": 200_000, "usd_per_day": 10.5,
            "usd_per_month": 20 },
        "user_limits": { "requests_per_day": 50, "tokens_per_minute": 30_000,
            "tokens_per_day": 40_000, "tokens_per_month": 50_000, "usd_per_day": 1,
            "usd_per_month": 2, "max_in_flight": 3 },
        "session_limits": { "tokens": 9_000, "usd": 0.5 },
    })
}

/// A price of a dollar for a thousand tokens, so that the numbers are easy.
fn priced() -> Value {
    json!({ "input": 1000, "output": 1000 })
}

/// A chat of Ann's in a session.
fn ask() -> Ask {
    of_user(capped(20), "ann").header("X-Session-Id", "s1")
}

/// What is told: for each layer what it allows, what is used, and what is left.
async fn told(gateway: &Gateway, query: &str) -> Vec<(String, Value)> {
    let told = gateway.look(&format!("projects/demo/limits{query}")).await;
    let layer = |of: &Value| {
        let numbers = json!([of["limit"], of["used"], of["remaining"], of["unit"], of["scope"]]);
        (of["layer"].as_str().unwrap().to_owned(), numbers)
    };
    told["data"].as_array().unwrap().iter().map(layer).collect()
}

fn of<'a>(told: &'a [(String, Value)], layer: &str) -> &'a Value {
    let found = told.iter().find(|(name, _)| name == layer);
    &found.unwrap_or_else(|| panic!("no {layer} in {told:?}")).1
}

#[tokio::test]
async fn every_layer_tells_what_is_used_of_it_and_asking_takes_nothing() {
    let provider = Provider::start().await;
    let mut conf = project(&provider, limits());
    set(&mut conf, "/models/0/price", priced());
    let gateway = Gateway::start(conf).await;
    early_in_the_minute(10).await;
    for _ in 0..2 {
        provider.next(used(10, 5));
        assert_eq!(gateway.ask(&ask()).await.status, 200);
    }
    gateway.until_idle().await;
    let (plan, remote) = Plan::live();
    provider.next(plan);
    let third = ask();
    let (open, ()) = futures::join!(gateway.ask(&third), async {
        provider.arrival(2).await;
        for _ in 0..3 {
            let told = told(&gateway, "?user_id=ann&session_id=s1").await;
            assert_eq!(told.len(), 16, "{told:?}");
            assert_eq!(*of(&told, "project"), json!([600, 3, 597, "requests", "project"]));
            assert_eq!(*of(&told, "project_concurrency"), json!([9, 1, 8, "requests", "project"]));
            assert_eq!(*of(&told, "user"), json!([60, 3, 57, "requests", "user"]));
            assert_eq!(*of(&told, "user_concurrency"), json!([3, 1, 2, "requests", "user"]));
            assert_eq!(*of(&told, "user_requests_day"), json!([50, 3, 47, "requests", "user"]));
        }
        remote.raw(whole(200, "content-type: application/json\r\n", COMPLETION));
    });
    assert_eq!(open.status, 200);
    gateway.until_idle().await;
    let told_at_last = told(&gateway, "?user_id=ann&session_id=s1").await;
    assert_eq!(
        *of(&told_at_last, "user_tokens_day"),
        json!([40_000, 37, 39_963, "tokens", "user"])
    );
    assert_eq!(
        *of(&told_at_last, "project_usd_month"),
        json!([20.0, 0.037, 19.963, "usd", "project"])
    );
    assert_eq!(
        *of(&told_at_last, "session_tokens"),
        json!([9_000, 37, 8_963, "tokens", "session"])
    );
    assert_eq!(*of(&told_at_last, "project_concurrency"), json!([9, 0, 9, "requests", "project"]));
    // Whoever is not asked for has no layers, and somebody else has used nothing.
    assert_eq!(told(&gateway, "").await.len(), 6);
    assert_eq!(told(&gateway, "?user_id=ann").await.len(), 14);
    let other = told(&gateway, "?user_id=bob&session_id=s1").await;
    assert_eq!(of(&other, "user_tokens_day")[1], 0);
    assert_eq!(of(&other, "session_tokens")[1], 0);
}

#[tokio::test]
async fn windows_tiers_and_wrong_questions() {
    let (_provider, gateway) = start(json!({ "default_tier": "free" })).await;
    let told = gateway.look("projects/demo/limits?user_id=ann").await;
    assert_eq!((&told["tier"], &told["user_id"]), (&json!("free"), &json!("ann")), "{told}");
    let layers = told["data"].as_array().unwrap();
    let day = layers.iter().find(|layer| layer["layer"] == "user_tokens_day").unwrap();
    assert_eq!(day["limit"], 50_000);
    let resets_at: jiff::Timestamp = day["resets_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(resets_at.as_second() as u64, end_of_day());
    let pro = gateway.look("projects/demo/limits?user_id=ann&tier=2").await;
    assert_eq!(pro["tier"], "pro");
    for (path, status, code) in [
        ("projects/none/limits", 404, "not_found"),
        ("projects/demo/limits?user_id=", 400, "validation_error"),
        ("projects/demo/limits?user_id=a&tier=gold", 400, "validation_error"),
    ] {
        refused_by_admin(&gateway.call("GET", path, Value::Null).await, status, code);
    }
}

#[tokio::test]
async fn what_has_refused_somebody_can_be_seen() {
    let (provider, gateway) = start(json!({ "user_limits": { "requests_per_day": 1 } })).await;
    provider.next(used(10, 5));
    assert_eq!(gateway.ask(&ask()).await.status, 200);
    let refusal = gateway.ask(&ask()).await;
    let layer = refused(&refusal, 402, "quota_exceeded")["details"]["layer"].clone();
    let told = told(&gateway, "?user_id=ann").await;
    assert_eq!(*of(&told, layer.as_str().unwrap()), json!([1, 1, 0, "requests", "user"]));
}

#[tokio::test]
async fn every_node_tells_the_same() {
    let nodes = Nodes::start(|conf| {
        let project = &mut conf["tenants"][0]["projects"][0];
        project["limits"] = json!({ "requests_per_minute": 600, "tokens_per_day": 100_000 });
    });
    let nodes = nodes.await;
    early_in_the_minute(10).await;
    for gateway in &nodes.gateways {
        nodes.provider.next(used(10, 5));
        assert_eq!(gateway.ask(&ask().key(KEY)).await.status, 200);
    }
    for gateway in &nodes.gateways {
        until_then("what all have used", async || {
            let told = told(gateway, "?user_id=ann").await;
            let day = of(&told, "project_tokens_day")
                == &json!([100_000, 60, 99_940, "tokens", "project"]);
            let mine = of(&told, "user_tokens_day")[1] == 60;
            let minute = of(&told, "project")[1] == 4;
            (day && mine && minute).then_some(())
        })
        .await;
    }
}
