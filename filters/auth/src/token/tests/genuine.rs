//! Tokens that are let in, and what they then say.

use super::{
    ACME, ISSUER, KID, NOW, OTHER, OWN, acme, changed, header, ours, sign, spec, tokens, tokens_at,
    tokens_of,
};
use crate::own_key::{KeyLife, KeyState};
use crate::role::Role;
use crate::token::{Tokens, UserEpoch, Verified};
use behest_contract::facts::Principal;
use behest_contract::testing::ManualClock;
use serde_json::json;
use std::time::Duration;

fn verified(tokens: &Tokens, token: &str) -> Verified {
    tokens.verify(token).unwrap_or_else(|denial| panic!("{:?}: {token}", denial.note))
}

#[test]
fn the_least_that_an_sdk_signs_is_a_user_of_its_project() {
    let verified = verified(&tokens(), &acme(json!({})));
    let principal = Principal {
        tenant: "acme".into(),
        project: "demo".into(),
        key: KID.into(),
        user: Some("u_42".into()),
        tier: None,
        session: None,
    };
    let expected =
        Verified { principal, signer: KID.into(), role: Role::User, issued_at: Some(NOW) };
    assert_eq!(verified, expected);
}

#[test]
fn everything_that_a_token_may_say_is_heard() {
    let all = json!({
        "role": "admin", "scp": ["a", "b"], "jti": "0d0e", "sid": "s 1", "tier": 2,
        "another": {"tid": "other"}, "sub": "x",
    });
    let theirs = verified(&tokens(), &acme(all.clone()));
    assert_eq!(theirs.role, Role::User, "a tenant makes nobody an administrator");
    assert_eq!(theirs.principal.session.as_deref(), Some("s 1"));
    assert_eq!(theirs.principal.tier.as_deref(), Some("pro"));
    let ours = verified(&tokens(), &ours(all));
    assert_eq!(ours.role, Role::Admin);
    assert_eq!(ours.principal.key, OWN.life().kid);
}

#[test]
fn what_a_minted_token_uses_is_booked_under_the_api_key_that_minted_it() {
    let minted = verified(&tokens(), &ours(json!({"key": "demo/ci"})));
    assert_eq!((&*minted.principal.key, &minted.signer), ("demo/ci", &OWN.life().kid));
    // A token from before there was the claim, and what no minter writes.
    for claim in [json!(null), json!(""), json!(7), json!(["demo/ci"])] {
        let without = verified(&tokens(), &ours(json!({ "key": claim })));
        assert_eq!(without.principal.key, OWN.life().kid, "{claim}");
    }
}

#[test]
fn a_tenants_token_is_booked_under_the_key_that_signed_it_whatever_it_says() {
    for claim in [json!("demo/ci"), json!("own_1"), json!(7), json!({"kty": "RSA"})] {
        let theirs = verified(&tokens(), &acme(json!({ "key": claim })));
        assert_eq!((&*theirs.principal.key, &*theirs.signer), (KID, KID), "{claim}");
    }
}

#[test]
fn each_issuer_is_taken_with_its_own_keys() {
    for issuer in ["behest", "https://api.behest.ai"] {
        verified(&tokens(), &acme(json!({"iss": issuer})));
    }
    verified(&tokens(), &ours(json!({"iss": ISSUER})));
    let claims = changed(json!({"tid": "other", "pid": "foreign"}));
    let other = verified(&tokens(), &sign(&OTHER.private, &header("sk_other"), &claims));
    assert_eq!(&*other.principal.tenant, "other");
    assert_eq!(&*verified(&tokens(), &acme(json!({"pid": "second"}))).principal.project, "second");
}

#[test]
fn what_is_spelt_in_another_way_reads_the_same() {
    let tokens = tokens();
    for aud in [json!("behest"), json!(["behest"]), json!(["other", "behest", "third"])] {
        verified(&tokens, &acme(json!({"aud": aud})));
    }
    let kid = &OWN.life().kid;
    for header in [
        format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"kid":"{kid}","typ":"jwt","alg":"RS256"}}"#),
        format!(r#"{{ "alg" : "RS256",  "kid" : "{kid}", "cty":"x" }}"#),
    ] {
        verified(&tokens, &sign(OWN.pair(), &header, &changed(json!({"iss": ISSUER}))));
    }
    let escaped =
        changed(json!({})).replace("u_42", "u\\u005f42").replace("\"pid\"", "\"\\u0070id\"");
    let verified = verified(&tokens, &sign(&ACME.private, &header(KID), &escaped));
    assert_eq!(verified.principal.user.as_deref(), Some("u_42"));
}

