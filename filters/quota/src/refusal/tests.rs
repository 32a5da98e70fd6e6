use super::{Full, Refusal, dollars};
use crate::layer::Layer;
use crate::policy::Rule;
use crate::standing::Standing;
use behest_contract::denial::Kind;
use serde_json::{Value, json};
use std::time::Duration;

/// 2025-06-15 15:06:40.250 UTC.
const NOW: Duration = Duration::from_millis(1_750_000_000_250);
const MINUTE_END: u64 = 1_750_000_020;
const DAY_END: u64 = 1_750_032_000;
const MONTH_END: u64 = 1_751_328_000;

fn full(layer: Layer, limit: u64, used: u64, wanted: u64) -> Refusal {
    let standing = Standing::new(Rule::new(layer, limit), used, NOW);
    Refusal::Full(Full { standing, wanted, tier: Some("free".into()) })
}

/// The refusals of each class: layer, details, wait in milliseconds.
fn rates() -> Vec<(Layer, Value, Option<u64>)> {
    let details = |layer: Layer, resets_at: Option<u64>| json!({"layer": layer.label(), "limit": 9, "remaining": 0, "resets_at": resets_at});
    let minute = |layer| (layer, details(layer, Some(MINUTE_END)), Some(19_750));
    let busy = |layer| (layer, details(layer, None), Some(1_000));
    vec![
        minute(Layer::Ip),
        minute(Layer::Mint),
        minute(Layer::Project),
        busy(Layer::ProjectConcurrency),
        minute(Layer::User),
        busy(Layer::UserConcurrency),
        minute(Layer::UserTokensMinute),
    ]
}

#[test]
fn a_minute_and_a_place_in_flight_are_429_and_say_how_long() {
    for (layer, details, wait_ms) in rates() {
        let denial = full(layer, 9, 9, 1).denial();
        assert_eq!(denial.kind, Kind::RateLimited, "{layer:?}");
        assert_eq!(denial.details.as_deref(), Some(&details), "{layer:?}");
        assert_eq!(denial.retry_after, wait_ms.map(Duration::from_millis), "{layer:?}");
        assert!(denial.retry_helps);
    }
}

#[test]
fn an_end_users_day_and_month_are_402_and_say_which_tier() {
    let cases = [
        (Layer::UserRequestsDay, "requests_per_day", "requests_today", DAY_END),
        (Layer::UserTokensDay, "tokens_per_day", "tokens_today", DAY_END),
        (Layer::UserTokensMonth, "tokens_per_month", "tokens_this_month", MONTH_END),
    ];
    for (layer, limit, usage, resets_at) in cases {
        let denial = full(layer, 9, 9, 1).denial();
        assert_eq!(denial.kind, Kind::QuotaExceeded);
        let want = json!({
            "layer": layer.label(), "tier": "free", "limit": {limit: 9}, "usage": {usage: 9},
            "resets_at": resets_at,
        });
        assert_eq!(denial.details.as_deref(), Some(&want));
        assert_eq!((denial.retry_after, denial.retry_helps), (None, false));
    }
}

#[test]
fn budgets_are_402_and_say_whose_and_of_what() {
    let (tokens, usd) = (json!(1_500_000), json!(1.5));
    let cases = [
        (Layer::ProjectTokensDay, "project", "tokens", &tokens, Some(DAY_END)),
        (Layer::ProjectTokensMonth, "project", "tokens", &tokens, Some(MONTH_END)),
        (Layer::ProjectUsdDay, "project", "usd", &usd, Some(DAY_END)),
        (Layer::ProjectUsdMonth, "project", "usd", &usd, Some(MONTH_END)),
        (Layer::UserUsdDay, "user", "usd", &usd, Some(DAY_END)),
        (Layer::UserUsdMonth, "user", "usd", &usd, Some(MONTH_END)),
        (Layer::SessionTokens, "session", "tokens", &tokens, None),
        (Layer::SessionUsd, "session", "usd", &usd, None),
    ];
    for (layer, scope, unit, amount, resets_at) in cases {
        let denial = full(layer, 1_500_000, 1_500_000, 1).denial();
        assert_eq!(denial.kind, Kind::BudgetExceeded);
        let want = json!({
            "layer": layer.label(), "scope": scope, "unit": unit, "limit": amount, "used": amount,
            "resets_at": resets_at,
        });
        assert_eq!(denial.details.as_deref(), Some(&want));
        assert_eq!((denial.retry_after, denial.retry_helps), (None, false));
    }
}

#[test]
fn the_words_say_what_is_left_and_what_was_wanted() {
    let cases = [
        (
            full(Layer::Project, 60, 60, 1),
            "This project has reached its limit on requests per minute (60).",
        ),
        (
            full(Layer::UserConcurrency, 2, 2, 1),
            "This end user has reached its limit on requests at the same time (2).",
        ),
        (
            full(Layer::UserTokensDay, 9, 12, 1),
            "This end user has reached its limit on tokens per day (9).",
        ),
        (
            full(Layer::UserTokensDay, 50_000, 49_000, 1_200),
            "This end user has 1000 left of its limit on tokens per day (50000), and this request may need 1200.",
        ),
        (
            full(Layer::SessionUsd, 2_000_000, 1_999_500, 2_750),
            "This session has 0.0005 left of its limit on US dollars (2.00), and this request may need 0.00275.",
        ),
    ];
    for (refusal, message) in cases {
        assert_eq!(refusal.denial().message, message);
    }
}

#[test]
fn no_wait_is_told_where_waiting_does_not_help() {
    let denial = full(Layer::UserTokensMinute, 100, 0, 101).denial();
    assert_eq!(denial.kind, Kind::RateLimited);
    assert_eq!((denial.retry_after, denial.retry_helps), (None, false));
}

#[test]
fn a_day_that_is_nearly_over_is_worth_another_try() {
    let late = Duration::from_secs(DAY_END - 60);
    for (now, helps) in [(late, true), (late - Duration::from_millis(1), false)] {
        let standing = Standing::new(Rule::new(Layer::ProjectTokensDay, 9), 9, now);
        let denial = Refusal::Full(Full { standing, wanted: 1, tier: None }).denial();
        assert_eq!((denial.retry_after, denial.retry_helps), (None, helps));
    }
}

#[test]
fn what_is_not_a_limit_has_words_of_its_own() {
    let unpriced = Refusal::Unpriced.denial();
    assert_eq!((unpriced.kind, unpriced.param), (Kind::Invalid, Some("model")));
    let unavailable = Refusal::Unavailable("redis: timed out".into()).denial();
    assert_eq!(unavailable.kind, Kind::Unavailable);
    assert!(unavailable.retry_after.is_some() && unavailable.details.is_none());
    assert!(!unavailable.message.contains("redis"));
}

#[test]
fn dollars_show_the_decimals_that_they_have() {
    for (micro_usd, text) in [
        (0, "0.00"),
        (1, "0.000001"),
        (10, "0.00001"),
        (500_000, "0.50"),
        (1_234_000, "1.234"),
        (100_000_000, "100.00"),
    ] {
        assert_eq!(dollars(micro_usd), text);
    }
}
