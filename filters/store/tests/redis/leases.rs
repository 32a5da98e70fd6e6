//! Leases whose node has died, and those that nobody can close any more.

use super::server::Server;
use super::{
    Node, admit, ask, config, count, demand, in_flight, open, requests, settlement, tokens, until,
};
use behest_contract::book::{Book, Bucket, Row, UsageQuery};
use behest_contract::money::MicroUsd;
use behest_contract::price::Price;
use behest_contract::purse::{Ask, Demand, Known, Measure, Purse, Window};
use behest_store::{RedisConfig, book_suite};
use futures::executor::block_on;
use std::sync::Arc;
use std::time::Duration;

/// Leases that are lost within moments.
fn hasty(server: &Server) -> RedisConfig {
    RedisConfig {
        lease_expiry: Duration::from_millis(1_200),
        sweep_interval: Duration::from_millis(100),
        ..config(&server.url())
    }
}

fn rows(node: &Node) -> Vec<Row> {
    block_on(node.rows(book_suite::all_rows(None))).unwrap()
}

/// Tokens and requests that Redis knows to have been used.
fn used(node: &Node) -> (u64, u64) {
    let query = UsageQuery {
        tenant: "t".into(),
        project: Some("p".into()),
        user: None,
        time: Duration::ZERO..Duration::MAX,
        step: None,
        sides: [].into_iter().collect(),
    };
    let sums = block_on(node.usage(query)).unwrap();
    let tokens = |sum: &behest_contract::book::Sum| sum.prompt_tokens + sum.completion_tokens;
    sums.first().map_or((0, 0), |sum| (tokens(sum), sum.requests))
}

const DEMANDS: usize = 3;

fn demands() -> [Demand; DEMANDS] {
    [requests(100), in_flight(1), tokens(1_000, 500)]
}

/// A node that dies with an open lease of which so many tokens are known.
fn dies(server: &Server, id: &str, known: u64) -> Ask {
    let node = open(&hasty(server));
    let asks = ask(id, &demands());
    admit(&node, &asks).unwrap();
    asks.known.note_tokens(known);
    let is_known = || server.cli(&["HGET", "behest:{t}:known", id]).trim() == known.to_string();
    until("it is noted", || known == 0 || is_known());
    // Nothing of it goes on: its thread ends, and it settles nothing.
    drop(node);
    asks
}

#[test]
fn a_lease_whose_node_has_died_is_booked_once_at_what_is_known() {
    let server = Server::start();
    let lost = dies(&server, "lost", 77);
    let nodes = [(); 3].map(|()| open(&hasty(&server)));
    until("its row is written", || nodes.iter().any(|node| !rows(node).is_empty()));
    until("it is in what was used", || used(&nodes[0]) == (77, 1));
    // Everybody has had the time to write it once more.
    until("nobody waits for it", || server.cli(&["ZCARD", "behest:{t}:unbooked"]).trim() == "0");
    let all: Vec<_> = nodes.iter().flat_map(rows).collect();
    assert_eq!(all.len(), 1);
    assert_eq!((&*all[0].id, &*all[0].ending, all[0].estimated), ("lost", "lost", true));
    assert_eq!(all[0].prompt_tokens + all[0].completion_tokens, 77);
    // Its place is free, its tokens are settled, its request stays counted.
    assert_eq!(count(&nodes[1], in_flight(0)), 0);
    assert_eq!(count(&nodes[1], tokens(0, 0)), 77);
    assert_eq!(count(&nodes[1], requests(0)), 1);
    drop(lost);
}

