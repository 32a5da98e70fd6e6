//! What is reserved of output, and what the provider is told.

use super::{EMPTY, House, Request, used, who};
use crate::config::{ProjectLimits, ProjectPolicy, SessionLimits, UserLimits};
use behest_contract::denial::Kind;
use behest_contract::facts::{Endpoint, Facts, Principal, RequestId};
use behest_contract::outcome::Ending;
use behest_contract::purse::{Measure, Window};

/// A user's tokens are limited, and nothing else is.
fn users() -> ProjectPolicy {
    ProjectPolicy::default()
}

fn session(tokens: u64) -> ProjectPolicy {
    let session = SessionLimits { tokens: Some(tokens), micro_usd: None };
    ProjectPolicy { session, ..ProjectPolicy::default() }
}

fn user_day(tokens: u64) -> ProjectPolicy {
    let user = UserLimits { tokens_per_day: Some(tokens), ..UserLimits::default() };
    ProjectPolicy { user, ..ProjectPolicy::default() }
}

/// A body with more members.
fn body(more: &str) -> String {
    format!(r#"{{"messages":[""]{more}}}"#)
}

fn prompt_bound(body: &str) -> u64 {
    body.len() as u64 + 64
}

#[test]
fn what_is_reserved_of_output_is_the_clients_cap_for_each_choice_or_the_models() {
    // (members, output that is reserved)
    let cases = [
        ("", 1_000),
        (r#","max_tokens":50"#, 50),
        (r#","max_completion_tokens":50"#, 50),
        (r#","max_tokens":50,"max_completion_tokens":70"#, 70),
        (r#","max_tokens":90,"max_completion_tokens":70"#, 90),
        (r#","max_tokens":null"#, 1_000),
        (r#","max_completion_tokens":null,"max_tokens":7"#, 7),
        (r#","n":3"#, 3_000),
        (r#","n":3,"max_tokens":50"#, 150),
        (r#","n":null"#, 1_000),
        // More than the model has: what the client says is what it may be billed for.
        (r#","max_tokens":100000"#, 100_000),
    ];
    for (more, output) in cases {
        let house = House::new();
        let body = body(more);
        assert!(Request::chat(&house.quota(users())).prompt(&body).is_ok(), "{more}");
        assert_eq!(house.tokens(), prompt_bound(&body) + output, "{more}");
    }
}

#[test]
fn a_model_that_says_nothing_is_taken_at_the_default() {
    let house = House::new();
    let quota = house.quota(users());
    let mut request = Request::chat(&quota);
    request.facts = Facts::default();
    request.facts.state(Endpoint::Chat);
    request.facts.state(RequestId("r".into()));
    request.facts.state(who("own", Some("ann"), None));
    assert!(request.empty().is_ok());
    assert_eq!(house.tokens(), EMPTY + 4_096);
}

#[test]
fn an_embedding_writes_nothing() {
    let house = House::new();
    let principal: Principal = who("own", Some("ann"), None);
    let mut request = Request::of(&house.quota(session(10_000)), Endpoint::Embeddings, principal);
    assert!(request.empty().is_ok());
    assert_eq!((house.tokens(), request.cap), (EMPTY, None));
}

#[test]
fn absurd_numbers_are_refused_and_do_not_wrap() {
    for more in [
        r#","max_tokens":18446744073709551615"#,
        r#","n":18446744073709551615"#,
        r#","n":18446744073709551615,"max_tokens":18446744073709551615"#,
    ] {
        let house = House::new();
        let mut request = Request::chat(&house.quota(users()));
        assert_eq!(request.refused(&body(more)).kind, Kind::QuotaExceeded, "{more}");
        assert_eq!(house.tokens(), 0);
    }
}

#[test]
fn a_hard_budget_is_told_to_the_provider_and_a_users_quota_is_not() {
    let tokens = |limits: ProjectLimits| ProjectPolicy { project: limits, ..users() };
    let most = Some(1 << 40);
    let money = UserLimits { micro_usd_per_day: most, ..UserLimits::default() };
    let policies = [
        (users(), None),
        (user_day(1 << 40), None),
        (session(1 << 40), Some(1_000)),
        (tokens(ProjectLimits { tokens_per_day: most, ..ProjectLimits::default() }), Some(1_000)),
        (
            tokens(ProjectLimits { micro_usd_per_month: most, ..ProjectLimits::default() }),
            Some(1_000),
        ),
        (ProjectPolicy { user: money, ..users() }, Some(1_000)),
    ];
    for (number, (policy, cap)) in policies.into_iter().enumerate() {
        let house = House::new();
        let quota = house.quota(policy);
        let mut open = Request::chat(&quota);
        assert!(open.prompt(&body(r#","n":2,"max_tokens":null"#)).is_ok());
        assert_eq!(open.cap, cap, "policy {number}");
        // The client's own cap is on its way already.
        let mut capped = Request::chat(&quota);
        assert!(capped.prompt(&body(r#","max_tokens":50"#)).is_ok());
        assert_eq!(capped.cap, None, "policy {number}");
    }
}

#[test]
fn the_output_shrinks_to_what_is_left_of_a_hard_budget() {
    // (left for output, told to the provider)
    for (left, cap) in
        [(2_000, Some(1_000)), (1_000, Some(1_000)), (999, Some(999)), (16, Some(16))]
    {
        let house = House::new();
        // A prompt of nothing is counted as 8 tokens around its text, 8 around its message and the frame.
        let mut request = Request::chat(&house.quota(session(80 + left)));
        assert!(request.empty().is_ok(), "{left}");
        assert_eq!(request.cap, cap, "{left}");
    }
    let house = House::new();
    let mut request = Request::chat(&house.quota(session(80 + 15)));
    let denial = request.empty().unwrap_err();
    assert_eq!(denial.kind, Kind::BudgetExceeded);
    assert_eq!(
        denial.message,
        "This session has 95 left of its limit on tokens (95), and this request may need 96."
    );
    assert_eq!(house.purse.leases(), 0);
}

#[test]
fn what_is_left_is_shared_by_the_choices() {
    let house = House::new();
    let mut request = Request::chat(&house.quota(session(80 + 301)));
    assert!(request.prompt(&body(r#","n":3"#)).is_ok());
    assert_eq!(request.cap, Some(100));
    assert_eq!(house.used("s:own/ann/default", Measure::Tokens, Window::Day), 380);
    let mut too_little = Request::chat(&house.quota(session(80 + 47)));
    assert!(too_little.prompt(&body(r#","n":3"#)).is_err());
}

#[test]
fn the_output_shrinks_to_what_money_is_left_and_never_costs_more() {
    // The prompt costs 80 micro-dollars, a token of output 2.
    for (left, cap) in
        [(2_001, Some(1_000)), (1_999, Some(999)), (33, Some(16)), (32, Some(16)), (31, None)]
    {
        let house = House::new();
        let micro_usd = Some(80 + left);
        let session = SessionLimits { tokens: None, micro_usd };
        let mut request = Request::chat(&house.quota(ProjectPolicy { session, ..users() }));
        assert_eq!(request.empty().is_ok(), cap.is_some(), "{left}");
        assert_eq!(request.cap, cap, "{left}");
        let spent = house.used("s:own/ann/default", Measure::MicroUsd, Window::Day);
        assert!(spent <= 80 + left);
    }
}

#[test]
fn a_users_quota_is_reserved_as_far_as_it_goes_and_the_provider_is_told_nothing() {
    let house = House::new();
    let mut request = Request::chat(&house.quota(user_day(EMPTY + 100)));
    assert!(request.empty().is_ok());
    assert_eq!((house.tokens(), request.cap), (EMPTY + 100, None));
    request.close(Ending::Completed, 1, Some(used(5, 700)));
    assert_eq!(house.tokens(), 705);

    let both = ProjectPolicy {
        session: SessionLimits { tokens: Some(50_000), micro_usd: None },
        ..user_day(EMPTY + 100)
    };
    let house = House::new();
    let mut request = Request::chat(&house.quota(both));
    assert!(request.empty().is_ok());
    // The session is hard, and has room for all of it.
    assert_eq!(request.cap, Some(1_000));
    assert_eq!(house.tokens(), EMPTY + 100);
    assert_eq!(house.used("s:own/ann/default", Measure::Tokens, Window::Day), EMPTY + 1_000);
}

#[test]
fn a_clients_own_cap_is_never_lowered() {
    for policy in [session(80 + 49), user_day(80 + 49)] {
        let house = House::new();
        let mut request = Request::chat(&house.quota(policy));
        assert!(request.prompt(&body(r#","max_tokens":50"#)).is_err());
        assert_eq!(house.purse.leases(), 0);
    }
}
