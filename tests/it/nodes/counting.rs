use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::client::{Answer, Ask};
use crate::support::conf::KEY;
use crate::support::gateway::Gateway;
use crate::support::nodes::Nodes;
use crate::support::plan::{COMPLETION, Plan, Remote, whole};
use crate::support::until_then;

/// How soon what was used is told by every node.
const BOUND: Duration = Duration::from_secs(1);

/// What a request of [`capped`] may use beside its prompt.
const CAP: u64 = 10_000;

fn capped() -> Ask {
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }], "max_tokens": CAP });
    Ask::chat(body.to_string())
}

/// Requests and tokens of the project, as a node tells them.
async fn used(gateway: &Gateway) -> (u64, u64) {
    let usage = gateway.ask(&Ask::get("/v1/usage")).await;
    let totals = usage.json()["totals"].clone();
    (totals["requests"].as_u64().unwrap(), totals["tokens"].as_u64().unwrap())
}

/// All nodes tell this in time.
async fn all_tell(nodes: &[Gateway], want: (u64, u64)) {
    for (node, gateway) in nodes.iter().enumerate() {
        let told = until_then("usage", async || (used(gateway).await == want).then_some(()));
        let told = timeout(BOUND, told).await;
        assert!(told.is_ok(), "node {node} tells {:?}, not {want:?}", used(gateway).await);
    }
}

/// The ledger's rows of all nodes.
async fn rows(nodes: &[Gateway]) -> Vec<Value> {
    let rows = nodes.iter().map(|gateway| gateway.list("usage/rows?project=demo"));
    join_all(rows).await.into_iter().flatten().collect()
}

fn live(nodes: &Nodes, count: usize) -> Vec<Remote> {
    let plans = (0..count).map(|_| Plan::live());
    plans
        .map(|(plan, remote)| {
            nodes.provider.next(plan);
            remote
        })
        .collect()
}

fn answer(remote: &Remote) {
    remote.raw(whole(200, "content-type: application/json\r\n", COMPLETION));
}

#[tokio::test]
async fn a_budget_that_fits_twenty_admits_twenty_of_two_hundred_over_four_nodes() {
    // The prompt costs a few tokens more, but never as much as one more cap.
    let budget = json!({ "tokens_per_day": 20 * CAP + CAP - 1, "requests_per_minute": 1_000_000 });
    let nodes = Nodes::start(|conf| conf["tenants"][0]["projects"][0]["limits"] = budget).await;
    let mut remotes = live(&nodes, 200);
    let gateways = &nodes.gateways;
    let asking = (0..200).map(|n| async move { gateways[n % 4].ask(&capped()).await });
    let asking = join_all(asking);
    let answering = async {
        // Nobody is answered before everybody has asked: what is reserved stays so.
        nodes.provider.arrival(19).await;
        until_then("the refusals", async || {
            let refused: f64 = join_all(gateways.iter().map(refusals)).await.iter().sum();
            (refused >= 180.0).then_some(())
        })
        .await;
        assert_eq!(nodes.provider.count(), 20);
        remotes.iter().take(20).for_each(answer);
    };
    let (answers, ()) = futures::join!(asking, answering);
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(200), count(402)), (20, 180), "{:?}", statuses(&answers));
    all_tell(gateways, (20, 20 * 7)).await;
    assert_eq!((nodes.provider.count(), rows(gateways).await.len()), (20, 20));
    // What was reserved and not used is free again.
    remotes.drain(..20);
    answer(&remotes[0]);
    assert_eq!(gateways[3].ask(&capped()).await.status, 200);
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// How many requests a node has refused for want of budget.
async fn refusals(gateway: &Gateway) -> f64 {
    let lines = gateway.log_lines();
    lines.iter().filter(|line| line["status"] == 402).count() as f64
}

#[tokio::test]
async fn a_limit_on_requests_admits_exactly_so_many_over_four_nodes() {
    let nodes = Nodes::start(|conf| {
        let project = &mut conf["tenants"][0]["projects"][0];
        let free = json!({ "requests_per_day": 77, "requests_per_minute": 1_000_000,
            "tokens_per_day": 1_000_000_000 });
        project["tiers"] = json!({ "free": free });
        project["default_tier"] = json!("free");
    });
    let nodes = nodes.await;
    let ask = capped().key(KEY).header("X-End-User-Id", "ann");
    // Rounds, so that no more than a few are under way at once on a small machine.
    let mut admitted = 0;
    for _ in 0..8 {
        let round = (0..32).map(|n| nodes.gateways[n % 4].ask(&ask));
        let answers = join_all(round).await;
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 402)));
        admitted += answers.iter().filter(|answer| answer.status == 200).count();
    }
    assert_eq!((admitted, nodes.provider.count()), (77, 77));
    all_tell(&nodes.gateways, (77, 77 * 7)).await;
}

#[tokio::test]
async fn a_node_that_is_killed_gives_back_what_it_had_reserved_and_each_call_has_one_row() {
    let budget = json!({ "tokens_per_day": 3 * CAP + CAP - 1 });
    let mut nodes = Nodes::start(|conf| {
        conf["tenants"][0]["projects"][0]["limits"] = budget;
    })
    .await;
    let _held = live(&nodes, 3);
    let mut asking = Vec::new();
    for _ in 0..3 {
        let mut client = nodes.gateways[0].client().await;
        client.send(capped().bytes()).await;
        asking.push(client);
    }
    nodes.provider.request(2).await;
    assert_eq!(nodes.gateways[1].ask(&capped()).await.status, 402, "all is reserved");
    let (folder, conf) = nodes.gateways.remove(0).stop("KILL").await;
    let again = nodes.gateways[0].until_status(&capped(), 200).await;
    assert_eq!(again.status, 200);
    // One for each, however it ended: three were lost, and one was not.
    let rows = until_then("the rows", async || {
        Some(rows(&nodes.gateways).await).filter(|rows| rows.len() >= 4)
    })
    .await;
    nodes.gateways.push(Gateway::start_in(folder, conf).await);
    let lost = rows.iter().filter(|row| row["ending"] == "lost").count();
    assert_eq!((rows.len(), lost), (4, 3), "{rows:#?}");
    let rows = self::rows(&nodes.gateways).await;
    let mut ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), rows.len()), (4, 4), "a restart books none again");
}
