//! The world in which tokens are signed, forged and verified.

mod forgeries;
mod genuine;
mod remembered;

use super::{TenantKey, Tokens, TokensSpec};
use crate::own_key::{KeyState, OwnKey};
use crate::project::Projects;
use crate::project::tests::projects;
use crate::signing_key::{GeneratedPair, SigningKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behest_contract::testing::ManualClock;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://api.behest.app";
pub(crate) const KID: &str = "sk_acme";

/// Our active key, and one that was revoked.
pub(crate) static OWN: LazyLock<OwnKey> = LazyLock::new(|| own(KeyState::Active));
pub(crate) static REVOKED: LazyLock<OwnKey> = LazyLock::new(|| own(KeyState::Revoked));
/// The pairs of two tenants.
pub(crate) static ACME: LazyLock<Pair> = LazyLock::new(|| Pair::generate(KID));
pub(crate) static OTHER: LazyLock<Pair> = LazyLock::new(|| Pair::generate("sk_other"));

fn own(state: KeyState) -> OwnKey {
    OwnKey::generate(state, Duration::from_secs(NOW - 3600)).unwrap()
}

/// A tenant's pair, both halves of it.
pub(crate) struct Pair {
    pub(crate) private: RsaKeyPair,
    pub(crate) public: SigningKey,
}

impl Pair {
    fn generate(kid: &str) -> Self {
        let GeneratedPair { public, private_pkcs8_pem } = SigningKey::generate().unwrap();
        let der = pem::parse(private_pkcs8_pem.expose()).unwrap().into_contents();
        let private = RsaKeyPair::from_pkcs8(&der).unwrap();
        Self { private, public: SigningKey::new(kid, public.public().clone()).unwrap() }
    }
}

/// Signs whatever header and claims there are.
pub(crate) fn sign(pair: &RsaKeyPair, header: &str, claims: &str) -> String {
    sign_bytes(pair, header.as_bytes(), claims.as_bytes())
}

fn sign_bytes(pair: &RsaKeyPair, header: &[u8], claims: &[u8]) -> String {
    sign_parts(pair, &URL_SAFE_NO_PAD.encode(header), &URL_SAFE_NO_PAD.encode(claims))
}

/// Signs parts that are encoded already, well or not.
fn sign_parts(pair: &RsaKeyPair, header: &str, claims: &str) -> String {
    let signed = format!("{header}.{claims}");
    let signature = signature(pair, &RSA_PKCS1_SHA256, &signed);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signature(pair: &RsaKeyPair, how: &'static dyn RsaEncoding, signed: &str) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(how, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    signature
}

pub(crate) fn header(kid: &str) -> String {
    format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{kid}"}}"#)
}

/// The claims that a tenant's server signs with Behest's SDK, and nothing more.
pub(crate) fn claims() -> Value {
    json!({
        "tid": "acme", "pid": "demo", "uid": "u_42", "iss": "behest", "aud": "behest",
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
    })
}

/// Those claims with some of them changed; `null` takes one away.
pub(crate) fn changed(changes: Value) -> String {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims.to_string()
}

/// A token that acme's key signed.
pub(crate) fn acme(changes: Value) -> String {
    sign(&ACME.private, &header(KID), &changed(changes))
}

/// A token that our active key signed.
pub(crate) fn ours(mut changes: Value) -> String {
    changes.as_object_mut().unwrap().entry("iss").or_insert(json!(ISSUER));
    sign(OWN.pair(), &header(&OWN.life().kid), &changed(changes))
}

pub(crate) fn tenant_keys() -> Vec<TenantKey> {
    let key =
        |tenant: &str, pair: &Pair| TenantKey { tenant: tenant.into(), key: pair.public.clone() };
    vec![key("acme", &ACME), key("other", &OTHER)]
}

fn spec() -> TokensSpec {
    TokensSpec {
        issuer: ISSUER.into(),
        own_keys: vec![OWN.clone(), REVOKED.clone()],
        tenant_keys: tenant_keys(),
        user_epochs: Vec::new(),
    }
}

fn tokens_at(clock: &ManualClock) -> Tokens {
    tokens_of(spec(), clock)
}

fn tokens_of(spec: TokensSpec, clock: &ManualClock) -> Tokens {
    Tokens::new(spec, Arc::new(Projects::new(projects())), Arc::new(clock.clone()))
}

fn tokens() -> Tokens {
    tokens_at(&ManualClock::at(NOW))
}
