use super::Jwks;
use crate::own_key::{KeyLife, KeyState, OwnKey};
use crate::token::TenantKey;
use crate::token::tests::{ACME, OWN, REVOKED, tenant_keys};
use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;

fn in_state(kid: &str, state: KeyState) -> OwnKey {
    OWN.with_life(KeyLife { kid: kid.into(), state, ..OWN.life().clone() })
}

fn kids(jwks: &Jwks, tenant: Option<&str>) -> Vec<String> {
    let set: JwkSet = serde_json::from_slice(&jwks.document(tenant).body).unwrap();
    set.keys.into_iter().map(|key| key.common.key_id.unwrap()).collect()
}

fn keys() -> Vec<OwnKey> {
    vec![
        in_state("own_p2", KeyState::Passive),
        in_state("own_a", KeyState::Active),
        in_state("own_p1", KeyState::Passive),
        in_state("own_n", KeyState::Next),
        REVOKED.clone(),
    ]
}

#[test]
fn the_set_has_our_keys_in_a_stable_order_and_none_that_is_revoked() {
    let jwks = Jwks::new(&keys(), &tenant_keys());
    assert_eq!(kids(&jwks, None), ["own_n", "own_a", "own_p1", "own_p2"]);
    let mut other_order = keys();
    other_order.reverse();
    let again = Jwks::new(&other_order, &tenant_keys());
    assert_eq!(jwks.document(None).etag, again.document(None).etag);
    assert_eq!(jwks.document(Some("acme")).body, again.document(Some("acme")).body);
}

#[test]
fn a_tenants_set_has_its_keys_too_and_nobody_elses() {
    let jwks = Jwks::new(&keys()[..2], &tenant_keys());
    assert_eq!(kids(&jwks, Some("acme")), ["own_a", "own_p2", "sk_acme"]);
    assert_eq!(kids(&jwks, Some("other")), ["own_a", "own_p2", "sk_other"]);
    assert_eq!(kids(&jwks, Some("nobody")), ["own_a", "own_p2"]);
    let tags = [None, Some("acme"), Some("other")].map(|tenant| jwks.document(tenant).etag.clone());
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    assert!(tags[0].to_str().unwrap().starts_with('"') && tags[0].to_str().unwrap().ends_with('"'));
}

#[test]
fn a_key_has_the_members_of_a_public_key_and_no_other() {
    let jwks = Jwks::new(std::slice::from_ref(&OWN), &[]);
    let set: Value = serde_json::from_slice(&jwks.document(None).body).unwrap();
    let key = set["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"]),
        (&"RSA".into(), &"RS256".into(), &"sig".into())
    );
    assert_eq!(key["e"], "AQAB");
    let as_text = serde_json::to_string(key).unwrap();
    let read = crate::signing_key::SigningKey::parse(&as_text).unwrap();
    assert_eq!(read.to_pem(), OWN.public().to_pem(), "what we publish is what we would register");
}

#[test]
fn without_keys_the_set_is_empty() {
    let jwks = Jwks::new(&[], &[TenantKey { tenant: "acme".into(), key: ACME.public.clone() }]);
    assert_eq!(&*jwks.document(None).body, br#"{"keys":[]}"#);
    assert_eq!(kids(&jwks, Some("acme")), ["sk_acme"]);
}