#[test]
fn a_lost_lease_is_charged_for_what_it_has_written_and_names_its_provider() {
    let server = Server::start();
    let price = Price::new(MicroUsd::new(1_000_000), MicroUsd::new(2_000_000));
    let asks = Ask { known: Arc::new(Known::priced(Some(price))), ..ask("lost", &[usd(5_000)]) };
    let node = open(&hasty(&server));
    admit(&node, &asks).unwrap();
    asks.known.note_tokens(35);
    asks.known.note_sent(&"x".into(), Bucket::Byok);
    let known = || server.cli(&["HGET", "behest:{t}:known", "lost"]).trim() == "35";
    until("it is noted", known);
    drop(node);
    let node = open(&hasty(&server));
    until("its row is written", || !rows(&node).is_empty());
    let row = &rows(&node)[0];
    assert_eq!((&*row.provider, row.bucket, row.attempts), ("x", Bucket::Byok, 1));
    // 10 were read, as its sketch has it.
    assert_eq!((row.prompt_tokens, row.completion_tokens, row.micro_usd), (10, 25, Some(60)));
    assert_eq!(count(&node, usd(0)), 60);
}

fn usd(amount: u64) -> Demand {
    demand(Measure::MicroUsd, Window::Month, 10_000, amount)
}

#[test]
fn what_was_told_at_admission_is_booked_where_no_more_is_known() {
    let server = Server::start();
    drop(dies(&server, "lost", 0));
    let node = open(&hasty(&server));
    until("its row is written", || !rows(&node).is_empty());
    // The sketch told of 10 and 5.
    until("it is in what was used", || used(&node) == (15, 1));
    assert_eq!(count(&node, tokens(0, 0)), 15);
}

#[test]
fn a_lease_lives_as_long_as_somebody_holds_it() {
    let server = Server::start();
    let (node, other) = (open(&hasty(&server)), open(&hasty(&server)));
    let asks = ask("a", &demands());
    admit(&node, &asks).unwrap();
    asks.known.note_tokens(3);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((count(&other, in_flight(0)), count(&other, tokens(0, 0))), (1, 500));
    assert_eq!(rows(&node).len() + rows(&other).len(), 0);
    node.settle(settlement(&asks, 9));
    until("it is settled", || count(&other, tokens(0, 0)) == 9);
}

#[test]
fn a_lease_that_everybody_has_let_go_of_is_booked_by_its_node() {
    let server = Server::start();
    let node = open(&hasty(&server));
    let asks = ask("a", &demands());
    admit(&node, &asks).unwrap();
    asks.known.note_tokens(40);
    drop(asks);
    until("its row is written", || rows(&node).iter().any(|row| &*row.ending == "lost"));
    until("it is in what was used", || used(&node) == (40, 1));
    assert_eq!((count(&node, in_flight(0)), count(&node, tokens(0, 0))), (0, 40));
    assert_eq!(rows(&node).len(), 1);
}

#[test]
fn who_settles_after_all_corrects_what_was_booked_as_lost() {
    let server = Server::start();
    // This one is cut off: it neither renews nor knows that it is lost.
    let patient = RedisConfig { lease_expiry: Duration::from_secs(3_600), ..hasty(&server) };
    let late = open(&patient);
    let asks = ask("a", &demands());
    admit(&late, &asks).unwrap();
    server.cli(&["ZADD", "behest:{t}:due", "1", "a"]);
    let node = open(&hasty(&server));
    until("it is booked as lost", || used(&node) == (15, 1));
    until("it is settled", || count(&node, tokens(0, 0)) == 15);
    let row = Row { completion_tokens: 90, ..Row::clone(&asks.sketch) };
    for _ in 0..2 {
        late.close(Some(settlement(&asks, 100)), Some(row.clone()));
        until("it is corrected", || used(&node) == (100, 1));
        until("it is settled anew", || count(&node, tokens(0, 0)) == 100);
    }
    assert_eq!((count(&node, in_flight(0)), count(&node, requests(0))), (0, 1));
    assert_eq!(rows(&late), [row]);
}

#[test]
fn what_redis_has_forgotten_it_is_told_again() {
    let server = Server::start();
    let node = open(&hasty(&server));
    let asks = ask("a", &demands());
    admit(&node, &asks).unwrap();
    server.cli(&["FLUSHALL"]);
    until("it is there again", || count(&node, tokens(0, 0)) == 500);
    assert_eq!((count(&node, in_flight(0)), count(&node, requests(0))), (1, 1));
    node.settle(settlement(&asks, 8));
    until("it is settled", || count(&node, tokens(0, 0)) == 8);
}
