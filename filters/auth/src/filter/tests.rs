use super::{Auth, PresentedKey, TokenSigner};
use crate::api_key::KeyRecord;
use crate::api_key::tests::{CI, Counting, ci};
use crate::authority::{Authority, AuthoritySpec};
use crate::config::EndUserRule;
use crate::project::tests::projects;
use crate::switches::{Scope, Switch};
use crate::token::tests::{ISSUER, KID, NOW, OWN, acme, ours, tenant_keys};
use behest_contract::chain::Chain;
use behest_contract::clock::SystemClock;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, FactKey, Facts, HostProject, Principal};
use behest_contract::filter::{Filter, Step};
use behest_contract::testing::ManualClock;
use futures::executor::block_on;
use pingora_http::RequestHeader;
use serde_json::json;
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

fn spec(record: KeyRecord) -> AuthoritySpec {
    AuthoritySpec {
        api_keys: vec![Arc::new(record)],
        projects: projects(),
        issuer: ISSUER.into(),
        own_keys: vec![OWN.clone()],
        tenant_keys: tenant_keys(),
        ..AuthoritySpec::default()
    }
}

fn room_of(spec: AuthoritySpec, offload: &Arc<Counting>) -> Auth {
    let clock = Arc::new(ManualClock::at(NOW));
    Auth::new(Arc::new(Authority::new(spec, None, offload.clone(), clock).unwrap()))
}

fn room(record: KeyRecord, offload: &Arc<Counting>) -> Auth {
    room_of(spec(record), offload)
}

