//! What the memory of tokens may do, and what it may not.

use super::{NOW, acme, ours, spec, tokens_at, tokens_of};
use crate::token::cache::GENERATION_MAX;
use behest_contract::testing::ManualClock;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_remembered_token_says_the_same_and_only_for_a_minute() {
    let clock = ManualClock::at(NOW);
    let tokens = tokens_at(&clock);
    let token = ours(json!({"sid": "s1", "tier": "pro"}));
    let first = tokens.verify(&token).unwrap();
    assert!(tokens.remembers(&token));
    assert_eq!(tokens.verify(&token).unwrap(), first);
    clock.advance(Duration::from_secs(59));
    assert!(tokens.remembers(&token), "and a use does not prolong it");
    assert_eq!(tokens.verify(&token).unwrap(), first);
    clock.advance(Duration::from_secs(1));
    assert!(!tokens.remembers(&token));
    assert_eq!(tokens.verify(&token).unwrap(), first);
}

#[test]
fn a_remembered_token_expires_to_the_second() {
    let clock = ManualClock::at(NOW);
    let tokens = tokens_at(&clock);
    let token = acme(json!({"iat": NOW - 100, "nbf": null, "exp": NOW}));
    assert!(tokens.verify(&token).is_ok());
    clock.advance(Duration::from_secs(29));
    assert!(tokens.remembers(&token) && tokens.verify(&token).is_ok());
    clock.advance(Duration::from_secs(1));
    assert!(tokens.remembers(&token) && tokens.verify(&token).is_err());
}

#[test]
fn no_forgery_is_remembered_and_none_profits_from_a_token_that_is() {
    let tokens = tokens_at(&ManualClock::at(NOW));
    let token = ours(json!({}));
    assert!(tokens.verify(&token).is_ok());
    let (signed, _) = token.rsplit_once('.').unwrap();
    for n in 0..1_000 {
        let forged = format!("{signed}.{}", "A".repeat(n % 342));
        assert!(tokens.verify(&forged).is_err());
    }
    let other = ours(json!({"uid": "u_43"}));
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert!(tokens.verify(&format!("{signed}.{signature}")).is_err());
    assert_eq!(tokens.cache.len(), 1);
}

#[test]
fn the_memory_ends_with_its_configuration() {
    let clock = ManualClock::at(NOW);
    let (before, token) = (tokens_at(&clock), acme(json!({})));
    assert!(before.verify(&token).is_ok());
    let mut without = spec();
    without.tenant_keys.retain(|key| &*key.tenant != "acme");
    let after = tokens_of(without, &clock);
    assert!(after.verify(&token).is_err(), "its key was revoked");
}

#[test]
fn the_memory_is_bounded_and_keeps_the_latest() {
    let clock = ManualClock::at(NOW);
    let tokens = tokens_at(&clock);
    let token = acme(json!({}));
    let verified = tokens.verify(&token).unwrap();
    let times = tokens.cache.times_of(&token, Duration::from_secs(NOW));
    for n in 0..3 * GENERATION_MAX {
        let digest = crate::api_key::Digest::of(&format!("token {n}"));
        tokens.cache.remember(digest, &verified, times, Duration::from_secs(NOW));
    }
    assert!(tokens.cache.len() <= 2 * GENERATION_MAX);
    assert!(!tokens.remembers(&token));
    assert!(tokens.remembers(&format!("token {}", 3 * GENERATION_MAX - 1)));
    assert!(tokens.remembers(&format!("token {}", 2 * GENERATION_MAX)));
}

impl crate::token::Tokens {
    fn remembers(&self, token: &str) -> bool {
        let digest = crate::api_key::Digest::of(token);
        self.cache.recall(&digest, self.clock.unix()).is_some()
    }
}

impl crate::token::cache::Cache {
    fn times_of(&self, token: &str, now: Duration) -> crate::token::claims::Times {
        self.recall(&crate::api_key::Digest::of(token), now).unwrap().1
    }
}
