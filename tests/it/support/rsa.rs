//! RSA keys of the tests' own, in every form in which somebody may hand one over.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaEncoding, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(crate) struct Rsa(KeyPair);

/// Three keys that tests may share: making one takes a while.
pub(crate) static KEYS: LazyLock<[Rsa; 3]> = LazyLock::new(|| [Rsa::new(), Rsa::new(), Rsa::new()]);

impl Rsa {
    pub(crate) fn new() -> Self {
        Self::sized(KeySize::Rsa2048)
    }

    pub(crate) fn sized(size: KeySize) -> Self {
        Self(KeyPair::generate(size).unwrap())
    }

    /// Reads a private key, PKCS#8 in PEM.
    pub(crate) fn from_pem(text: &str) -> Self {
        let inner = text.trim().strip_prefix("-----BEGIN PRIVATE KEY-----").expect("PKCS#8 in PEM");
        let inner = inner.strip_suffix("-----END PRIVATE KEY-----").expect("a whole PEM");
        let text: String = inner.split_whitespace().collect();
        Self(KeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap())
    }

    /// The public key, SPKI.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        der.as_ref().to_vec()
    }

    /// The public key, PKCS#1.
    pub(crate) fn public_pkcs1(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    pub(crate) fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_der())
    }

    /// The private key, PKCS#8.
    pub(crate) fn private_der(&self) -> Vec<u8> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().unwrap();
        der.as_ref().to_vec()
    }

    pub(crate) fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.private_der())
    }

    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.0.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let exponent = self.0.public_key().exponent().big_endian_without_leading_zero().to_vec();
        json!({ "kty": "RSA", "n": base64url(self.modulus()), "e": base64url(exponent) })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(&RSA_PKCS1_SHA256, message)
    }

    /// Signs in another way than RS256.
    pub(crate) fn sign_as(&self, how: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(how, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }
}

/// Whether a JWK verifies an RS256 signature.
pub(crate) fn verifies(jwk: &Value, message: &[u8], signature: &[u8]) -> bool {
    let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: part("n"), e: part("e") };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// 1024 bits.
pub(crate) const SMALL_PEM: &str = "\
    -----BEGIN PUBLIC KEY-----\n\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDjAp+G+kUZViq+Zq8Ijb2bjuv+\n\
    +454yx+gx+UpSQZVsDA/5mFDbpvO6Bi3L16AABQj6VhYnYwIyL90hs8Yl906FhMy\n\
    NxaD6OC9XNbbEIAcVFz6LZa/T/3TpMDbtjy+MdoSO1T+nIU6mxqhKS7bdaSe+v5V\n\
    KWuB3/sdLvVFDNy1qQIDAQAB\n\
    -----END PUBLIC KEY-----\n";
/// 2048 bits, but its public exponent is 3.
pub(crate) const CUBE_PEM: &str = "\
    -----BEGIN PUBLIC KEY-----\n\
    MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAxdHhm2ijWAHSwBCYmb7c\n\
    QXq+TA57xUmggn5FJBeXJrD7a9E2cm6GtF2u4zm/UH+XEHLHbZxhSszsdCnbgQIu\n\
    A0EF3fNrtMUrszDbz/4XIIApCB13A0ZTQXry53MgYRR8+LLs+aV/ovKZ5UvAHOZQ\n\
    yqtoAow5BUEcuiYzdErkB71rd9Yp69sw6KLXSC/4SSU/CMJseqY/bOboGVCrFb+I\n\
    TJdybCQRDUB1yB3n02sKhVXtRuPxFvGE3wV2dg8lwYtKhAWtZ/gU94ZfhqZGmy5g\n\
    m1feNHX59hXuRIODRq7JQhaURhw1SjWvvgiIyk3JjQOaEBtZNG0jS0/DnK9MNQ3N\n\
    bwIBAw==\n\
    -----END PUBLIC KEY-----\n";
/// Not RSA at all: a point on P-256.
pub(crate) const CURVE_PEM: &str = "\
    -----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJxyEVV7F/q2gWmtLWzRE9YIrJ8kF\n\
    XhH+I9Xxf37X2Zs/WRviNPTmVfWxbNs8YbIx+bTlmQWro/Hp2s0a3bxguw==\n\
    -----END PUBLIC KEY-----\n";
