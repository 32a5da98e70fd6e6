//! Forgeries of the signature: by the wrong key, the wrong way, or none.

use super::{Forgery, Group, named};
use crate::token::tests::{
    ACME, ISSUER, KID, NOW, OTHER, OWN, REVOKED, acme, changed, header, ours, sign, signature,
};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::{Sha256, Sha384, Sha512};

pub(super) fn groups() -> Vec<Group> {
    vec![
        ("token: bad signature", [wrong_keys(), wrong_ways(), damaged()].concat()),
        ("token: alg is not RS256", confused_keys()),
        ("token: unknown key", not_theirs()),
        ("token: our key under another issuer", our_key_under_theirs()),
        ("token: a tenant's key under an issuer that is not its own", their_key_under_ours()),
    ]
}

fn wrong_keys() -> Vec<Forgery> {
    let claims = changed(json!({}));
    let of_ours = changed(json!({"iss": ISSUER}));
    let own = &OWN.life().kid;
    named([
        ("a tenant under our kid", sign(&ACME.private, &header(own), &of_ours)),
        ("another tenant under acme's kid", sign(&OTHER.private, &header(KID), &claims)),
        ("we under a tenant's kid", sign(OWN.pair(), &header(KID), &claims)),
        ("our revoked key under the active kid", sign(REVOKED.pair(), &header(own), &of_ours)),
    ])
}

