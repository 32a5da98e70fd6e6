use super::Auth;
use crate::api_key::KeyRecord;
use crate::api_key::tests::{CI, Counting, ci, keys};
use crate::config::EndUserRule;
use behest_contract::chain::Chain;
use behest_contract::clock::SystemClock;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, FactKey, Facts, HostProject, Principal};
use behest_contract::filter::{Filter, Step};
use behest_contract::testing::ManualClock;
use futures::executor::block_on;
use pingora_http::RequestHeader;
use std::sync::Arc;
use std::time::Duration;

const ENDPOINTS: [Endpoint; 3] = [Endpoint::Chat, Endpoint::Embeddings, Endpoint::Models];

fn head(headers: &[(&'static str, &str)]) -> RequestHeader {
    let mut head = RequestHeader::build("POST", b"/v1/chat/completions", None).unwrap();
    for (name, value) in headers {
        head.append_header(*name, *value).unwrap();
    }
    head
}

fn facts(endpoint: Endpoint, host: Option<&str>) -> Facts {
    let mut facts = Facts::default();
    facts.state(endpoint);
    facts.state(HostProject(host.map(Arc::from)));
    facts
}

fn room(record: KeyRecord, offload: &Arc<Counting>) -> Auth {
    Auth::new(Arc::new(keys(vec![record], None, offload, &ManualClock::at(0))))
}

fn verdict(room: &Auth, headers: &[(&'static str, &str)], facts: &mut Facts) -> Verdict {
    block_on(room.enter().head(&mut head(headers), facts).verdict())
}

fn refused(record: KeyRecord, headers: &[(&'static str, &str)]) -> Box<Denial> {
    let mut facts = facts(Endpoint::Chat, None);
    let denial = verdict(&room(record, &Counting::at_once()), headers, &mut facts).unwrap_err();
    assert_eq!(facts.read::<Principal>(), None);
    denial
}

#[test]
fn a_key_acts_for_its_project_and_for_the_end_user_that_is_named() {
    for endpoint in ENDPOINTS {
        for (host, user) in [(None, None), (Some("demo"), None), (Some("demo"), Some("u_42"))] {
            let mut headers = vec![("api-key", CI)];
            headers.extend(user.map(|user| ("x-end-user-id", user)));
            let mut facts = facts(endpoint, host);
            let room = room(ci(), &Counting::at_once());
            assert!(verdict(&room, &headers, &mut facts).is_ok());
            let principal = Principal {
                tenant: "acme".into(),
                project: "demo".into(),
                key: "demo/ci".into(),
                user: user.map(Box::from),
                tier: None,
                session: None,
            };
            assert_eq!(facts.read(), Some(&principal));
        }
    }
}

#[test]
fn only_an_unverified_key_makes_a_request_wait() {
    let offload = Counting::at_once();
    let room = room(ci(), &offload);
    let step = |headers: &[(&'static str, &str)]| {
        let (mut visit, mut head) = (room.enter(), head(headers));
        let mut facts = facts(Endpoint::Chat, None);
        let step = visit.head(&mut head, &mut facts);
        let waits = matches!(step, Step::Wait(_));
        drop(block_on(step.verdict()));
        waits
    };
    assert!(!step(&[]));
    assert!(!step(&[("api-key", "unknown-unknown-unknown")]));
    assert!(step(&[("api-key", CI)]));
    assert!(!step(&[("api-key", CI)]));
    assert!(!step(&[("authorization", &format!("Bearer {CI}"))]));
    assert_eq!(offload.runs(), 1);
}

#[test]
fn every_problem_of_a_credential_is_refused_in_the_same_words() {
    let elsewhere = KeyRecord { allow_on_chat: false, ..ci() };
    let refusals = [
        refused(ci(), &[]),
        refused(ci(), &[("authorization", "Basic azE6")]),
        refused(ci(), &[("x-api-key", "behest_sk_live_ffffffffffffffffffffffffffffffff")]),
        refused(ci(), &[("x-api-key", "with a space")]),
        refused(ci(), &[("x-api-key", "unknown"), ("x-end-user-id", "admin")]),
        refused(elsewhere, &[("x-api-key", CI)]),
    ];
    for denial in &refusals {
        let told = (denial.kind, &*denial.message, denial.param, denial.retry_after);
        let words = (Kind::Unauthenticated, "Invalid or missing credential.", None, None);
        assert_eq!(told, words);
        assert!(denial.details.is_none());
        assert!(!format!("{denial:?}").contains("behest_sk"));
    }
}

#[test]
fn a_key_that_may_only_mint_calls_no_endpoint_of_models() {
    let room = room(KeyRecord { allow_on_chat: false, ..ci() }, &Counting::at_once());
    for endpoint in ENDPOINTS {
        let denial = verdict(&room, &[("api-key", CI)], &mut facts(endpoint, None)).unwrap_err();
        assert_eq!(denial.kind, Kind::Unauthenticated);
    }
}

#[test]
fn a_key_of_another_project_than_the_hosts_is_forbidden() {
    let room = room(ci(), &Counting::at_once());
    for _ in ["unverified", "verified"] {
        let mut facts = facts(Endpoint::Chat, Some("other"));
        let denial = verdict(&room, &[("api-key", CI)], &mut facts).unwrap_err();
        assert_eq!(denial.kind, Kind::Forbidden);
        assert_eq!(facts.read::<Principal>(), None);
    }
}

#[test]
fn two_different_credentials_are_invalid_even_if_one_is_good() {
    let denial = refused(ci(), &[("api-key", CI), ("authorization", "Bearer other")]);
    assert_eq!(denial.kind, Kind::Invalid);
    assert_eq!(denial.message, "The request has two different credentials.");
}

#[test]
fn an_end_user_against_the_rules_is_invalid() {
    let rule = |end_user| KeyRecord { end_user, ..ci() };
    let cases = [
        (EndUserRule::Require, None),
        (EndUserRule::Forbid, Some("u_42")),
        (EndUserRule::Allow, Some("admin")),
        (EndUserRule::Allow, Some("SYSTEM")),
        (EndUserRule::Require, Some("Dashboard-Service")),
        (EndUserRule::Allow, Some("")),
    ];
    for (end_user, name) in cases {
        let mut headers = vec![("api-key", CI)];
        headers.extend(name.map(|name| ("x-end-user-id", name)));
        let denial = refused(rule(end_user), &headers);
        assert_eq!((denial.kind, denial.param), (Kind::Invalid, Some("X-End-User-Id")), "{name:?}");
    }
}

#[test]
fn a_full_offload_makes_the_request_come_back_in_a_second() {
    let room = room(ci(), &Counting::full());
    let denial = verdict(&room, &[("api-key", CI)], &mut facts(Endpoint::Chat, None)).unwrap_err();
    assert_eq!(denial.kind, Kind::Unavailable);
    assert_eq!(denial.retry_after, Some(Duration::from_secs(1)));
}

#[test]
fn the_head_is_stripped_whether_the_request_is_let_in_or_not() {
    let room = room(ci(), &Counting::at_once());
    for key in [CI, CI, "unknown"] {
        let mut head =
            head(&[("api-key", key), ("cookie", "a=b"), ("x-tier", "max"), ("x-a", "b")]);
        let mut facts = facts(Endpoint::Chat, None);
        drop(block_on(room.enter().head(&mut head, &mut facts).verdict()));
        assert_eq!(head.headers.len(), 1, "{:?}", head.headers.keys().collect::<Vec<_>>());
    }
}

#[test]
fn a_request_without_an_endpoint_is_not_touched() {
    let room = room(ci(), &Counting::at_once());
    let (mut head, mut facts) = (head(&[("cookie", "a=b")]), Facts::default());
    assert!(block_on(room.enter().head(&mut head, &mut facts).verdict()).is_ok());
    assert_eq!(head.headers.len(), 1);
    assert_eq!(facts.read::<Principal>(), None);
}

#[test]
fn a_chain_states_endpoint_and_host_before_this_room() {
    let build = |given: &[FactKey]| {
        let auth: Arc<dyn Filter> = Arc::new(room(ci(), &Counting::at_once()));
        Chain::new(vec![auth], given, Arc::new(SystemClock)).is_ok()
    };
    assert!(build(&[FactKey::of::<Endpoint>(), FactKey::of::<HostProject>()]));
    assert!(!build(&[FactKey::of::<Endpoint>()]));
    assert!(!build(&[FactKey::of::<HostProject>()]));
}