#[test]
fn clocks_may_differ_by_half_a_minute() {
    let good = [
        json!({"exp": NOW - 29, "iat": NOW - 3600, "nbf": NOW - 3600}),
        json!({"nbf": NOW + 30}),
        json!({"iat": NOW + 30, "nbf": null}),
        json!({"iat": null, "nbf": null, "exp": NOW + 86_400}),
        json!({"iat": NOW - 10, "exp": NOW - 10 + 86_400}),
        json!({"nbf": 0}),
    ];
    for changes in good {
        verified(&tokens(), &acme(changes.clone()));
        verified(&tokens(), &ours(changes));
    }
}

#[test]
fn a_tier_is_named_or_numbered_and_one_that_is_gone_is_the_lowest() {
    let cases = [
        (json!(1), "free"),
        (json!(3), "max"),
        (json!("pro"), "pro"),
        (json!("gone"), "free"),
        (json!(9), "free"),
        (json!(-1), "free"),
        (json!(1.5), "free"),
        (json!("PRO"), "free"),
    ];
    for (tier, name) in cases {
        for token in [acme(json!({"tier": tier})), ours(json!({"tier": tier}))] {
            assert_eq!(verified(&tokens(), &token).principal.tier.as_deref(), Some(name), "{tier}");
        }
    }
}

#[test]
fn a_key_that_waits_for_its_turn_or_has_had_it_is_good() {
    for state in [KeyState::Next, KeyState::Active, KeyState::Passive] {
        let life = KeyLife { state, ..OWN.life().clone() };
        let mut spec = spec();
        spec.own_keys = vec![OWN.with_life(life)];
        verified(&tokens_of(spec, &ManualClock::at(NOW)), &ours(json!({})));
    }
}

#[test]
fn the_longest_names_are_good() {
    let long = "\u{1f600}".repeat(255);
    let verified = verified(&tokens(), &acme(json!({"uid": long, "sid": long})));
    assert_eq!(verified.principal.user.as_deref(), Some(&*long));
}

#[test]
fn tokens_from_before_a_users_epoch_are_refused_and_those_that_do_not_say() {
    let mut spec = spec();
    spec.user_epochs = vec![UserEpoch {
        project: "demo".into(),
        user: "u_42".into(),
        not_before: Duration::from_millis(NOW * 1000 + 500),
    }];
    let clock = ManualClock::at(NOW + 1);
    let tokens = tokens_of(spec, &clock);
    assert!(tokens.verify(&acme(json!({}))).is_err());
    assert!(tokens.verify(&acme(json!({"iat": null}))).is_err());
    verified(&tokens, &acme(json!({"iat": NOW + 1})));
    verified(&tokens, &acme(json!({"uid": "u_43"})));
    verified(&tokens, &acme(json!({"pid": "second"})));
    verified(&tokens_at(&clock), &acme(json!({})));
}

#[test]
fn an_independent_implementation_agrees() {
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
    let key = OWN.public();
    let key = DecodingKey::from_rsa_raw_components(key.modulus(), key.exponent());
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["behest"]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    let token = ours(json!({}));
    let read = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap();
    assert_eq!(read.claims["uid"], "u_42");

    // PKCS#8 holds PKCS#1 after 26 bytes that say what it is.
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let der: Pkcs8V1Der<'_> = ACME.private.as_der().unwrap();
    let key = EncodingKey::from_rsa_der(&der.as_ref()[26..]);
    let mut header = jsonwebtoken::Header::new(Algorithm::RS256);
    header.kid = Some(KID.to_owned());
    let token = jsonwebtoken::encode(&header, &super::claims(), &key).unwrap();
    verified(&tokens(), &token);
}
