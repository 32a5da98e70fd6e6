//! The key sets that verifiers of tokens fetch.

use crate::own_key::{KeyState, OwnKey};
use crate::signing_key::{PublicKey, SigningKey};
use crate::token::TenantKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
    RSAKeyParameters, RSAKeyType,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A key set, as it is served.
#[derive(Debug)]
pub struct JwksDocument {
    /// The JSON document.
    pub body: Bytes,
    /// Its entity tag, quotes included.
    pub etag: HeaderValue,
}

/// The key sets of one configuration, made once.
pub struct Jwks {
    own: Arc<JwksDocument>,
    by_tenant: HashMap<Arc<str>, Arc<JwksDocument>>,
}

impl Jwks {
    /// Key sets of own keys, and for each tenant that has keys one with its keys besides.
    pub fn new(own: &[OwnKey], tenants: &[TenantKey]) -> Self {
        let own = own_keys(own);
        let mut by_tenant: HashMap<Arc<str>, Vec<&SigningKey>> = HashMap::new();
        for key in tenants {
            by_tenant.entry(key.tenant.clone()).or_default().push(&key.key);
        }
        let by_tenant = by_tenant.into_iter().map(|(tenant, mut keys)| {
            keys.sort_by(|one, other| one.kid().cmp(other.kid()));
            let theirs = keys.into_iter().map(|key| jwk(key.kid(), key.public()));
            (tenant, Arc::new(document(own.iter().cloned().chain(theirs).collect())))
        });
        Self { by_tenant: by_tenant.collect(), own: Arc::new(document(own.clone())) }
    }

    /// The gateway's own keys, and with a tenant its keys, too.
    pub fn document(&self, tenant: Option<&str>) -> Arc<JwksDocument> {
        tenant.and_then(|tenant| self.by_tenant.get(tenant)).unwrap_or(&self.own).clone()
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("tenants", &self.by_tenant.len()).finish_non_exhaustive()
    }
}

/// In the order of their lives, and by their names where that is the same: an entity tag must not
/// change while the keys do not.
fn own_keys(own: &[OwnKey]) -> Vec<Jwk> {
    let rank = |key: &OwnKey| match key.life().state {
        KeyState::Next => Some(0),
        KeyState::Active => Some(1),
        KeyState::Passive => Some(2),
        KeyState::Revoked => None,
    };
    let mut published: Vec<_> = own.iter().filter_map(|key| Some((rank(key)?, key))).collect();
    published.sort_by_key(|(rank, key)| (*rank, key.life().kid.clone()));
    published.into_iter().map(|(_, key)| jwk(&key.life().kid, key.public())).collect()
}

fn jwk(kid: &str, key: &PublicKey) -> Jwk {
    let common = CommonParameters {
        public_key_use: Some(PublicKeyUse::Signature),
        key_algorithm: Some(KeyAlgorithm::RS256),
        key_id: Some(kid.to_owned()),
        ..CommonParameters::default()
    };
    let rsa = RSAKeyParameters {
        key_type: RSAKeyType::RSA,
        n: URL_SAFE_NO_PAD.encode(key.modulus()),
        e: URL_SAFE_NO_PAD.encode(key.exponent()),
    };
    Jwk { common, algorithm: AlgorithmParameters::RSA(rsa) }
}

fn document(keys: Vec<Jwk>) -> JwksDocument {
    // Nothing in there can fail to be written; an empty set would be a sound answer, too.
    let body = serde_json::to_vec(&JwkSet { keys }).unwrap_or_else(|_| br#"{"keys":[]}"#.to_vec());
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&body));
    let etag = HeaderValue::from_str(&format!("\"{}\"", digest.get(..22).unwrap_or_default()));
    JwksDocument {
        body: body.into(),
        etag: etag.unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
    }
}

#[cfg(test)]
mod tests;
