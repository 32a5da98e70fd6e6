//! Guardrail events: in the stream that is promised, and bounded.

use super::directory::open;
use super::server::Server;
use super::until;
use behest_contract::directory::Failure;
use behest_contract::events::{EventQuery, Events};
use behest_store::RedisEvents;
use behest_store::events_suite::{self, event, list};
use futures::executor::block_on;
use std::sync::Arc;

#[test]
fn events_are_kept_as_the_port_promises() {
    let server = Arc::new(Server::start());
    events_suite::run(|| {
        server.cli(&["FLUSHALL"]);
        let server = server.clone();
        Box::new(move || Arc::new(RedisEvents::beside(&open(&server))))
    });
}

#[test]
fn others_find_them_in_the_stream_by_themselves() {
    let server = Server::start();
    let events = RedisEvents::beside(&open(&server));
    events.record(event("r-1"));
    until("it is in the stream", || server.cli(&["XLEN", "guardrails:events"]).trim() == "1");
    let told = server.cli(&["XRANGE", "guardrails:events", "-", "+"]);
    for part in [
        "type\npii\n",
        "tenant_id\nt\n",
        "project_id\np\n",
        "direction\nrequest\n",
        "mode\nenforce\n",
        "action_taken\nMASK\n",
        "entity_types\n[\"CREDIT_CARD\",\"EMAIL_ADDRESS\"]\n",
        "entity_count\n3\n",
        "request_id\nr-1\n",
        "timestamp\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
}

#[test]
fn about_ten_thousand_are_kept() {
    let server = Server::start();
    let events = RedisEvents::beside(&open(&server));
    for round in 0..4 {
        (0..3000).for_each(|n| events.record(event(&format!("{round}-{n}"))));
        let last = list(&events, EventQuery::newest(1));
        assert_eq!(&*last[0].event.request, format!("{round}-2999"));
    }
    let kept: usize = server.cli(&["XLEN", "guardrails:events"]).trim().parse().unwrap();
    assert!((10_000..10_500).contains(&kept), "{kept}");
    assert_eq!(list(&events, EventQuery::newest(usize::MAX)).len(), kept);
    assert_eq!(events.dropped(), 0);
}

#[test]
fn while_redis_is_away_nobody_waits_and_each_comes_once_afterwards() {
    let server = Server::start();
    let events = RedisEvents::beside(&open(&server));
    events.record(event("before"));
    assert_eq!(list(&events, EventQuery::newest(9)).len(), 1);
    server.freeze();
    (0..9000).for_each(|n| events.record(event(&n.to_string())));
    let told = block_on(events.list(EventQuery::newest(9)));
    assert!(matches!(told, Err(Failure::Unavailable(_))), "{told:?}");
    assert!(events.dropped() > 0);
    server.thaw();
    until("they arrive", || {
        let told = block_on(events.list(EventQuery::newest(usize::MAX)));
        told.is_ok_and(|told| told.len() as u64 == 9001 - events.dropped())
    });
    let told = list(&events, EventQuery::newest(usize::MAX));
    let mut requests: Vec<_> = told.iter().map(|record| record.event.request.clone()).collect();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), told.len(), "each is told once");
}
