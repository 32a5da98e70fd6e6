use super::{KeyLife, KeyState, OwnKey, StoredOwnKey};
use crate::error::Error;
use crate::token::tests::{NOW, OWN};
use behest_contract::secret::Secret;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_key_is_stored_and_comes_back_as_it_was() {
    let stored = OWN.stored();
    let text = serde_json::to_string(&stored).unwrap();
    let read: StoredOwnKey = serde_json::from_str(&text).unwrap();
    let back = OwnKey::restore(read.life, &Secret::new(read.private)).unwrap();
    assert_eq!(back.life(), OWN.life());
    assert_eq!(back.public().to_pem(), OWN.public().to_pem());
    let fields = serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let made = NOW - 3600;
    assert_eq!(fields["created_at"], made);
    assert_eq!(fields["activated_at"], made);
    assert_eq!(fields["state"], "active");
    assert!(fields.get("retired_at").is_none());
}

#[test]
fn neither_a_key_nor_what_is_stored_of_it_is_printed() {
    let printed = format!("{:?} {:?} {:?}", *OWN, OWN.stored(), OWN.public());
    assert!(!printed.contains(&OWN.private_half().expose()[..40]), "{printed}");
    assert!(printed.contains("own_"));
}

#[test]
fn its_name_says_that_it_is_ours() {
    let digits = OWN.life().kid.strip_prefix("own_").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn what_is_no_key_of_ours_is_not_restored() {
    let life = |kid: &str| KeyLife { kid: kid.into(), ..OWN.life().clone() };
    let good = OWN.private_half();
    for (kid, private) in [
        ("own_1", "not base64"),
        ("own_1", ""),
        ("own_1", "AAAA"),
        ("sk_1", good.expose()),
        ("own_/../1", good.expose()),
    ] {
        let error = OwnKey::restore(life(kid), &Secret::new(private)).unwrap_err();
        assert!(matches!(&error, Error::UnfitOwnKey(told) if &**told == kid));
        assert!(!error.to_string().contains("MII"));
    }
}

#[test]
fn a_life_that_was_stored_by_another_hand_is_read() {
    let life = json!({"kid": "own_1", "state": "passive", "created_at": 7, "retired_at": 9});
    let life: KeyLife = serde_json::from_value(life).unwrap();
    assert_eq!((life.state, life.activated_at), (KeyState::Passive, None));
    assert_eq!(life.retired_at, Some(Duration::from_secs(9)));
    assert!(serde_json::from_value::<KeyLife>(json!({"kid": "own_1", "state": "x"})).is_err());
    for state in [KeyState::Next, KeyState::Active, KeyState::Passive, KeyState::Revoked] {
        assert_eq!(KeyState::parse(state.word()), Some(state));
    }
    assert_eq!(KeyState::parse("Active"), None);
}
