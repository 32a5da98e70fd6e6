use super::{House, MINUTE_END, Request, who};
use crate::config::{ProjectLimits, ProjectPolicy};
use behest_contract::chain::Chain;
use behest_contract::denial::Kind;
use behest_contract::facts::{Endpoint, FactKey, Facts, Principal, RequestId};
use behest_contract::filter::Filter;
use behest_contract::outcome::Ending;
use behest_contract::purse::{Measure, Window};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// So many requests a minute for the project.
fn rpm(requests_per_minute: u64) -> ProjectPolicy {
    let requests_per_minute = Some(requests_per_minute);
    let project = ProjectLimits { requests_per_minute, ..ProjectLimits::default() };
    ProjectPolicy { project, ..ProjectPolicy::default() }
}

/// A chat that no end user is named for.
fn nobodys(quota: &super::Quota, project: &str) -> Request {
    Request::of(quota, Endpoint::Chat, who(project, None, None))
}

fn six(told: [&str; 6]) -> Vec<(String, String)> {
    let names =
        ["limit", "remaining", "reset", "limit-requests", "remaining-requests", "reset-requests"];
    names.into_iter().zip(told).map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn the_chain_is_told_what_it_reads() {
    let house = House::new();
    let build = |given: &[FactKey]| {
        let quota = Arc::new(house.quota(rpm(1)));
        Chain::new(vec![quota], given, Arc::new(house.clock.clone())).is_ok()
    };
    let all = [FactKey::of::<Endpoint>(), FactKey::of::<Principal>(), FactKey::of::<RequestId>()];
    assert!(build(&all));
    for missing in 0..3 {
        let mut some = all.to_vec();
        some.remove(missing);
        assert!(!build(&some));
    }
    assert_eq!(house.quota(rpm(1)).name(), "quota");
}

#[test]
fn an_admitted_request_is_told_where_it_stands() {
    let house = House::new();
    let quota = house.quota(rpm(3));
    for (remaining, after_ms, reset) in
        [("2", 0, "20s"), ("1", 1_500, "19s"), ("0", 18_300, "200ms")]
    {
        house.clock.advance(Duration::from_millis(after_ms));
        let mut request = nobodys(&quota, "own");
        assert!(request.head().is_ok());
        assert_eq!(request.reply(), [], "before admission");
        assert!(request.empty().is_ok());
        let end = MINUTE_END.to_string();
        assert_eq!(request.reply(), six(["3", remaining, &end, "3", remaining, reset]));
    }
}

#[test]
fn a_user_is_told_of_the_tightest_layers() {
    let house = House::new();
    let quota = house.quota(rpm(600));
    let mut request = Request::chat(&quota);
    assert!(request.empty().is_ok());
    assert_eq!(request.told("limit"), Some("60".into()));
    assert_eq!(request.told("remaining"), Some("59".into()));
    assert_eq!(request.told("limit-tokens"), Some("1000000".into()));
    let left = 1_000_000 - super::EMPTY - 1_000;
    assert_eq!(request.told("remaining-tokens"), Some(left.to_string()));
    assert_eq!(request.told("reset-tokens"), Some("8h53m20s".into()));
}

#[test]
fn the_headers_are_those_of_the_admission_whatever_happens_until_the_reply() {
    let house = House::new();
    let quota = house.quota(rpm(3));
    let mut slow = nobodys(&quota, "own");
    assert!(slow.empty().is_ok());
    assert!(nobodys(&quota, "own").empty().is_ok());
    house.clock.advance(Duration::from_secs(90));
    let end = MINUTE_END.to_string();
    assert_eq!(slow.reply(), six(["3", "2", &end, "3", "2", "20s"]));
    // It was counted in its own minute; the minute of its end is untouched.
    let mut next = nobodys(&quota, "own");
    assert!(next.empty().is_ok());
    assert_eq!(next.told("remaining"), Some("2".into()));
}

#[test]
fn a_full_minute_refuses_in_plain_words_and_with_headers() {
    let house = House::new();
    let quota = house.quota(rpm(1));
    assert!(nobodys(&quota, "own").empty().is_ok());
    house.clock.advance(Duration::from_millis(250));
    let mut early = nobodys(&quota, "own");
    let mut late = nobodys(&quota, "own");
    // The head is asked about once somebody was refused.
    for (verdict, request) in [(late.empty(), &mut late), (early.head(), &mut early)] {
        let denial = verdict.unwrap_err();
        assert_eq!(denial.kind, Kind::RateLimited);
        let words = "This project has reached its limit on requests per minute (1).";
        assert_eq!(denial.message, words);
        assert_eq!(denial.retry_after, Some(Duration::from_millis(19_750)));
        let want = json!({"layer": "project", "limit": 1, "remaining": 0, "resets_at": MINUTE_END});
        assert_eq!(denial.details.as_deref(), Some(&want));
        let end = MINUTE_END.to_string();
        assert_eq!(request.reply(), six(["1", "0", &end, "1", "0", "20s"]));
    }
    house.clock.advance(Duration::from_secs(20));
    assert!(nobodys(&quota, "own").head().is_ok());
    assert!(nobodys(&quota, "own").empty().is_ok());
}

#[test]
fn a_peek_takes_nothing() {
    let house = House::new();
    let quota = house.quota(rpm(1));
    for _ in 0..5 {
        assert!(Request::chat(&quota).head().is_ok());
    }
    assert_eq!(house.used("p:own", Measure::Requests, Window::Minute), 0);
}

#[test]
fn counts_outlive_a_configuration_with_and_without_a_purse_of_ones_own() {
    let house = House::new();
    let with = |limit| house.quota(rpm(limit));
    let without = |limit| {
        let config = crate::config::QuotaConfig {
            projects: [("own".into(), rpm(limit))].into(),
            ..crate::config::QuotaConfig::default()
        };
        super::Quota::new(config, house.counters.clone(), Arc::new(house.clock.clone()))
    };
    for made in [&with as &dyn Fn(u64) -> super::Quota, &without] {
        assert!(nobodys(&made(2), "own").empty().is_ok());
        let after = made(2);
        assert!(nobodys(&after, "own").empty().is_ok());
        assert!(nobodys(&after, "own").empty().is_err());
        // A limit that was lowered below what is used leaves nothing, and nothing less.
        let mut refused = nobodys(&made(1), "own");
        assert!(refused.empty().is_err());
        assert_eq!(refused.told("remaining"), Some("0".into()));
    }
}

#[test]
fn projects_and_endpoints() {
    let house = House::new();
    let quota = house.quota(rpm(1));
    // (endpoint, project, admitted?), in order
    let steps = [
        (Endpoint::Chat, "own", true),
        (Endpoint::Embeddings, "own", false),
        (Endpoint::Embeddings, "other", true),
        (Endpoint::Chat, "other", true),
        (Endpoint::Chat, "other", false),
        (Endpoint::Chat, "third", true),
    ];
    for (endpoint, project, admitted) in steps {
        let mut request = Request::of(&quota, endpoint, who(project, None, None));
        assert_eq!(request.empty().is_ok(), admitted, "{endpoint:?} {project}");
        assert_ne!(request.reply(), []);
        let mut models = Request::of(&quota, Endpoint::Models, who(project, None, None));
        assert!(models.head().is_ok() && models.empty().is_ok());
        assert_eq!(models.reply(), []);
    }
}

#[test]
fn nobody_passes_uncounted_when_the_host_forgets_a_fact() {
    let quota = House::new().quota(rpm(1));
    let mut request = nobodys(&quota, "own");
    request.facts = Facts::default();
    request.facts.state(Endpoint::Chat);
    request.facts.state(who("own", None, None));
    assert_eq!(request.head().unwrap_err().kind, Kind::Internal);
    assert_eq!(request.empty().unwrap_err().kind, Kind::Internal);
    assert_eq!(request.reply(), []);
}

#[test]
fn of_many_requests_at_once_exactly_the_limit_is_admitted() {
    let house = House::new();
    let quotas = [house.quota(rpm(77)), house.quota(rpm(77))];
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for quota in quotas.iter().cycle().take(4) {
            let admitted = &admitted;
            scope.spawn(move || {
                for _ in 0..250 {
                    let mut request = nobodys(quota, "own");
                    if request.empty().is_ok() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                    request.close(Ending::Completed, 1, None);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 77);
    assert_eq!(house.purse.leases(), 0);
}

#[test]
fn tokens_are_minted_by_key_and_touch_no_projects_minute() {
    let house = House::new();
    let quota = house.quota(rpm(1));
    let mint = |key: &str| {
        let principal = Principal { key: key.into(), ..who("own", None, None) };
        Request::of(&quota, Endpoint::Mint, principal)
    };
    for left in ["1", "0"] {
        let mut request = mint("k");
        assert!(request.head().is_ok());
        assert_eq!(request.told("remaining"), Some(left.into()));
    }
    let mut third = mint("k");
    let denial = third.head().unwrap_err();
    assert_eq!(denial.kind, Kind::RateLimited);
    let want = json!({"layer": "project", "limit": 2, "remaining": 0, "resets_at": MINUTE_END});
    assert_eq!(denial.details.as_deref(), Some(&want));
    assert_eq!(third.told("remaining"), Some("0".into()));
    assert!(mint("another").head().is_ok());
    assert_eq!(house.used("p:own", Measure::Requests, Window::Minute), 0);
    house.clock.advance(Duration::from_secs(20));
    assert!(mint("k").head().is_ok());
}
