use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::client::{Answer, Ask};
use crate::support::conf::{KEY, OTHER_KEY};
use crate::support::gateway::Gateway;
use crate::support::nodes::Nodes;
use crate::support::pipe::Pipe;
use crate::support::redis::Redis;
use crate::support::refusal::refused;
use crate::support::until_then;

/// How long Redis is away here.
const AWAY: Duration = Duration::from_secs(3);

/// How long no request may take, whatever Redis does.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How soon all is exact again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// How many lines an outage may cost a node.
const LINES_MAX: usize = 8;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;

/// The project `demo` has a budget, of which no node holds enough for one request; the project `other` has a limit on requests alone.
fn budget(conf: &mut Value) {
    let limits = json!({ "tokens_per_day": 400_000, "requests_per_minute": 1_000_000 });
    conf["tenants"][0]["projects"][0]["limits"] = limits;
}

async fn ask(gateway: &Gateway, key: &str) -> Answer {
    let asked = timeout(WAIT_MAX, gateway.ask(&Ask::chat(CHAT).key(key))).await;
    asked.unwrap_or_else(|_| panic!("a request hangs"))
}

/// What a node says to both while Redis is away; how many of either were answered.
async fn serves(gateway: &Gateway) -> (usize, usize) {
    let since = Instant::now();
    let (mut limited, mut budgeted, mut refusals) = (0, 0, 0);
    while since.elapsed() < AWAY || refusals == 0 {
        let answer = ask(gateway, OTHER_KEY).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        limited += 1;
        let answer = ask(gateway, KEY).await;
        if answer.status == 200 {
            budgeted += 1;
        } else {
            refused(&answer, 503, "unavailable");
            assert!(answer.header("retry-after").is_some());
            refusals += 1;
        }
        assert!(since.elapsed() < 4 * WAIT_MAX, "no budget was refused");
    }
    (limited, budgeted)
}

fn lines(gateway: &Gateway) -> usize {
    gateway.folder.read("stderr").lines().count()
}

/// Requests of both projects, as a node tells them.
async fn told(gateway: &Gateway) -> u64 {
    let usage = gateway.look("usage?tenant=acme").await;
    usage["totals"]["requests"].as_u64().unwrap()
}

/// Load on all nodes while Redis goes and comes back.
async fn go_on(nodes: &Nodes, go: impl FnOnce(), come_back: impl AsyncFnOnce()) {
    let gateways = &nodes.gateways;
    for gateway in gateways {
        for key in [KEY, OTHER_KEY] {
            assert_eq!(ask(gateway, key).await.status, 200);
        }
    }
    let before: Vec<_> = gateways.iter().map(lines).collect();
    go();
    let served = join_all(gateways.iter().map(serves)).await;
    assert!(served.iter().all(|(limited, _)| *limited > 0));
    come_back().await;
    let exact = join_all(gateways.iter().map(|gateway| async {
        gateway.until_status(&Ask::chat(CHAT), 200).await;
        until_then("all that was used", async || {
            (told(gateway).await == nodes.provider.count() as u64).then_some(())
        })
        .await;
    }));
    let is_exact = timeout(BACK_WITHIN, exact).await.is_ok();
    let told = join_all(gateways.iter().map(told)).await;
    assert!(is_exact, "not exact: {told:?} of {}", nodes.provider.count());
    for (gateway, before) in gateways.iter().zip(before) {
        let lines = lines(gateway) - before;
        assert!(lines <= LINES_MAX, "{lines} lines: {}", gateway.folder.read("stderr"));
        let ready = gateway.admin(Ask::new("GET", "/readyz")).await;
        assert_eq!(ready.status, 200, "{}", ready.text());
        let metrics = gateway.metrics().await;
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {metrics}")).trim().parse::<f64>().unwrap()
        };
        assert_eq!((value("behest_store_up "), value("behest_store_given_up_total ")), (1.0, 0.0));
        assert!(value("behest_store_outages_total ") >= 1.0);
        assert!(value("behest_store_seconds_count{operation=\"admit\"}") >= 2.0);
    }
    // And what one makes is known to all again.
    let (_, key) = gateways[0].new_key("demo", json!({})).await;
    for gateway in gateways {
        gateway.until_status(&Ask::chat(CHAT).key(&key), 200).await;
    }
}

#[tokio::test]
async fn while_redis_is_frozen_limits_go_on_and_budgets_wait_for_nobody() {
    let nodes = Nodes::start(budget).await;
    go_on(&nodes, || nodes.redis.freeze(), async || nodes.redis.thaw()).await;
}

#[tokio::test]
async fn while_redis_is_down_limits_go_on_and_all_is_exact_afterwards() {
    let redis = Arc::new(Redis::start().await);
    let nodes = Nodes::start_at(redis.clone(), &redis.url(), budget).await;
    go_on(&nodes, || redis.kill(), async || redis.revive().await).await;
}

#[tokio::test]
async fn while_redis_swallows_what_it_is_sent_limits_go_on() {
    let redis = Arc::new(Redis::start().await);
    let pipe = Pipe::to(redis.address).await;
    let url = format!("redis://{}", pipe.address);
    let nodes = Nodes::start_at(redis, &url, budget).await;
    go_on(&nodes, || pipe.cut(), async || pipe.mend()).await;
}
