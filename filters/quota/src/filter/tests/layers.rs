//! Each layer, and what its refusal leaves behind.

use super::{House, Request, START, used, who};
use crate::config::{ProjectLimits, ProjectPolicy, SessionLimits, UserLimits};
use crate::tiers::{TierLimits, TierSpec, Tiers};
use behest_contract::denial::Kind;
use behest_contract::facts::Endpoint;
use behest_contract::outcome::Ending;
use behest_contract::purse::{Measure, Window};
use serde_json::{Value, json};
use std::time::Duration;

/// An answer of at most 18 tokens: so many tokens and micro-dollars with the prompt.
const BODY: &str = r#"{"messages":[""],"max_tokens":18}"#;
const TOKENS: u64 = BODY.len() as u64 + 64 + 18;
const MICRO_USD: u64 = TOKENS + 18;

/// A policy in which everything has a limit, and none of them is in the way.
fn wide() -> ProjectPolicy {
    let most = Some(1 << 40);
    ProjectPolicy {
        project: ProjectLimits {
            requests_per_minute: most,
            user_requests_per_minute: most,
            max_in_flight: most,
            tokens_per_day: most,
            tokens_per_month: most,
            micro_usd_per_day: most,
            micro_usd_per_month: most,
        },
        user: UserLimits {
            requests_per_day: most,
            tokens_per_minute: most,
            tokens_per_day: most,
            tokens_per_month: most,
            micro_usd_per_day: most,
            micro_usd_per_month: most,
            max_in_flight: most,
        },
        session: SessionLimits { tokens: most, micro_usd: most },
        tiers: Tiers::shipped(),
    }
}

/// A change of [`wide`] that leaves room for one request in one layer, and what its refusal is like.
struct Case {
    layer: &'static str,
    tighten: fn(&mut ProjectPolicy),
    kind: Kind,
    /// Seconds to the end of its window; `None` where there is none.
    window: Option<u64>,
}

const MINUTE: Option<u64> = Some(20);
const DAY: Option<u64> = Some(32_000);
const MONTH: Option<u64> = Some(1_328_000);

fn cases() -> Vec<Case> {
    let case = |layer, tighten, kind, window| Case { layer, tighten, kind, window };
    let (rate, quota, budget) = (Kind::RateLimited, Kind::QuotaExceeded, Kind::BudgetExceeded);
    vec![
        case("project", |p| p.project.requests_per_minute = Some(1), rate, MINUTE),
        case("project_concurrency", |p| p.project.max_in_flight = Some(1), rate, None),
        case("user", |p| p.project.user_requests_per_minute = Some(1), rate, MINUTE),
        case("user_concurrency", |p| p.user.max_in_flight = Some(1), rate, None),
        case("user_requests_day", |p| p.user.requests_per_day = Some(1), quota, DAY),
        case("user_tokens_minute", |p| p.user.tokens_per_minute = Some(TOKENS), rate, MINUTE),
        case("user_tokens_day", |p| p.user.tokens_per_day = Some(TOKENS), quota, DAY),
        case("user_tokens_month", |p| p.user.tokens_per_month = Some(TOKENS), quota, MONTH),
        case("user_usd_day", |p| p.user.micro_usd_per_day = Some(MICRO_USD), budget, DAY),
        case("user_usd_month", |p| p.user.micro_usd_per_month = Some(MICRO_USD), budget, MONTH),
        case("project_tokens_day", |p| p.project.tokens_per_day = Some(TOKENS), budget, DAY),
        case("project_tokens_month", |p| p.project.tokens_per_month = Some(TOKENS), budget, MONTH),
        case("project_usd_day", |p| p.project.micro_usd_per_day = Some(MICRO_USD), budget, DAY),
        case(
            "project_usd_month",
            |p| p.project.micro_usd_per_month = Some(MICRO_USD),
            budget,
            MONTH,
        ),
        case("session_tokens", |p| p.session.tokens = Some(TOKENS), budget, DAY),
        case("session_usd", |p| p.session.micro_usd = Some(MICRO_USD), budget, DAY),
    ]
}

/// What every counter of user `ann` has come to.
fn counts(house: &House) -> Vec<u64> {
    use Measure::{InFlight, MicroUsd, Requests, Tokens};
    use Window::{Day, Life, Minute, Month};
    let (project, user, session) = ("p:own", "u:own/ann", "s:own/ann/default");
    let counters = [
        (project, Requests, Minute),
        (project, InFlight, Life),
        (user, Requests, Minute),
        (user, InFlight, Life),
        (user, Requests, Day),
        (user, Tokens, Minute),
        (user, Tokens, Day),
        (user, Tokens, Month),
        (user, MicroUsd, Day),
        (user, MicroUsd, Month),
        (project, Tokens, Day),
        (project, Tokens, Month),
        (project, MicroUsd, Day),
        (project, MicroUsd, Month),
        (session, Tokens, Day),
        (session, MicroUsd, Day),
    ];
    counters.map(|(subject, measure, window)| house.used(subject, measure, window)).into()
}

