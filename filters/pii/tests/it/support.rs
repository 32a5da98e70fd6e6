//! What the tests share.

use behest_contract::secret::Secret;
use behest_pii::{
    Action, DenyListConfig, Entity, Mode, Owner, PatternConfig, PiiConfig, Redactor, SecretMac,
    Shield,
};
use std::sync::{Arc, LazyLock};

/// Everything switched on.
pub(crate) fn detector_config() -> PiiConfig {
    PiiConfig {
        mode: Mode::Enforce,
        entities: Entity::ALL
            .iter()
            .map(|entity| (entity.name().to_owned(), Action::Mask))
            .collect(),
        default_action: Some(Action::Mask),
        patterns: vec![PatternConfig {
            name: "PIN".into(),
            regex: r"\bPIN-[0-9]{4,8}\b".into(),
            action: Action::Mask,
        }],
        deny_lists: vec![DenyListConfig {
            name: "CODENAME".into(),
            terms: vec!["project zephyr".into(), "zephyr".into(), "機密".into()],
            action: Action::Mask,
        }],
        answers: true,
        ..PiiConfig::default()
    }
}

static SHIELD: LazyLock<Arc<Shield>> =
    LazyLock::new(|| Arc::new(Shield::new(&detector_config()).unwrap()));

pub(crate) fn shield() -> Arc<Shield> {
    SHIELD.clone()
}

pub(crate) fn owner() -> Owner {
    Owner { tenant: "acme".into(), project: "demo".into(), user: Some("jane".into()) }
}

pub(crate) fn redactor(shield: Arc<Shield>) -> Redactor {
    let mac = Arc::new(SecretMac::new(&Secret::new("a key of the tests")));
    Redactor::new(shield, mac, owner())
}
