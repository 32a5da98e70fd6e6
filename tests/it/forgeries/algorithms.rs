use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Forger, Forgery};
use crate::support::rsa::{Rsa, base64url, pem};
use crate::support::token::{Parts, header};

pub(super) fn all(forger: &Forger) -> Vec<Forgery> {
    let mut all = unsigned(forger);
    all.extend(keyed_with_what_is_public(forger));
    all.extend(of_another_kind(forger));
    all.extend(of_another_type(forger));
    all
}

/// Of our own token and of a tenant's: its name, its parts, and the public key.
fn both(forger: &Forger) -> [(&'static str, Parts); 2] {
    [("ours", Parts::of(&forger.minted)), ("acme's", Parts::of(&forger.good()))]
}

fn with_algorithm(parts: &Parts, algorithm: &Value) -> String {
    let mut header = parts.header.clone();
    header["alg"] = algorithm.clone();
    format!("{}.{}", base64url(header.to_string()), base64url(parts.payload.to_string()))
}

fn unsigned(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (whose, parts) in both(forger) {
        for none in ["none", "None", "NONE", "nOnE", "none ", "\u{0}none"] {
            let message = with_algorithm(&parts, &json!(none));
            let kept = base64url(&parts.signature);
            for (how, token) in [
                ("no signature", format!("{message}.")),
                ("no third part", message.clone()),
                ("the old signature", format!("{message}.{kept}")),
            ] {
                all.push((format!("{whose}: alg {none:?} and {how}"), token));
            }
        }
    }
    all
}

/// Every form in which a verifier may hold the public key, taken for a shared secret.
fn public_forms(jwk: &Value, spki: Option<&Rsa>) -> Vec<(&'static str, Vec<u8>)> {
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let (der, pkcs1) = match spki {
        Some(key) => (key.public_der(), key.public_pkcs1()),
        None => encoded(&modulus),
    };
    let text = pem("PUBLIC KEY", &der);
    let bare = json!({ "e": jwk["e"], "kty": "RSA", "n": jwk["n"] });
    vec![
        ("the PEM", text.clone().into_bytes()),
        ("the PEM without its last line end", text.trim_end().as_bytes().to_vec()),
        ("the PEM in one line", text.replace('\n', "").into_bytes()),
        ("the PEM of PKCS#1", pem("RSA PUBLIC KEY", &pkcs1).into_bytes()),
        ("the DER", der),
        ("the DER of PKCS#1", pkcs1),
        ("the JWK", jwk.to_string().into_bytes()),
        ("the JWK that thumbprints are of", bare.to_string().into_bytes()),
        ("the modulus", modulus),
        ("the modulus as it is spelt", jwk["n"].as_str().unwrap().as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ]
}

/// SPKI and PKCS#1 of a key of 2048 bits with the usual exponent.
fn encoded(modulus: &[u8]) -> (Vec<u8>, Vec<u8>) {
    assert_eq!((modulus.len(), modulus[0] >> 7), (256, 1));
    let head = [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
    let pkcs1 = [&head[..], modulus, &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
    let head = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
        0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
    ];
    ([&head[..], &pkcs1].concat(), pkcs1)
}

fn keyed(how: hmac::Algorithm, secret: &[u8], message: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(how, secret), message.as_bytes());
    format!("{message}.{}", base64url(tag))
}

fn keyed_with_what_is_public(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    let keys = [(forger.ours.clone(), None), (forger.acme.jwk(), Some(forger.acme))];
    for ((whose, parts), (jwk, spki)) in both(forger).into_iter().zip(keys) {
        for (form, secret) in public_forms(&jwk, spki) {
            let message = with_algorithm(&parts, &json!("HS256"));
            let name = format!("{whose}: HS256 keyed with {form}");
            all.push((name, keyed(hmac::HMAC_SHA256, &secret, &message)));
            // Under the right name of the algorithm, for a verifier that looks at lengths.
            let name = format!("{whose}: HMAC keyed with {form}, called RS256");
            all.push((name, keyed(hmac::HMAC_SHA256, &secret, &parts.message)));
        }
        for (name, how) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
            let message = with_algorithm(&parts, &json!(name));
            let (_, secret) = public_forms(&jwk, spki).swap_remove(0);
            all.push((
                format!("{whose}: {name} keyed with the PEM"),
                keyed(how, &secret, &message),
            ));
        }
    }
    all
}

/// Truly signed by `acme`, in another way than RS256.
fn of_another_kind(forger: &Forger) -> Vec<Forgery> {
    let ways: [(&str, &'static dyn RsaEncoding); 5] = [
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let mut all = Vec::new();
    let parts = Parts::of(&forger.good());
    for (name, how) in ways {
        for called in [name, "RS256"] {
            let message = with_algorithm(&parts, &json!(called));
            let signature = forger.acme.sign_as(how, message.as_bytes());
            let token = format!("{message}.{}", base64url(signature));
            all.push((format!("signed as {name}, called {called}"), token));
        }
    }
    all
}

/// Signed as RS256, but called something else, or nothing.
fn of_another_type(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    for called in [
        json!("rs256"),
        json!("RS256 "),
        json!("RS256\u{0}"),
        json!("RSA256"),
        json!("HS256"),
        json!("ES256"),
        json!("EdDSA"),
        json!("RSA-OAEP"),
        json!("dir"),
        json!(""),
        json!(null),
        json!(256),
        json!(["RS256"]),
        json!({ "name": "RS256" }),
    ] {
        all.push((
            format!("signed as RS256, called {called}"),
            forger.headed(json!({ "alg": called })),
        ));
    }
    let mut header = header("sk_acme");
    header.as_object_mut().unwrap().remove("alg");
    all.push(("no alg".to_owned(), forger.head(&header.to_string())));
    all
}