fn one_request() -> Vec<u64> {
    let mut one = vec![1; 5];
    one.extend([TOKENS; 3].into_iter().chain([MICRO_USD; 2]));
    one.extend([TOKENS, TOKENS, MICRO_USD, MICRO_USD, TOKENS, MICRO_USD]);
    one
}

#[test]
fn each_layer_admits_what_it_has_room_for_and_its_refusal_changes_nothing() {
    for case in cases() {
        let house = House::new();
        let mut policy = wide();
        (case.tighten)(&mut policy);
        let quota = house.quota(policy);
        assert!(Request::chat(&quota).prompt(BODY).is_ok(), "{}", case.layer);
        assert_eq!(counts(&house), one_request(), "{}", case.layer);
        for early in [false, true] {
            let mut request = Request::chat(&quota);
            let verdict = if early { request.head() } else { request.prompt(BODY) };
            let denial = verdict.unwrap_err();
            assert_eq!(denial.kind, case.kind, "{}", case.layer);
            let details = denial.details.as_deref().unwrap();
            assert_eq!(details["layer"], case.layer);
            assert_eq!(details["resets_at"], json!(case.window.map(|after| START + after)));
            let waits = (case.kind == Kind::RateLimited).then(|| case.window.unwrap_or(1));
            assert_eq!(denial.retry_after, waits.map(Duration::from_secs), "{}", case.layer);
            assert_eq!(denial.retry_helps, waits.is_some(), "{}", case.layer);
            request.close(Ending::Denied, 0, None);
            assert_eq!(counts(&house), one_request(), "{}", case.layer);
        }
        assert_eq!(house.purse.leases(), 1);
    }
}

#[test]
fn a_window_that_is_over_admits_again_and_a_place_that_is_free_too() {
    for case in cases() {
        let house = House::new();
        let mut policy = wide();
        (case.tighten)(&mut policy);
        let quota = house.quota(policy);
        let mut first = Request::chat(&quota);
        assert!(first.prompt(BODY).is_ok());
        first.close(Ending::Completed, 1, Some(used(TOKENS - 18, 18)));
        let mut second = Request::chat(&quota);
        let admitted = second.prompt(BODY).is_ok();
        assert_eq!(admitted, case.layer.ends_with("concurrency"), "{}", case.layer);
        second.close(Ending::Denied, 0, None);
        if let Some(after) = case.window {
            house.clock.advance(Duration::from_secs(after));
            assert!(Request::chat(&quota).prompt(BODY).is_ok(), "{}", case.layer);
        }
    }
}

#[test]
fn of_several_full_layers_the_first_in_the_contracts_order_is_named() {
    let names: Vec<_> = cases().iter().map(|case| case.layer).collect();
    for (from, first) in names.iter().enumerate() {
        let house = House::new();
        let mut policy = wide();
        cases().iter().skip(from).for_each(|case| (case.tighten)(&mut policy));
        let quota = house.quota(policy);
        assert!(Request::chat(&quota).prompt(BODY).is_ok());
        let denial = Request::chat(&quota).refused(BODY);
        assert_eq!(denial.details.unwrap()["layer"], *first);
    }
}

