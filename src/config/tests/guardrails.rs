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