/// Our key, but not RSASSA-PKCS1-v1_5 with SHA-256, whatever the header says.
fn wrong_ways() -> Vec<Forgery> {
    let ways: [(&str, &'static dyn RsaEncoding); 3] =
        [("SHA-384", &RSA_PKCS1_SHA384), ("SHA-512", &RSA_PKCS1_SHA512), ("PSS", &RSA_PSS_SHA256)];
    let signed = unsigned(&header(&OWN.life().kid));
    named(ways.map(|(name, how)| {
        let signature = signature(OWN.pair(), how, &signed);
        (name, format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }))
}

fn unsigned(header: &str) -> String {
    let claims = changed(json!({"iss": ISSUER}));
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn damaged() -> Vec<Forgery> {
    let good = ours(json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (_, of_another) = {
        let another = ours(json!({"uid": "u_43"}));
        let (signed, signature) = another.rsplit_once('.').unwrap();
        (signed.to_owned(), signature.to_owned())
    };
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with = |bytes: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        with(&bytes)
    };
    let (head, claims) = signed.split_once('.').unwrap();
    let richer = changed(json!({"iss": ISSUER, "role": "admin"}));
    let richer = URL_SAFE_NO_PAD.encode(richer);
    let spaced = URL_SAFE_NO_PAD.encode(format!("{} ", header(&OWN.life().kid)));
    let mut reversed = bytes.clone();
    reversed.reverse();
    named([
        ("no signature", format!("{signed}.")),
        ("the first half", with(&bytes[..128])),
        ("one byte less", with(&bytes[..255])),
        ("one byte less in front", with(&bytes[1..])),
        ("one byte more", with(&[&bytes[..], &[0]].concat())),
        ("a zero in front", with(&[&[0], &bytes[..]].concat())),
        ("twice", with(&bytes.repeat(2))),
        ("the first bit", flipped(0)),
        ("a bit in the middle", flipped(128)),
        ("the last bit", flipped(255)),
        ("zeros", with(&[0; 256])),
        ("a one", with(&[&[0; 255][..], &[1]].concat())),
        ("ones", with(&[0xff; 256])),
        ("the modulus", with(OWN.public().modulus())),
        ("backwards", with(&reversed)),
        ("of another token", format!("{signed}.{of_another}")),
        ("over other claims", format!("{head}.{richer}.{signature}")),
        ("over another spelling of the header", format!("{spaced}.{claims}.{signature}")),
        ("the claims themselves", format!("{signed}.{claims}")),
        ("8 KiB of it", with(&[7; 5000])),
    ])
}

/// A MAC whose secret is our public key, in each form in which people hand it to a library.
fn confused_keys() -> Vec<Forgery> {
    let public = OWN.pair().public_key();
    let spki: PublicKeyX509Der<'_> = public.as_der().unwrap();
    let modulus = OWN.public().modulus();
    let jwk = |spaced: &str| {
        let n = URL_SAFE_NO_PAD.encode(modulus);
        format!(r#"{{"kty":{spaced}"RSA","n":{spaced}"{n}","e":{spaced}"AQAB"}}"#).into_bytes()
    };
    let pem = OWN.public().to_pem();
    let pkcs1 = STANDARD.encode(public.as_ref());
    let secrets: Vec<(&str, Vec<u8>)> = vec![
        ("SPKI in PEM", pem.clone().into_bytes()),
        ("SPKI in PEM, trimmed", pem.trim().as_bytes().to_vec()),
        ("SPKI in PEM, CRLF", pem.replace('\n', "\r\n").into_bytes()),
        ("SPKI in DER", spki.as_ref().to_vec()),
        ("SPKI in base64", STANDARD.encode(spki.as_ref()).into_bytes()),
        (
            "PKCS#1 in PEM",
            format!("-----BEGIN RSA PUBLIC KEY-----\n{pkcs1}\n-----END RSA PUBLIC KEY-----\n")
                .into(),
        ),
        ("PKCS#1 in DER", public.as_ref().to_vec()),
        ("JWK", jwk("")),
        ("JWK, spaced", jwk(" ")),
        ("the modulus", modulus.to_vec()),
        ("the modulus in base64url", URL_SAFE_NO_PAD.encode(modulus).into_bytes()),
        ("nothing", Vec::new()),
        ("the kid", OWN.life().kid.as_bytes().to_vec()),
    ];
    let mut all = Vec::new();
    for (name, secret) in &secrets {
        for bits in [256, 384, 512] {
            all.push((format!("HS{bits} by {name}"), mac(bits, secret)));
        }
    }
    all
}

fn mac(bits: u32, secret: &[u8]) -> String {
    let header = header(&OWN.life().kid).replace("RS256", &format!("HS{bits}"));
    let signed = unsigned(&header);
    let tag = match bits {
        256 => tag::<Hmac<Sha256>>(secret, &signed),
        384 => tag::<Hmac<Sha384>>(secret, &signed),
        _ => tag::<Hmac<Sha512>>(secret, &signed),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn tag<M: Mac + KeyInit>(secret: &[u8], signed: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn not_theirs() -> Vec<Forgery> {
    let claims = |tenant: &str, project: &str| changed(json!({"tid": tenant, "pid": project}));
    let revoked = &REVOKED.life().kid;
    named([
        (
            "another tenant's key for acme",
            sign(&OTHER.private, &header("sk_other"), &claims("acme", "demo")),
        ),
        (
            "acme's key for another tenant",
            sign(&ACME.private, &header(KID), &claims("other", "foreign")),
        ),
        ("an unknown tenant", sign(&ACME.private, &header(KID), &claims("nobody", "demo"))),
        ("a tenant in capitals", sign(&ACME.private, &header(KID), &claims("ACME", "demo"))),
        ("a tenant with a space", sign(&ACME.private, &header(KID), &claims("acme ", "demo"))),
        ("no tenant's name", sign(&ACME.private, &header(KID), &claims("", "demo"))),
        (
            "our revoked key",
            sign(REVOKED.pair(), &header(revoked), &changed(json!({"iss": ISSUER}))),
        ),
        (
            "our revoked key as a tenant",
            sign(REVOKED.pair(), &header(revoked), &changed(json!({"exp": NOW + 60}))),
        ),
    ])
}

fn our_key_under_theirs() -> Vec<Forgery> {
    let issuers = [
        "behest",
        "https://api.behest.ai",
        "https://api.behest.app/",
        "https://API.behest.app",
        "http://api.behest.app",
        "https://api.behest.app ",
        " https://api.behest.app",
        "https://api.behest.app.example.com",
        "https://example.com",
        "",
        "api.behest.app",
        "https://api.behest.app#",
        "HTTPS://API.BEHEST.APP",
    ];
    named(issuers.map(|issuer| (issuer, ours(json!({"iss": issuer})))))
}

fn their_key_under_ours() -> Vec<Forgery> {
    let issuers = [
        ISSUER,
        "Behest",
        "BEHEST",
        "behest ",
        "behest/",
        "https://api.behest.ai/",
        "https://api.behest.AI",
        "http://api.behest.ai",
        "https://api.behest.ai.example.com",
        "acme",
        "",
        "https://accounts.example.com",
        "behest\0",
        "https://api.behest.app/",
    ];
    named(issuers.map(|issuer| (issuer, acme(json!({"iss": issuer})))))
}