#[test]
fn the_details_of_a_quota_are_behests_own() {
    let house = House::new();
    let free =
        || Request::of(&house.quota(wide()), Endpoint::Chat, who("own", Some("ann"), Some("free")));
    for _ in 0..10 {
        assert!(free().prompt(r#"{"messages":[""],"max_tokens":4800}"#).is_ok());
    }
    house.clock.advance(Duration::from_secs(60));
    let denial = free().refused(r#"{"messages":[""],"max_tokens":4800}"#);
    let want = json!({
        "layer": "user_tokens_day", "tier": "free",
        "limit": {"tokens_per_day": 50_000}, "usage": {"tokens_today": 10 * (TOKENS + 2 - 18 + 4_800)},
        "resets_at": START + 32_000,
    });
    assert_eq!(denial.details.as_deref(), Some(&want));
    assert_eq!(denial.kind, Kind::QuotaExceeded);
}

#[test]
fn the_details_of_a_budget_say_whose_it_is() {
    let house = House::new();
    let mut policy = wide();
    policy.project.micro_usd_per_month = Some(2_500_000);
    let quota = house.quota(policy);
    let mut first = Request::chat(&quota);
    assert!(first.prompt(BODY).is_ok());
    first.close(Ending::Completed, 1, Some(used(0, 1_249_990)));
    let denial = Request::chat(&quota).refused(BODY);
    let want: Value = json!({
        "layer": "project_usd_month", "scope": "project", "unit": "usd", "limit": 2.5,
        "used": 2.49998, "resets_at": START + 1_328_000,
    });
    assert_eq!(denial.details.as_deref(), Some(&want));
}

#[test]
fn a_tier_has_its_own_numbers_and_an_unknown_one_is_the_lowest() {
    let own = TierSpec {
        name: "team".into(),
        sort_order: None,
        limits: TierLimits { requests_per_minute: Some(2), ..TierLimits::default() },
    };
    let slow = TierSpec {
        name: "free".into(),
        sort_order: None,
        limits: TierLimits { requests_per_minute: Some(1), ..TierLimits::default() },
    };
    let tiers = Tiers::new([own, slow]).unwrap();
    for (tier, admitted) in [("team", 2), ("free", 1), ("gold", 1), ("pro", 60)] {
        let house = House::new();
        let quota = house.quota(ProjectPolicy { tiers: tiers.clone(), ..wide() });
        let ask = || Request::of(&quota, Endpoint::Chat, who("own", Some("ann"), Some(tier)));
        let count = (0..70).take_while(|_| ask().prompt(BODY).is_ok()).count();
        assert_eq!(count, admitted, "{tier}");
        assert_eq!(ask().refused(BODY).details.unwrap()["layer"], "user");
    }
}

#[test]
fn without_an_end_user_no_users_layer_is_asked() {
    let house = House::new();
    let policy = ProjectPolicy {
        user: UserLimits {
            requests_per_day: Some(0),
            tokens_per_minute: Some(0),
            tokens_per_day: Some(0),
            tokens_per_month: Some(0),
            micro_usd_per_day: Some(0),
            micro_usd_per_month: Some(0),
            max_in_flight: Some(0),
        },
        ..wide()
    };
    let quota = house.quota(policy);
    assert!(Request::chat(&quota).prompt(BODY).is_err());
    let mut request = Request::of(&quota, Endpoint::Chat, who("own", None, None));
    assert!(request.head().is_ok() && request.prompt(BODY).is_ok());
    assert_eq!(house.used("s:own//default", Measure::Tokens, Window::Day), TOKENS);
}

#[test]
fn who_names_no_session_has_a_new_one_each_day_and_a_named_one_has_no_end() {
    let house = House::new();
    let mut policy = wide();
    policy.session.tokens = Some(TOKENS);
    let quota = house.quota(policy);
    let ask = |session: &str| {
        let mut request = Request::chat(&quota);
        request.head_with(&[("x-session-id", session)]).and_then(|()| request.prompt(BODY))
    };
    for day in 0..3 {
        let named = ask("s1");
        assert_eq!(named.is_ok(), day == 0);
        assert!(ask("").is_ok(), "day {day}");
        for session in ["", "default"] {
            let details = ask(session).unwrap_err().details.unwrap();
            assert_eq!(details["resets_at"], json!(START + day * 86_400 + DAY.unwrap()));
        }
        if let Err(denial) = named {
            assert_eq!(denial.details.unwrap()["resets_at"], json!(null));
        }
        house.clock.advance(Duration::from_secs(86_400));
    }
}

#[test]
fn users_and_sessions_have_counters_of_their_own() {
    let house = House::new();
    let mut policy = wide();
    policy.session.tokens = Some(TOKENS);
    let quota = house.quota(policy);
    let ask = |user: &str, header: Option<&str>, claim: Option<&str>| {
        let mut principal = who("own", Some(user), None);
        principal.session = claim.map(Box::from);
        let mut request = Request::of(&quota, Endpoint::Chat, principal);
        let headers: Vec<_> = header.iter().map(|value| ("x-session-id", *value)).collect();
        request.head_with(&headers).and_then(|()| request.prompt(BODY)).is_ok()
    };
    // (user, header, the token's word, admitted?), in order
    for (user, header, claim, admitted) in [
        ("ann", None, None, true),
        ("ann", None, None, false),
        ("ann", Some("default"), None, false),
        ("bob", None, None, true),
        ("ann", Some("s1"), None, true),
        ("ann", None, Some("s1"), false),
        ("ann", Some("s2"), Some("s1"), true),
        ("ann", Some(""), Some("s2"), false),
    ] {
        assert_eq!(ask(user, header, claim), admitted, "{user} {header:?} {claim:?}");
    }
    let mut request = Request::chat(&quota);
    let long = "x".repeat(256);
    assert_eq!(request.head_with(&[("x-session-id", &long)]).unwrap_err().kind, Kind::Invalid);
}
