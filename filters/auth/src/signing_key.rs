//! Keys that tenants sign tokens with: which are taken, and new ones.
//!
//! A key is looked at once, when it is registered. After that its public half is kept parsed, because
//! parsing it anew for each token would cost a fifth of a verification.

mod fault;
mod jwk;
mod parse;
mod roca;

pub use fault::KeyFault;

use crate::error::Error;
use crate::random;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair};
use behest_contract::secret::Secret;
use pem::{EncodeConfig, LineEnding, Pem};
use std::fmt;
use std::sync::Arc;

/// An RSA public key that is fit to verify RS256, parsed. Cloning it is cheap.
#[derive(Clone)]
pub struct PublicKey {
    inner: Arc<Inner>,
}

struct Inner {
    /// Big-endian, without leading zeros.
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
    spki: Box<[u8]>,
    parsed: ParsedPublicKey,
    kid: Option<Box<str>>,
}

impl PublicKey {
    /// A key of this modulus and exponent, if it passes the gate.
    fn from_components(
        modulus: &[u8],
        exponent: &[u8],
        kid: Option<Box<str>>,
    ) -> Result<Self, KeyFault> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        gate(modulus, exponent)?;
        let components = PublicKeyComponents { n: modulus, e: exponent };
        let spki: PublicKeyX509Der<'_> = components.as_der().map_err(|_| KeyFault::Malformed)?;
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki.as_ref())
            .map_err(|_| KeyFault::Malformed)?;
        let inner = Inner {
            modulus: modulus.into(),
            exponent: exponent.into(),
            spki: spki.as_ref().into(),
            parsed,
            kid,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The public half of a pair.
    pub(crate) fn of(pair: &RsaKeyPair) -> Result<Self, KeyFault> {
        use aws_lc_rs::signature::KeyPair as _;
        let public = pair.public_key();
        let (modulus, exponent) = (public.modulus(), public.exponent());
        let modulus = modulus.big_endian_without_leading_zero();
        Self::from_components(modulus, exponent.big_endian_without_leading_zero(), None)
    }

    /// The name that the key brought along, if it came as a JWK with one.
    pub fn kid(&self) -> Option<&str> {
        self.inner.kid.as_deref()
    }

    /// The length of the modulus.
    pub fn bits(&self) -> usize {
        bits(&self.inner.modulus)
    }

    /// The key as `BEGIN PUBLIC KEY`, the form in which to store it.
    pub fn to_pem(&self) -> String {
        encoded("PUBLIC KEY", &self.inner.spki)
    }

    pub(crate) fn modulus(&self) -> &[u8] {
        &self.inner.modulus
    }

    pub(crate) fn exponent(&self) -> &[u8] {
        &self.inner.exponent
    }

    /// Whether this key made this RS256 signature.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.inner.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits)", self.bits())
    }
}

/// A public key under the name by which tokens choose it. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct SigningKey {
    kid: Arc<str>,
    public: PublicKey,
}

/// A new pair. The private half is shown once and kept nowhere.
#[derive(Debug)]
pub struct GeneratedPair {
    /// What is registered.
    pub public: SigningKey,
    /// What the tenant signs with, as `BEGIN PRIVATE KEY`.
    pub private_pkcs8_pem: Secret,
}

impl SigningKey {
    /// Reads a public key: PEM (`BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`) or a JWK object. It must
    /// be RSA of 2,048 to 4,096 bits with the exponent 65537, and meant for RS256.
    pub fn parse(pem_or_jwk: &str) -> Result<PublicKey, KeyFault> {
        parse::public_key(pem_or_jwk)
    }

    /// A key under a name. Names are unique in a tenant; those of the gateway's own keys are refused.
    pub fn new(kid: &str, public: PublicKey) -> Result<Self, KeyFault> {
        if !is_kid(kid) {
            return Err(KeyFault::Kid);
        }
        if kid.starts_with(OWN_KID_PREFIX) {
            return Err(KeyFault::ReservedKid);
        }
        Ok(Self { kid: kid.into(), public })
    }

    /// Makes an RSA-2048 pair under a new name. Takes 100 ms and more.
    pub fn generate() -> Result<GeneratedPair, Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::NoKeyPair)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::NoKeyPair)?;
        let private = Secret::new(encoded("PRIVATE KEY", private.as_ref()));
        let public = PublicKey::of(&pair).map_err(|_| Error::NoKeyPair)?;
        let public = Self { kid: random::named("sk_")?.into(), public };
        Ok(GeneratedPair { public, private_pkcs8_pem: private })
    }

    /// The key's name.
    pub fn kid(&self) -> &Arc<str> {
        &self.kid
    }

    /// The key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// Whether a text can be a key's name: what cannot do harm in a path, a query or a log.
pub(crate) fn is_kid(text: &str) -> bool {
    let fits = (1..=KID_BYTES_MAX).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// What a key must be before a library is asked whether it can work with it.
fn gate(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFault> {
    let bits = bits(modulus);
    if !(MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits) {
        return Err(KeyFault::Size(bits));
    }
    if exponent != EXPONENT {
        return Err(KeyFault::Exponent);
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err(KeyFault::EvenModulus);
    }
    if roca::is_fingerprint(modulus) { Err(KeyFault::Roca) } else { Ok(()) }
}

fn encoded(label: &str, der: &[u8]) -> String {
    let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), lines)
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bits(modulus: &[u8]) -> usize {
    let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    modulus.len() * 8 - unused
}

/// How the names of the gateway's own keys begin.
pub(crate) const OWN_KID_PREFIX: &str = "own_";
pub(crate) const KID_BYTES_MAX: usize = 64;
const MODULUS_BITS_MIN: usize = 2048;
const MODULUS_BITS_MAX: usize = 4096;
/// 65537, big-endian.
const EXPONENT: &[u8] = &[1, 0, 1];

#[cfg(test)]
pub(crate) mod tests;
