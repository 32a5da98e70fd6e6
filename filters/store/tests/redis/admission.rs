//! Admission over several nodes.

use super::server::Server;
use super::{admit, ask, config, count, open, requests, settlement, tokens, until};
use behest_contract::purse::{Purse, Refused, Settlement};
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn of_ten_thousand_requests_on_four_nodes_exactly_the_limit_is_admitted() {
    let server = Server::start();
    let nodes = [(); 4].map(|()| open(&config(&server.url())));
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for (n, node) in nodes.iter().enumerate() {
            for thread in 0..2 {
                let admitted = &admitted;
                scope.spawn(move || {
                    for call in 0..1_250 {
                        let ask = ask(&format!("{n}-{thread}-{call}"), &[requests(777)]);
                        match admit(node, &ask) {
                            Ok(_) => drop(admitted.fetch_add(1, Ordering::Relaxed)),
                            Err(Refused::Full { demand: 0, used: 777, .. }) => {}
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                });
            }
        }
    });
    assert_eq!(admitted.into_inner(), 777);
    assert_eq!(count(&nodes[0], requests(777)), 777);
}

#[test]
fn of_two_hundred_at_once_a_budget_admits_as_many_as_fit() {
    let server = Server::start();
    let nodes = [(); 4].map(|()| open(&config(&server.url())));
    let asks: Vec<_> =
        (0..200).map(|n| ask(&n.to_string(), &[requests(1_000), tokens(1_000, 50)])).collect();
    let decisions: Vec<_> =
        asks.iter().zip(nodes.iter().cycle()).map(|(ask, node)| node.admit(ask.clone())).collect();
    let answers: Vec<_> = decisions
        .into_iter()
        .map(|decision| futures::executor::block_on(decision.settled()))
        .collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 20);
    // What was refused has taken nothing, of either.
    assert_eq!(count(&nodes[1], requests(0)), 20);
    assert_eq!(count(&nodes[2], tokens(0, 0)), 1_000);
    // What is settled on one node is free on all.
    for (n, answer) in answers.iter().enumerate().filter(|(_, answer)| answer.is_ok()) {
        assert!(answer.is_ok());
        nodes[n % 4].settle(settlement(&asks[n], 1));
    }
    until("all is settled", || count(&nodes[3], tokens(0, 0)) == 20);
}

#[test]
fn an_admission_is_one_round_trip() {
    let server = Server::start();
    let node = open(&config(&server.url()));
    let demands = [requests(1_000), tokens(1_000_000, 5), super::in_flight(100)];
    admit(&node, &ask("first", &demands)).unwrap();
    let calls = |command: &str| {
        let stats = server.cli(&["INFO", "commandstats"]);
        let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")));
        let calls = line.and_then(|line| line.split("calls=").nth(1)?.split(',').next());
        calls.map_or(0, |calls| calls.parse::<u32>().unwrap())
    };
    server.cli(&["CONFIG", "RESETSTAT"]);
    for n in 0..50 {
        admit(&node, &ask(&n.to_string(), &demands)).unwrap();
    }
    // Nodes count each other and look for what was lost, every now and then.
    let scripts = calls("evalsha");
    assert!((50..60).contains(&scripts), "{scripts} scripts");
    assert_eq!(calls("eval"), 0);
}

#[test]
fn scripts_that_are_forgotten_are_told_again() {
    let server = Server::start();
    let node = open(&config(&server.url()));
    for n in 0..3 {
        server.cli(&["SCRIPT", "FLUSH", "SYNC"]);
        admit(&node, &ask(&n.to_string(), &[tokens(100, 10)])).unwrap();
    }
    assert_eq!(count(&node, tokens(0, 0)), 30);
}

#[test]
fn a_user_who_may_do_no_more_than_the_engine_needs_is_enough() {
    let server = Server::start();
    let rules = ["on", ">p@ss", "~behest:*", "&*", "+@all", "-@admin", "-@dangerous", "-script"];
    server.cli(&[&["ACL", "SETUSER", "gate"], &rules[..]].concat());
    let url = format!("redis://gate:p%40ss@127.0.0.1:{}", server.port);
    let node = open(&config(&url));
    let asks = ask("a", &[requests(1)]);
    admit(&node, &asks).unwrap();
    server.cli(&["SCRIPT", "FLUSH", "SYNC"]);
    assert!(matches!(admit(&node, &ask("b", &[requests(1)])), Err(Refused::Full { .. })));
    node.settle(Settlement { void: true, ..settlement(&asks, 0) });
    // It is told the script for that once more, and so another call may overtake it.
    until("it is given back", || admit(&node, &ask("b", &[requests(1)])).is_ok());
}

#[test]
fn what_nobody_waits_for_any_more_is_given_back() {
    let server = Server::start();
    let node = open(&config(&server.url()));
    server.freeze();
    let waits = node.admit(ask("a", &[requests(1), tokens(10, 10)]));
    drop(waits);
    server.thaw();
    until("it is given back", || count(&node, tokens(0, 0)) == 0 && count(&node, requests(0)) == 0);
    assert!(admit(&node, &ask("b", &[requests(1), tokens(10, 10)])).is_ok());
}
