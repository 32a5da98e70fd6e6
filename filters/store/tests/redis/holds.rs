//! What nodes hold of budgets, for when Redis is away.

use super::server::Server;
use super::{Node, admit, ask, config, count, open, requests, settlement, tokens, until};
use behest_contract::purse::{Measure, Purse, Refused, Window};
use behest_store::RedisConfig;
use std::time::Duration;

/// Nodes that hold a twentieth of what they use.
fn holding(server: &Server) -> RedisConfig {
    RedisConfig {
        command_timeout: Duration::from_millis(300),
        hold_part: 20,
        hold_after: Duration::ZERO,
        ..config(&server.url())
    }
}

/// What is held of the tokens of today.
fn held(server: &Server) -> u64 {
    let keys = server.cli(&["--raw", "KEYS", "behest:{t}:h:c:p:p:td:*"]);
    let key = keys.trim();
    if key.is_empty() {
        return 0;
    }
    server.cli(&["--raw", "GET", key]).trim().parse().unwrap_or(0)
}

fn nodes(server: &Server) -> [Node; 2] {
    let config = RedisConfig { node_expiry: Duration::from_secs(3), ..holding(server) };
    let nodes = [open(&config), open(&config)];
    until("they know of each other", || nodes.iter().all(|node| node.tally().nodes == 2));
    nodes
}

#[test]
fn while_redis_is_away_tokens_go_on_as_far_as_they_are_held() {
    let server = Server::start();
    let node = open(&holding(&server));
    let asks = |id: &str| ask(id, &[requests(100), tokens(1_000, 20)]);
    let first = asks("first");
    admit(&node, &first).unwrap();
    until("something is held", || node.tally().holds == 1);
    assert_eq!(held(&server), 50);
    // What is held is no part of what was used.
    assert_eq!(count(&node, tokens(0, 0)), 20);
    server.freeze();
    let alone = ["a", "b"].map(asks);
    assert_eq!(admit(&node, &alone[0]).unwrap().used.to_vec(), [2, 40]);
    assert!(admit(&node, &alone[1]).is_ok());
    // Ten are left of fifty.
    assert!(matches!(admit(&node, &asks("c")), Err(Refused::Unavailable(_))));
    let money = super::demand(Measure::MicroUsd, Window::Day, 1_000, 1);
    let priced = ask("priced", &[tokens(1_000, 5), money]);
    assert!(matches!(admit(&node, &priced), Err(Refused::Unavailable(_))));
    // A request that has used less than it had reserved leaves room for the next.
    node.settle(settlement(&alone[0], 5));
    assert!(admit(&node, &asks("d")).is_ok());
    assert!(matches!(admit(&node, &asks("e")), Err(Refused::Unavailable(_))));
    server.thaw();
    until("Redis knows of all", || node.is_up() && node.tally().backlog == 0);
    // 20 of the first, 5 settled, 20 and 20 open.
    until("it is counted", || count(&node, tokens(0, 0)) == 65);
    assert_eq!(count(&node, requests(0)), 4);
    until("what was used is held anew, if at all", || [0, 50].contains(&held(&server)));
}

#[test]
fn near_a_limit_nothing_is_refused_for_being_held() {
    let server = Server::start();
    let nodes = nodes(&server);
    for (n, node) in nodes.iter().enumerate() {
        admit(node, &ask(&n.to_string(), &[tokens(1_000, 10)])).unwrap();
    }
    until("both hold something", || held(&server) == 100);
    // All at once, to the last.
    let big = ask("big", &[tokens(1_000, 970)]);
    admit(&nodes[0], &big).unwrap();
    admit(&nodes[1], &ask("last", &[tokens(1_000, 10)])).unwrap();
    assert_eq!(held(&server), 0);
    let over = admit(&nodes[1], &ask("over", &[tokens(1_000, 1)]));
    assert!(matches!(over, Err(Refused::Full { demand: 0, used: 1_000, .. })), "{over:?}");
    // While little is left, nothing is held.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((held(&server), nodes[0].tally().holds, nodes[1].tally().holds), (0, 0, 0));
}

#[test]
fn what_a_dead_node_holds_is_freed_and_is_no_use() {
    let server = Server::start();
    let hasty = RedisConfig {
        hold_expiry: Duration::from_secs(1),
        lease_expiry: Duration::from_secs(1),
        sweep_interval: Duration::from_millis(100),
        ..holding(&server)
    };
    let node = open(&hasty);
    let asks = ask("a", &[tokens(1_000, 10)]);
    admit(&node, &asks).unwrap();
    until("something is held", || held(&server) == 50);
    node.settle(settlement(&asks, 10));
    until("it is settled", || count(&node, tokens(0, 0)) == 10);
    // It is renewed as long as its node lives.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(held(&server), 50);
    drop(node);
    let other = open(&RedisConfig { hold_part: 0, ..hasty });
    admit(&other, &ask("b", &[tokens(1_000, 5)])).unwrap();
    until("it is freed", || held(&server) == 0);
    assert_eq!(count(&other, tokens(0, 0)), 15);
    assert_eq!(server.cli(&["ZCARD", "behest:{t}:unbooked"]).trim(), "0");
}
