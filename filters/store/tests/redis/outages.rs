//! Redis frozen, gone, and back.

use super::server::{LossyWay, Server};
use super::{
    Node, admit, ask, config, count, in_flight, open, open_in, requests, row, settlement, tokens,
    until,
};
use behest_contract::book::{Book, Row, UsageQuery};
use behest_contract::purse::{Purse, Refused, Settlement};
use behest_contract::secret::Secret;
use behest_store::{RedisConfig, book_suite};
use futures::executor::block_on;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// An answer, or a fallback, within a moment: on a busy machine as well.
fn brisk(server: &Server) -> RedisConfig {
    RedisConfig { command_timeout: Duration::from_millis(300), ..config(&server.url()) }
}

/// Far more than a timeout, and far less than a hang.
const SLACK: Duration = Duration::from_secs(2);

fn in_time<T>(what: &str, call: impl FnOnce() -> T) -> T {
    let since = Instant::now();
    let answer = call();
    let took = since.elapsed();
    assert!(took < Duration::from_millis(300) + SLACK, "{what} took {took:?}");
    answer
}

fn is_unavailable<T>(answer: &Result<T, Refused>) -> bool {
    matches!(answer, Err(Refused::Unavailable(_)))
}

/// All that tenant `t` has used.
fn everything() -> UsageQuery {
    UsageQuery {
        tenant: "t".into(),
        project: None,
        user: None,
        time: Duration::ZERO..Duration::MAX,
        step: None,
        sides: [].into_iter().collect(),
    }
}

/// Two nodes that know of each other.
fn pair(server: &Server) -> [Node; 2] {
    let config = RedisConfig { node_expiry: Duration::from_secs(3), ..brisk(server) };
    let nodes = [open(&config), open(&config)];
    until("they know of each other", || nodes.iter().all(|node| node.tally().nodes == 2));
    nodes
}

