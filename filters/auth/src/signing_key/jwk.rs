//! A key as a JWK object (RFC 7517, RFC 7518 section 6.3).

use super::{KeyFault, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behest_contract::json::{Malformed, Scanner, Seen};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};

/// Members that only private and symmetric keys have.
const PRIVATE: [&[u8]; 8] = [b"d", b"p", b"q", b"dp", b"dq", b"qi", b"oth", b"k"];

pub(super) fn public_key(text: &[u8]) -> Result<PublicKey, KeyFault> {
    check_members(text)?;
    let jwk: Jwk = serde_json::from_slice(text).map_err(|_| KeyFault::NotAKey)?;
    let rsa = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => rsa,
        AlgorithmParameters::Other(_) => return Err(KeyFault::NotAKey),
        _ => return Err(KeyFault::NotRsa),
    };
    let common = &jwk.common;
    if common.public_key_use.as_ref().is_some_and(|uses| *uses != PublicKeyUse::Signature) {
        return Err(KeyFault::Use);
    }
    let operations = common.key_operations.as_ref();
    if operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
        return Err(KeyFault::Operations);
    }
    if common.key_algorithm.is_some_and(|algorithm| algorithm != KeyAlgorithm::RS256) {
        return Err(KeyFault::Algorithm);
    }
    let number = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyFault::Malformed);
    let kid = common.key_id.as_deref().map(Box::from);
    PublicKey::from_components(&number(&rsa.n)?, &number(&rsa.e)?, kid)
}

/// No member twice, as two readers might take another one each; and none of a private key.
fn check_members(text: &[u8]) -> Result<(), KeyFault> {
    let mut seen = Seen::default();
    let (mut twice, mut private) = (false, false);
    let mut scanner = Scanner::new(text);
    let read = scanner
        .object(|scanner, name| {
            twice |= !seen.is_new(scanner.text(), name);
            private |= PRIVATE.contains(&name.name(scanner.text()).as_ref());
            scanner.value().map(drop)
        })
        .and_then(|_| scanner.end());
    match read {
        _ if private => Err(KeyFault::PrivateKey),
        Err(Malformed { .. }) => Err(KeyFault::NotAKey),
        Ok(()) if twice => Err(KeyFault::Malformed),
        Ok(()) => Ok(()),
    }
}
