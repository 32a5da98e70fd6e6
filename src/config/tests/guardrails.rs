//! What a project and its tiers say of personal data and unwanted prompts.

use super::{errors, parsed, project};
use behest_pii::PiiPolicies;

#[test]
fn a_tier_may_have_guardrails_of_its_own() {
    let entities = "entities: { EMAIL_ADDRESS: MASK }";
    let told = parsed(&project(&format!(
        "pii: {{ mode: enforce, {entities} }}, sentinel: {{ mode: enforce, blocklist: [zephyr] }}, \
         tiers: {{ free: {{}}, max: {{ pii: {{ mode: disabled }} }}, pro: {{ sentinel: {{ mode: disabled }} }} }}"
    )));
    let policies = PiiPolicies::compile(told.tenants[0].projects[0].guardrails(&[])).unwrap();
    for (tier, redacts) in
        [(None, true), (Some("free"), true), (Some("pro"), true), (Some("max"), false)]
    {
        assert_eq!(policies.shield("p", tier).is_some(), redacts, "{tier:?}");
    }
    let rows = told.tenants[0].projects[0].guardrails(&[]);
    let of = |name: &str| rows.iter().find(|(_, tier, _)| tier.as_deref() == Some(name)).unwrap();
    assert_eq!(of("max").2.sentinel, rows[0].2.sentinel);
    assert_eq!(of("pro").2.pii, rows[0].2.pii);
    let wrong =
        errors(&project("tiers: { pro: { pii: { mode: enforce, entities: { EMAIL: MASK } } } }"));
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("tiers.pro.pii.entities.EMAIL: "), "{wrong:?}");
}

#[test]
fn a_projects_guardrail_is_declared_and_its_numbers_fit() {
    let named = project("sentinel: { mode: enforce, hook: moderation }");
    let declared = "guardrails: [{ name: moderation, url: 'http://h/check' }]\n";
    parsed(&format!("{declared}{named}"));
    for (text, path) in [
        (named.clone(), "tenants[0].projects[0].sentinel.hook: unknown guardrail \"moderation\""),
        (declared.replace("}", ", timeout: 2h }"), "guardrails[0].timeout: must be between"),
        (declared.replace("}", ", on_failure: maybe }"), "guardrails[0].on_failure: "),
        (declared.replace("http://", "ftp://"), "guardrails[0].url: "),
        (declared.replace("}", ", secret: 'env:NONE' }"), "guardrails[0].secret: environment"),
        (declared.replace("[", "[{ name: moderation, url: 'http://i' }, "), "is declared twice"),
    ] {
        let found = errors(&text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(path), "{text}: {found:?}");
    }
}