#[test]
fn while_redis_is_frozen_requests_go_on_by_share_and_tokens_do_not() {
    let server = Server::start();
    let nodes = pair(&server);
    let limit = requests(20);
    for n in 0..4 {
        admit(&nodes[0], &ask(&format!("before {n}"), &[limit])).unwrap();
    }
    // The other has seen what was used.
    admit(&nodes[1], &ask("before", &[limit])).unwrap();
    server.freeze();
    let since = Instant::now();
    let mut admitted = 0;
    for (n, node) in nodes.iter().cycle().take(60).enumerate() {
        let answer = in_time("a request", || admit(node, &ask(&format!("alone {n}"), &[limit])));
        match answer {
            Ok(_) => admitted += 1,
            Err(Refused::Full { demand: 0, .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
        let asks = ask(&format!("tokens {n}"), &[tokens(1_000, 10)]);
        assert!(is_unavailable(&in_time("tokens", || admit(node, &asks))));
        in_time("a settlement", || node.settle(settlement(&asks, 1)));
    }
    // Fifteen or sixteen were left, of which each had half.
    assert!((14..=16).contains(&admitted), "{admitted} were admitted");
    assert!(nodes.iter().all(|node| node.tally().is_alone && !node.tally().is_up));
    // The breaker was open nearly all of the time: else each call would have waited for the timeout.
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    server.thaw();
    until("they are back", || nodes.iter().all(|node| node.tally().is_up));
    until("Redis knows of all", || nodes.iter().all(|node| node.tally().backlog == 0));
    until("nobody is alone", || nodes.iter().all(|node| !node.tally().is_alone));
    assert_eq!(count(&nodes[0], requests(0)), admitted + 5);
    // Admissions that came through when nobody waited any more were taken back.
    assert_eq!(count(&nodes[1], tokens(0, 0)), 0);
    for n in 0..(20 - admitted - 5) {
        admit(&nodes[0], &ask(&format!("after {n}"), &[limit])).unwrap();
    }
    assert!(matches!(admit(&nodes[1], &ask("one more", &[limit])), Err(Refused::Full { .. })));
    assert!(nodes.iter().all(|node| node.tally().outages > 0 && !node.tally().outage.is_zero()));
}

/// What threads have been granted, while Redis was frozen under them.
#[test]
fn under_load_no_call_hangs_and_what_was_granted_is_counted_to_the_last() {
    let server = Server::start();
    let config = RedisConfig { hold_after: Duration::from_millis(200), ..brisk(&server) };
    let nodes = [open(&config), open(&config)];
    let (granted, alone, is_over) = (AtomicU32::new(0), AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for (n, node) in nodes.iter().cycle().take(6).enumerate() {
            let (granted, alone, is_over) = (&granted, &alone, &is_over);
            scope.spawn(move || {
                for call in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let demands = [requests(1 << 40), in_flight(1 << 20), tokens(1 << 40, 10)];
                    let ask = ask(&format!("{n} {call}"), &demands);
                    match in_time("an admission", || admit(node, &ask)) {
                        Ok(_) => drop(granted.fetch_add(1, Ordering::SeqCst)),
                        Err(Refused::Unavailable(_)) => continue,
                        Err(other) => panic!("{other:?}"),
                    }
                    alone.fetch_add(u32::from(!node.is_up()), Ordering::SeqCst);
                    let row = Row::clone(&ask.sketch);
                    in_time("a close", || node.close(Some(settlement(&ask, 15)), Some(row)));
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        until("it is under load", || granted.load(Ordering::SeqCst) > 200);
        until("something is held", || nodes.iter().all(|node| node.tally().holds > 0));
        server.freeze();
        std::thread::sleep(Duration::from_secs(3));
        server.thaw();
        until("they are back", || nodes.iter().all(Node::is_current));
        std::thread::sleep(Duration::from_millis(500));
        is_over.store(true, Ordering::SeqCst);
    });
    until("Redis knows of all", || nodes.iter().all(Node::is_current));
    let granted = u64::from(granted.into_inner());
    assert!(alone.into_inner() > 100, "nothing went on");
    until("all is settled", || count(&nodes[0], in_flight(0)) == 0);
    assert_eq!(count(&nodes[0], requests(0)), granted);
    assert_eq!(count(&nodes[0], tokens(0, 0)), 15 * granted);
    assert_eq!(block_on(nodes[1].usage(everything())).unwrap()[0].requests, granted);
}

#[test]
fn places_in_flight_are_shared_too_and_given_back() {
    let server = Server::start();
    let node = open(&brisk(&server));
    let place = in_flight(2);
    server.freeze();
    let asks = ["a", "b", "c"].map(|id| ask(id, &[place]));
    assert!(admit(&node, &asks[0]).is_ok() && admit(&node, &asks[1]).is_ok());
    assert!(matches!(admit(&node, &asks[2]), Err(Refused::Full { used: 2, .. })));
    node.settle(settlement(&asks[0], 0));
    assert!(admit(&node, &asks[2]).is_ok());
    server.thaw();
    until("Redis knows of all", || node.is_up() && node.tally().backlog == 0);
    assert_eq!(count(&node, place), 2);
    node.settle(settlement(&asks[1], 0));
    node.settle(settlement(&asks[2], 0));
    until("all are given back", || count(&node, place) == 0);
}

#[test]
fn what_is_closed_while_redis_is_gone_is_settled_when_it_is_back() {
    let mut server = Server::start();
    let node = open(&brisk(&server));
    let asks: Vec<_> =
        (0..10).map(|n| ask(&n.to_string(), &[requests(99), tokens(1_000, 50)])).collect();
    for ask in &asks {
        admit(&node, ask).unwrap();
    }
    server.kill();
    for (n, ask) in asks.iter().enumerate() {
        let row = row(&n.to_string());
        in_time("a close", || node.close(Some(settlement(ask, 15)), Some(row)));
    }
    let query = everything();
    until("it is known to be lost", || !node.is_up());
    assert!(in_time("usage", || block_on(node.usage(query.clone()))).is_err());
    assert_eq!(block_on(node.rows(book_suite::all_rows(None))).unwrap().len(), 10);
    server.revive();
    until("Redis knows of all", || node.is_up() && node.tally().backlog == 0);
    assert_eq!((count(&node, tokens(0, 0)), count(&node, requests(0))), (150, 10));
    let sums = block_on(node.usage(query)).unwrap();
    assert_eq!((sums[0].requests, sums[0].prompt_tokens), (10, 100));
    assert_eq!(node.tally().given_up, 0);
}

#[test]
fn who_dies_before_redis_is_back_tells_it_when_started_again() {
    let mut server = Server::start();
    let config = RedisConfig {
        lease_expiry: Duration::from_millis(1_000),
        sweep_interval: Duration::from_millis(100),
        ..brisk(&server)
    };
    let node = open(&config);
    let [one, two] = ["one", "two"].map(|id| ask(id, &[tokens(1_000, 400)]));
    for ask in [&one, &two] {
        admit(&node, ask).unwrap();
    }
    server.kill();
    for ask in [&one, &two] {
        let row = Row { prompt_tokens: 100, ..Row::clone(&ask.sketch) };
        node.close(Some(settlement(ask, 105)), Some(row));
    }
    let Node { redis, folder } = node;
    drop(redis);
    server.revive();
    // Meanwhile another finds that their node is dead, and books what it knows.
    let other = open(&config);
    until("both are booked as lost", || count(&other, tokens(0, 0)) == 30);
    let node = open_in(folder, &config);
    until("it has told", || count(&other, tokens(0, 0)) == 210);
    let told = || block_on(other.usage(everything())).unwrap();
    until("usage is corrected", || (told()[0].requests, told()[0].prompt_tokens) == (2, 200));
    assert_eq!(block_on(node.rows(book_suite::all_rows(None))).unwrap().len(), 2);
}

#[test]
fn what_was_done_and_not_heard_of_is_done_once() {
    let server = Server::start();
    let way = LossyWay::to(&server);
    let url = format!("redis://127.0.0.1:{}", way.port);
    let node = open(&RedisConfig { url: Secret::new(url), ..brisk(&server) });
    let direct = open(&brisk(&server));
    let (kept, lost) = (ask("kept", &[tokens(100, 30)]), ask("lost", &[tokens(100, 50)]));
    admit(&node, &kept).unwrap();
    way.mute();
    // It is admitted, and nobody here hears of it.
    assert!(is_unavailable(&in_time("an admission", || admit(&node, &lost))));
    node.close(Some(settlement(&kept, 7)), Some(Row::clone(&kept.sketch)));
    until("it is settled", || count(&direct, tokens(0, 0)) <= 57);
    way.unmute();
    until("all has arrived", || node.is_up() && node.tally().backlog == 0);
    assert_eq!(count(&direct, tokens(0, 0)), 7);
    assert_eq!(block_on(direct.usage(everything())).unwrap()[0].requests, 1);
    admit(&node, &ask("again", &[tokens(100, 93)])).unwrap();
}

#[test]
fn what_was_admitted_alone_is_taken_once_however_often_it_is_told() {
    let server = Server::start();
    let way = LossyWay::to(&server);
    let url = format!("redis://127.0.0.1:{}", way.port);
    let node = open(&RedisConfig { url: Secret::new(url), ..brisk(&server) });
    way.mute();
    // Redis hears of it at once, and nobody here knows that: it is told again until an answer comes.
    let asks = ask("alone", &[requests(100), in_flight(100)]);
    assert!(in_time("an admission", || admit(&node, &asks)).is_ok());
    node.settle(settlement(&asks, 0));
    until("it is known to be lost", || !node.is_up());
    way.unmute();
    until("all has arrived", || node.is_current());
    assert_eq!((count(&node, requests(0)), count(&node, in_flight(0))), (1, 0));
}

#[test]
fn a_connection_that_breaks_is_made_anew() {
    let server = Server::start();
    let node = open(&config(&server.url()));
    admit(&node, &ask("a", &[tokens(100, 10)])).unwrap();
    server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    let mut n = 0;
    until("it is admitted", || {
        n += 1;
        admit(&node, &ask(&n.to_string(), &[tokens(1_000, 10)])).is_ok()
    });
}

#[test]
fn a_full_counter_is_known_without_asking_and_only_for_a_moment() {
    let server = Server::start();
    let node = open(&config(&server.url()));
    let (subjects, asked) = (["p:p".into()], [requests(1)]);
    let peek = || node.peek("t", &subjects, &asked);
    assert!(peek().is_ok());
    let asks = ask("a", &asked);
    admit(&node, &asks).unwrap();
    assert!(matches!(peek(), Err(Refused::Full { demand: 0, used: 1, .. })));
    node.settle(Settlement { void: true, ..settlement(&asks, 0) });
    until("it is asked again", || peek().is_ok());
}
