use super::{TierError, TierLimits, TierSpec, Tiers};
use crate::config::{ProjectLimits, ProjectPolicy, QuotaConfig, UserLimits};
use serde_json::json;

fn spec(name: &str, sort_order: Option<u32>, requests_per_minute: Option<u64>) -> TierSpec {
    let limits = TierLimits { requests_per_minute, ..TierLimits::default() };
    TierSpec { name: name.into(), sort_order, limits }
}

fn shown(tiers: &Tiers) -> Vec<(&str, u32, Option<u64>)> {
    let show = |tier: &super::Tier| tier.limits.requests_per_minute;
    tiers.iter().map(|tier| (tier.name.as_ref(), tier.sort_order, show(tier))).collect()
}

#[test]
fn three_tiers_are_shipped() {
    let numbers: Vec<_> = Tiers::shipped()
        .iter()
        .map(|tier| {
            let limits = tier.limits;
            let numbers =
                [limits.requests_per_minute, limits.requests_per_day, limits.tokens_per_day];
            (tier.name.to_string(), tier.sort_order, numbers.map(Option::unwrap))
        })
        .collect();
    let want = [
        ("free", 1, [10, 100, 50_000]),
        ("pro", 2, [60, 10_000, 2_000_000]),
        ("max", 3, [300, 100_000, 20_000_000]),
    ];
    assert_eq!(numbers, want.map(|(name, order, limits)| (name.to_owned(), order, limits)));
}

#[test]
fn a_project_changes_any_number_and_keeps_the_rest() {
    let tiers = Tiers::new([spec("pro", None, Some(90))]).unwrap();
    assert_eq!(shown(&tiers), [("free", 1, Some(10)), ("pro", 2, Some(90)), ("max", 3, Some(300))]);
    assert_eq!(tiers.by_name("pro").unwrap().limits.tokens_per_day, Some(2_000_000));
    let tiers = Tiers::new([spec("max", Some(9), None), spec("free", Some(10), None)]).unwrap();
    assert_eq!(names(&tiers), ["pro", "max", "free"]);
}

fn names(tiers: &Tiers) -> Vec<&str> {
    tiers.iter().map(|tier| tier.name.as_ref()).collect()
}

#[test]
fn a_project_adds_up_to_three_of_its_own() {
    let own =
        [spec("team", None, Some(5)), spec("vip", Some(4), None), spec("trial", Some(40), Some(1))];
    let tiers = Tiers::new(own).unwrap();
    assert_eq!(names(&tiers), ["free", "pro", "max", "vip", "team", "trial"]);
    assert_eq!(tiers.by_order(5).unwrap().name.as_ref(), "team");
    let four = ["a", "b", "c", "d"].map(|name| spec(name, None, None));
    assert_eq!(Tiers::new(four), Err(vec![TierError::TooMany]));
}

#[test]
fn all_that_is_wrong_is_told() {
    let specs =
        [spec("vip", Some(2), None), spec("vip", Some(7), None), spec("max", Some(1), None)];
    let want = vec![
        TierError::SameName("vip".into()),
        TierError::SameOrder("free".into(), "max".into()),
        TierError::SameOrder("pro".into(), "vip".into()),
    ];
    assert_eq!(Tiers::new(specs), Err(want));
}

#[test]
fn a_tier_is_found_by_name_and_by_number_and_else_is_the_lowest() {
    let tiers = Tiers::new([spec("7", None, None)]).unwrap();
    for (asked, found) in [
        ("free", Some("free")),
        ("2", Some("pro")),
        ("4", Some("7")),
        ("7", Some("7")),
        ("0", None),
        ("gold", None),
        ("", None),
    ] {
        assert_eq!(tiers.find(asked).map(|tier| tier.name.as_ref()), found, "{asked}");
    }
    assert_eq!(tiers.resolve("max").unwrap().name.as_ref(), "max");
    assert_eq!(tiers.resolve("gold").unwrap().name.as_ref(), "free");
}

#[test]
fn a_resolved_tier_tells_every_number() {
    let own = TierSpec {
        name: "team".into(),
        sort_order: None,
        limits: TierLimits { tokens_per_month: Some(9_000), ..TierLimits::default() },
    };
    let policy = ProjectPolicy {
        project: ProjectLimits { requests_per_minute: Some(600), ..ProjectLimits::default() },
        user: UserLimits {
            requests_per_day: Some(40),
            tokens_per_month: Some(1),
            max_in_flight: Some(2),
            micro_usd_per_day: Some(5),
            ..UserLimits::default()
        },
        tiers: Tiers::new([own]).unwrap(),
        ..ProjectPolicy::default()
    };
    let config = QuotaConfig { projects: [("p".into(), policy)].into(), ..QuotaConfig::default() };
    let resolved = |project, tier| serde_json::to_value(config.resolved(project, tier)).unwrap();
    assert_eq!(
        resolved("p", "4"),
        json!({
            "name": "team", "sort_order": 4, "requests_per_minute": 60, "requests_per_day": 40,
            "tokens_per_minute": null, "tokens_per_day": 1_000_000, "tokens_per_month": 9_000,
            "micro_usd_per_day": 5, "micro_usd_per_month": null, "max_in_flight": 2,
        })
    );
    assert_eq!(resolved("p", "pro")["requests_per_minute"], 60);
    assert_eq!(resolved("p", "pro")["requests_per_day"], 10_000);
    assert_eq!(resolved("other", "free")["tokens_per_day"], 50_000);
    assert_eq!(resolved("p", "gold"), json!(null));
}