fn verdict(room: &Auth, headers: &[(&'static str, &str)], facts: &mut Facts) -> Verdict {
    block_on(room.enter().head(&mut head(headers), facts).verdict())
}

fn refused(record: KeyRecord, headers: &[(&'static str, &str)]) -> Box<Denial> {
    let mut facts = facts(Endpoint::Chat, None);
    let denial = verdict(&room(record, &Counting::at_once()), headers, &mut facts).unwrap_err();
    // Who it is, is told as soon as it is known, and not before.
    assert!(denial.kind != Kind::Unauthenticated || facts.read::<Principal>().is_none());
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
                tier: Some("pro".into()),
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
        assert_eq!(&*facts.read::<Principal>().unwrap().project, "demo", "for the log");
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

#[test]
fn a_token_acts_for_its_project_and_its_own_end_user() {
    let room = room(ci(), &Counting::at_once());
    let token = ours(json!({"tier": 3, "sid": "s1"}));
    let cases = [
        vec![("authorization", format!("Bearer {token}"))],
        vec![("api-key", token.clone())],
        vec![("x-api-key", token.clone()), ("x-end-user-id", "somebody-else".to_owned())],
        vec![("x-api-key", token), ("x-end-user-id", "admin".to_owned())],
    ];
    for (endpoint, headers) in ENDPOINTS.into_iter().cycle().zip(cases) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let mut facts = facts(endpoint, Some("demo"));
        let mut head = head(&headers);
        assert!(block_on(room.enter().head(&mut head, &mut facts).verdict()).is_ok());
        let principal = Principal {
            tenant: "acme".into(),
            project: "demo".into(),
            key: OWN.life().kid.clone(),
            user: Some("u_42".into()),
            tier: Some("max".into()),
            session: Some("s1".into()),
        };
        assert_eq!(facts.read(), Some(&principal));
        assert_eq!(head.headers.len(), 0, "and nothing of it goes on");
        assert!(facts.read::<PresentedKey>().is_none());
    }
}

#[test]
fn a_token_is_decided_upon_without_a_wait() {
    let room = room(ci(), &Counting::at_once());
    let forged = format!("{}x", acme(json!({})));
    for token in [acme(json!({})), forged] {
        let mut facts = facts(Endpoint::Chat, None);
        let (mut visit, mut head) = (room.enter(), head(&[("api-key", &token)]));
        assert!(matches!(visit.head(&mut head, &mut facts), Step::Done(_)));
    }
}

#[test]
fn a_bad_token_is_refused_in_the_words_of_every_bad_credential() {
    let unknown = refused(ci(), &[("api-key", "behest_sk_live_ffffffffffffffffffffffffffffffff")]);
    let good = acme(json!({}));
    for token in [
        acme(json!({"exp": 1})),
        acme(json!({"pid": "gone"})),
        good[..good.len() - 4].to_owned(),
        good.replace('.', ""),
        good.replacen("ey", "Ey", 1),
        "ey..".to_owned(),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
    ] {
        let denial = refused(ci(), &[("api-key", &token)]);
        let told = |denial: &Denial| (denial.kind, denial.message.clone(), denial.param);
        assert_eq!(told(&denial), told(&unknown), "{token}");
    }
}

#[test]
fn a_token_of_another_project_than_the_hosts_is_forbidden() {
    let room = room(ci(), &Counting::at_once());
    let mut facts = facts(Endpoint::Chat, Some("second"));
    let denial = verdict(&room, &[("api-key", &ours(json!({})))], &mut facts).unwrap_err();
    assert_eq!(denial.kind, Kind::Forbidden);
    assert_eq!(&*facts.read::<Principal>().unwrap().project, "demo", "for the log");
}

#[test]
fn minting_takes_an_api_key_and_tells_which() {
    let mint_only = KeyRecord { allow_on_chat: false, end_user: EndUserRule::Require, ..ci() };
    let room = room(mint_only, &Counting::at_once());
    for headers in [vec![], vec![("x-end-user-id", "admin")]] {
        let mut facts = facts(Endpoint::Mint, Some("demo"));
        let headers: Vec<_> = headers.into_iter().chain([("api-key", CI)]).collect();
        assert!(verdict(&room, &headers, &mut facts).is_ok());
        assert_eq!(&*facts.read::<PresentedKey>().unwrap().0.id, "demo/ci");
        assert_eq!(facts.read::<Principal>().unwrap().user, None, "the body names the user");
    }
    for token in [ours(json!({})), acme(json!({}))] {
        let mut facts = facts(Endpoint::Mint, None);
        let denial = verdict(&room, &[("api-key", &token)], &mut facts).unwrap_err();
        assert_eq!(denial.kind, Kind::Unauthenticated);
        assert!(facts.read::<PresentedKey>().is_none());
    }
}

#[test]
fn a_key_is_told_only_where_it_is_asked_for() {
    let room = room(ci(), &Counting::at_once());
    for endpoint in ENDPOINTS {
        let mut facts = facts(endpoint, None);
        assert!(verdict(&room, &[("api-key", CI)], &mut facts).is_ok());
        assert!(facts.read::<PresentedKey>().is_none());
    }
}

#[test]
fn a_key_of_a_project_that_is_not_served_is_unauthenticated() {
    let room = room(KeyRecord { project: "suspended".into(), ..ci() }, &Counting::at_once());
    for endpoint in [Endpoint::Chat, Endpoint::Mint] {
        let denial = verdict(&room, &[("api-key", CI)], &mut facts(endpoint, None)).unwrap_err();
        assert_eq!(denial.kind, Kind::Unauthenticated);
    }
}

#[test]
fn a_switch_stops_keys_and_tokens_on_every_endpoint() {
    let cases = [
        (Scope::Global, "", true, true),
        (Scope::Tenant, "acme", true, true),
        (Scope::Project, "demo", true, true),
        (Scope::Key, "demo/ci", true, false),
        (Scope::Key, KID, false, true),
        (Scope::User, "u_42", true, true),
        (Scope::User, "demo/u_42", true, true),
        (Scope::User, "second/u_42", false, false),
        (Scope::Project, "second", false, false),
    ];
    let token = acme(json!({}));
    for (scope, id, stops_key, stops_token) in cases {
        let switches = vec![Switch { scope, id: id.into() }];
        let room = room_of(AuthoritySpec { switches, ..spec(ci()) }, &Counting::at_once());
        for endpoint in ENDPOINTS {
            let with_key = [("api-key", CI), ("x-end-user-id", "u_42")];
            for (headers, stops) in
                [(&with_key[..], stops_key), (&[("api-key", &*token)], stops_token)]
            {
                let mut facts = facts(endpoint, None);
                let verdict = verdict(&room, headers, &mut facts);
                assert_eq!(verdict.is_err(), stops, "{scope:?} {id} {endpoint:?}");
                let who = facts.read::<Principal>().unwrap();
                assert_eq!((&*who.project, who.user.as_deref()), ("demo", Some("u_42")));
                let Err(denial) = verdict else { continue };
                assert_eq!(denial.kind, Kind::Forbidden);
                assert!(denial.message.ends_with(" has been switched off."));
            }
        }
        let mint = verdict(&room, &[("api-key", CI)], &mut facts(Endpoint::Mint, None));
        assert_eq!(mint.is_err(), stops_key && scope != Scope::User, "{scope:?} {id}");
    }
}

#[test]
fn a_minted_token_is_stopped_with_the_key_that_minted_it_and_with_the_one_that_signed_it() {
    let token = ours(json!({"key": "demo/ci"}));
    let signer = &*OWN.life().kid;
    for (id, stops) in [("demo/ci", true), (signer, true), ("demo/other", false), (KID, false)] {
        let switches = vec![Switch { scope: Scope::Key, id: id.into() }];
        let room = room_of(AuthoritySpec { switches, ..spec(ci()) }, &Counting::at_once());
        let mut facts = facts(Endpoint::Chat, None);
        let verdict = verdict(&room, &[("api-key", &*token)], &mut facts);
        let denial = verdict.err();
        assert_eq!(denial.map(|denial| denial.kind), stops.then_some(Kind::Forbidden), "{id}");
        assert_eq!(&*facts.read::<TokenSigner>().unwrap().0, signer, "{id}");
    }
}

#[test]
fn a_switch_comes_before_what_is_wrong_with_the_request_and_after_the_credential() {
    let switches = || vec![Switch { scope: Scope::Global, id: "".into() }];
    let room = |record| {
        room_of(AuthoritySpec { switches: switches(), ..spec(record) }, &Counting::at_once())
    };
    let told = |record, headers: &[(&'static str, &str)]| {
        verdict(&room(record), headers, &mut facts(Endpoint::Chat, None)).unwrap_err().kind
    };
    let require = KeyRecord { end_user: EndUserRule::Require, ..ci() };
    assert_eq!(told(require, &[("api-key", CI)]), Kind::Forbidden);
    assert_eq!(told(ci(), &[("api-key", CI), ("x-end-user-id", "admin")]), Kind::Forbidden);
    assert_eq!(told(ci(), &[("api-key", "unknown-unknown-unknown")]), Kind::Unauthenticated);
    assert_eq!(told(ci(), &[]), Kind::Unauthenticated);
}
