//! The directory: one for all nodes, durable, and heard of at once.

use super::server::Server;
use super::{config, until};
use behest_contract::directory::{Directory, Expect, Failure, Revision};
use behest_store::RedisDirectory;
use behest_store::suite::{Open, change, line};
use futures::executor::block_on;
use futures::future::{Either, select};
use std::sync::Arc;
use std::time::{Duration, Instant};

behest_store::behaviour!(on_a_new_server());

fn on_a_new_server() -> Open {
    let server = Server::start();
    Box::new(move || Arc::new(open(&server)))
}

fn open_at(url: &str) -> RedisDirectory {
    let directory = RedisDirectory::open(&config(url)).unwrap();
    until("the directory is connected", || directory.is_healthy());
    directory
}

pub(crate) fn open(server: &Server) -> RedisDirectory {
    open_at(&server.url())
}

fn put(on: &dyn Directory, id: &str, body: &str) -> Revision {
    block_on(on.commit(vec![change(id, Expect::Anything, Some(body))], line(1))).unwrap()
}

/// Whether a future comes within this time.
fn comes(future: impl Future<Output = ()> + Unpin, within: Duration) -> bool {
    let (alarm, rings) = futures::channel::oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::thread::sleep(within);
        drop(alarm);
    });
    matches!(block_on(select(future, rings)), Either::Left(_))
}

/// Waits until nobody has anything to tell any more: it has subscribed.
fn quiet(on: &RedisDirectory) {
    while comes(on.stirred(), Duration::from_millis(300)) {}
}

#[test]
fn a_commit_stirs_all_nodes_at_once() {
    let server = Server::start();
    let nodes = [(); 3].map(|()| open(&server));
    nodes.iter().for_each(quiet);
    let stirred = nodes.each_ref().map(|node| node.stirred());
    put(&nodes[0], "a", "1");
    for stirred in stirred {
        assert!(comes(stirred, Duration::from_secs(20)));
    }
    assert_eq!(block_on(nodes[2].revision()), Ok(Revision(1)));
}

#[test]
fn whoever_loses_the_connection_for_messages_is_stirred_when_it_is_back() {
    let server = Server::start();
    let [one, other] = [(); 2].map(|()| open(&server));
    quiet(&one);
    let stirred = one.stirred();
    server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    put(&other, "a", "1");
    assert!(comes(stirred, Duration::from_secs(20)));
}

#[test]
fn whoever_may_not_publish_commits_all_the_same() {
    let server = Server::start();
    server.cli(&["ACL", "SETUSER", "gate", "on", ">p", "~behest:*", "+@all", "-@dangerous"]);
    let node = open_at(&format!("redis://gate:p@127.0.0.1:{}", server.port));
    assert_eq!(put(&node, "a", "1"), Revision(1));
    assert_eq!(block_on(node.changes_after(Revision(0))).unwrap().len(), 1);
}

#[test]
fn what_was_answered_survives_the_death_of_the_server() {
    let mut server = Server::start();
    let node = open(&server);
    for round in 1..=3 {
        let last = put(&node, &round.to_string(), "x");
        block_on(node.commit(vec![change("gone", Expect::Anything, None)], line(2))).unwrap();
        server.kill();
        until("the death is noticed", || block_on(node.revision()).is_err());
        let refused = block_on(node.commit(vec![change("b", Expect::Anything, None)], line(1)));
        assert!(matches!(refused, Err(Failure::Unavailable(_))), "{refused:?}");
        server.revive();
        until("it is found again", || node.is_healthy());
        assert_eq!(block_on(node.revision()), Ok(Revision(last.0 + 1)));
        assert_eq!(block_on(node.changes_after(Revision(0))).unwrap().len(), round + 1);
        assert_eq!(block_on(node.audit(None, 100)).unwrap().len(), 2 * round);
    }
}

#[test]
fn a_frozen_server_holds_nobody_up_for_long() {
    let server = Server::start();
    let node = open(&server);
    server.freeze();
    let since = Instant::now();
    for _ in 0..3 {
        assert!(block_on(node.revision()).is_err());
        assert!(block_on(node.changes_after(Revision(0))).is_err());
    }
    // Two calls that wait, and then it is taken for lost.
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
    assert!(!node.is_healthy());
    server.thaw();
    until("it is found again", || block_on(node.revision()).is_ok());
}

#[test]
fn thousands_of_records_are_told_in_order_and_each_once() {
    let server = Server::start();
    let [node, other] = [(); 2].map(|()| open(&server));
    for commit in 0..30 {
        let changes = (0..100).map(|n| change(&format!("{commit}-{n}"), Expect::Absent, Some("x")));
        block_on(node.commit(changes.collect(), line(1))).unwrap();
    }
    let many = (0..1500).map(|n| change(&format!("many-{n}"), Expect::Absent, Some("x")));
    block_on(node.commit(many.collect(), line(1))).unwrap();
    put(&node, "0-7", "changed");
    let told = block_on(other.changes_after(Revision(0))).unwrap();
    assert_eq!(told.len(), 4500);
    assert!(told.is_sorted_by_key(|record| record.revision));
    let last = told.last().unwrap();
    assert_eq!((&*last.key.id, last.revision), ("0-7", Revision(32)));
    assert_eq!(block_on(other.changes_after(Revision(30))).unwrap().len(), 1501);
}

#[test]
fn a_commit_that_cannot_be_written_is_made_in_no_part() {
    let server = Server::start();
    let node = open(&server);
    put(&node, "a", "1");
    // As after somebody has deleted a key by hand: the audit is ahead.
    server.cli(&["DEL", "behest:{%records}:revision"]);
    let refused = block_on(node.commit(vec![change("b", Expect::Absent, Some("2"))], line(1)));
    assert!(matches!(refused, Err(Failure::Unavailable(_))), "{refused:?}");
    assert_eq!(block_on(node.revision()), Ok(Revision(0)));
    assert_eq!(block_on(node.changes_after(Revision(0))).unwrap().len(), 1);
}
