mod wycheproof_vectors;

use super::{KeyFault, PublicKey, SigningKey, bits, roca};
use crate::token::tests::{ACME, OWN};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

fn b64(number: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(number)
}

fn jwk_of(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({"kty": "RSA", "n": b64(modulus), "e": b64(exponent)})
}

fn jwk() -> Value {
    jwk_of(ACME.public.public().modulus(), &[1, 0, 1])
}

fn with(changes: Value) -> String {
    let mut jwk = jwk();
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk.to_string()
}

fn fault(text: &str) -> KeyFault {
    SigningKey::parse(text).expect_err(text)
}

/// A DER element of a length below 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let len = match content.len() {
        0..128 => vec![len[1]],
        128..256 => vec![0x81, len[1]],
        _ => vec![0x82, len[0], len[1]],
    };
    [&[tag][..], &len, content].concat()
}

fn pkcs1_der(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if modulus[0] < 0x80 { &[] } else { &[0] };
    let modulus = der(2, &[sign, modulus].concat());
    der(0x30, &[modulus, der(2, exponent)].concat())
}

fn pem(label: &str, der: &[u8]) -> String {
    super::encoded(label, der)
}

fn pkcs1(modulus: &[u8], exponent: &[u8]) -> String {
    pem("RSA PUBLIC KEY", &pkcs1_der(modulus, exponent))
}

#[test]
fn each_form_of_a_public_key_is_read_and_stored_in_one() {
    let key = ACME.public.public();
    let forms = [
        key.to_pem(),
        key.to_pem().replace('\n', "\r\n"),
        format!("\n  {}\n\n", key.to_pem()),
        format!("made on Tuesday\n{}", key.to_pem()),
        pkcs1(key.modulus(), &[1, 0, 1]),
        jwk().to_string(),
        with(json!({"use": "sig", "alg": "RS256", "kid": "k1", "key_ops": ["verify"], "x": [1]})),
        with(json!({"n": b64(&[&[0], key.modulus()].concat())})),
    ];
    for form in forms {
        let read = SigningKey::parse(&form).unwrap_or_else(|fault| panic!("{fault}: {form}"));
        assert_eq!(read.to_pem(), key.to_pem());
        assert_eq!(read.bits(), 2048);
    }
    assert!(key.to_pem().starts_with("-----BEGIN PUBLIC KEY-----\nMIIB"));
}

#[test]
fn the_name_of_a_jwk_is_told() {
    assert_eq!(SigningKey::parse(&with(json!({"kid": "k1"}))).unwrap().kid(), Some("k1"));
    assert_eq!(SigningKey::parse(&jwk().to_string()).unwrap().kid(), None);
}

#[test]
fn a_private_key_is_refused_in_every_form_and_never_shown() {
    let pair = SigningKey::generate().unwrap();
    let pkcs8 = pair.private_pkcs8_pem.expose().to_owned();
    let inside = pem::parse(&pkcs8).unwrap().into_contents();
    let secret = b64(&inside[40..60]);
    let forms = [
        pkcs8.clone(),
        pkcs8.replace("-----END PRIVATE KEY-----", ""),
        pem("RSA PRIVATE KEY", &inside[26..]),
        pem("ENCRYPTED PRIVATE KEY", &inside),
        pem("EC PRIVATE KEY", &inside),
        format!("{}{}", pair.public.public().to_pem(), pkcs8),
        with(json!({"d": secret})),
        with(json!({"p": secret})),
        with(json!({"qi": secret})),
        with(json!({"k": secret})),
        with(json!({"d": null})),
        with(json!({"x": 1})).replace("\"x\"", "\"\\u0064\""),
    ];
    for form in forms {
        let fault = fault(&form);
        assert_eq!(fault, KeyFault::PrivateKey, "{form}");
        assert!(fault.to_string().starts_with("This is a private key."));
        assert!(!format!("{fault:?} {fault}").contains(&secret));
    }
    // Without its label it is no key at all, and not shown either.
    assert_eq!(fault(&STANDARD.encode(&inside)), KeyFault::NotAKey);
    assert_eq!(fault(&pem("PUBLIC KEY", &inside)), KeyFault::Malformed);
    assert!(!format!("{pair:?}").contains("BEGIN"));
}

#[test]
fn a_key_that_is_meant_for_something_else_is_refused() {
    let cases = [
        (json!({"use": "enc"}), KeyFault::Use),
        (json!({"use": "SIG"}), KeyFault::Use),
        (json!({"key_ops": ["sign"]}), KeyFault::Operations),
        (json!({"key_ops": []}), KeyFault::Operations),
        (json!({"key_ops": ["encrypt", "wrapKey"]}), KeyFault::Operations),
        (json!({"alg": "PS256"}), KeyFault::Algorithm),
        (json!({"alg": "RS512"}), KeyFault::Algorithm),
        (json!({"alg": "none"}), KeyFault::Algorithm),
        (json!({"alg": "rs256"}), KeyFault::Algorithm),
        (json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}), KeyFault::NotRsa),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": "x"}), KeyFault::NotRsa),
        (json!({"e": "AQAB="}), KeyFault::Malformed),
        (json!({"n": "+/+/"}), KeyFault::Malformed),
        (json!({"n": ""}), KeyFault::Size(0)),
    ];
    for (changes, expected) in cases {
        assert_eq!(fault(&with(changes.clone())), expected, "{changes}");
    }
    for wrong_type in [json!({"use": 1}), json!({"kid": 1}), json!({"key_ops": "verify"})] {
        assert_eq!(fault(&with(wrong_type.clone())), KeyFault::NotAKey, "{wrong_type}");
    }
    let twice = jwk().to_string().replace("{", r#"{"\u006e":"AAAA","#);
    assert_eq!(fault(&twice), KeyFault::Malformed);
}

#[test]
fn what_is_no_key_is_refused() {
    let key = ACME.public.public().to_pem();
    for text in [
        "",
        "x",
        "{",
        "{}",
        "[]",
        "{\"keys\":[]}",
        "ssh-rsa AAAAB3Nza",
        "-----BEGIN PUBLIC KEY-----",
        &pem("CERTIFICATE", b"x"),
        &"x".repeat(100_000),
        &jwk().to_string().repeat(2),
    ] {
        assert_eq!(fault(text), KeyFault::NotAKey, "{text}");
    }
    assert_eq!(fault(&format!("{key}{key}")), KeyFault::Several);
    assert_eq!(fault(&pem("EC PUBLIC KEY", b"x")), KeyFault::NotRsa);
    let inside = pem::parse(&key).unwrap().into_contents();
    let as_pss = {
        // The identifier of RSASSA-PSS differs from that of RSA in its last byte.
        let at = inside.windows(9).position(|nine| nine == RSA_OID).unwrap();
        let mut changed = inside.clone();
        changed[at + 8] = 10;
        changed
    };
    for (label, der) in [
        ("PUBLIC KEY", &b"x"[..]),
        ("PUBLIC KEY", &as_pss),
        ("PUBLIC KEY", &pkcs1_der(ACME.public.public().modulus(), &[1, 0, 1])),
        ("RSA PUBLIC KEY", &inside),
        ("PUBLIC KEY", &inside[..inside.len() - 1]),
        ("PUBLIC KEY", &[&inside[..], &[0]].concat()),
    ] {
        assert_eq!(fault(&pem(label, der)), KeyFault::Malformed, "{label}");
    }
}

#[test]
fn a_modulus_has_2048_to_4096_bits() {
    let good = ACME.public.public().modulus();
    let shorter = &good[1..];
    let bits = bits(super::without_leading_zeros(shorter));
    assert_eq!(fault(&jwk_of(shorter, &[1, 0, 1]).to_string()), KeyFault::Size(bits));
    let longer = [&[1], &good.repeat(2)[..]].concat();
    assert_eq!(fault(&jwk_of(&longer, &[1, 0, 1]).to_string()), KeyFault::Size(4097));
    assert_eq!(fault(&pkcs1(&longer, &[1, 0, 1])), KeyFault::Size(4097));
    assert_eq!(fault(&pkcs1(&[0x7f; 128], &[1, 0, 1])), KeyFault::Size(1023));
    let largest = RsaKeyPair::generate(KeySize::Rsa4096).unwrap();
    assert_eq!(PublicKey::of(&largest).unwrap().bits(), 4096);
}

#[test]
fn the_exponent_is_65537() {
    let modulus = ACME.public.public().modulus();
    for exponent in [&[3][..], &[1], &[17], &[1, 0, 0], &[1, 0, 3], &[1, 0, 1, 0, 1]] {
        assert_eq!(fault(&jwk_of(modulus, exponent).to_string()), KeyFault::Exponent);
    }
    assert_eq!(fault(&pkcs1(modulus, &[3])), KeyFault::Exponent);
}

#[test]
fn an_even_modulus_is_refused() {
    let mut even = ACME.public.public().modulus().to_vec();
    even[255] ^= 1;
    assert_eq!(fault(&jwk_of(&even, &[1, 0, 1]).to_string()), KeyFault::EvenModulus);
    assert_eq!(fault(&pkcs1(&even, &[1, 0, 1])), KeyFault::Malformed, "the library says so");
}

#[test]
fn a_key_with_the_mark_of_roca_is_refused_and_sound_ones_are_not() {
    // A power of 65537 is one modulo every prime: the mark itself. This one has 2,049 bits.
    let mut modulus = vec![1];
    for _ in 0..128 {
        modulus = times_65537(&modulus);
    }
    assert_eq!(bits(&modulus), 2049);
    assert_eq!(fault(&jwk_of(&modulus, &[1, 0, 1]).to_string()), KeyFault::Roca);
    assert_eq!(fault(&pkcs1(&modulus, &[1, 0, 1])), KeyFault::Roca);
    let sound = [OWN.public(), ACME.public.public()];
    assert!(sound.iter().all(|key| !roca::is_fingerprint(key.modulus())));
}

/// A big-endian number times 65537: itself, and itself two bytes further up.
fn times_65537(number: &[u8]) -> Vec<u8> {
    let mut sum = [number, &[0, 0]].concat();
    let mut carry = 0;
    let mut addend = number.iter().rev();
    for byte in sum.iter_mut().rev() {
        let total = u16::from(*byte) + u16::from(addend.next().copied().unwrap_or(0)) + carry;
        *byte = u8::try_from(total & 0xff).unwrap();
        carry = total >> 8;
    }
    if carry > 0 { [&[1], &sum[..]].concat() } else { sum }
}

#[test]
fn a_name_does_no_harm_in_a_path_and_is_not_one_of_ours() {
    let key = || ACME.public.public().clone();
    for kid in ["k", "sk_0123456789abcdef", "a.b-c_D", &"k".repeat(64), "..."] {
        assert_eq!(&**SigningKey::new(kid, key()).unwrap().kid(), kid);
    }
    for kid in ["", "a b", "a/b", "../k", "k\u{e9}", "k\n", "k%2f", &"k".repeat(65)] {
        assert_eq!(SigningKey::new(kid, key()).unwrap_err(), KeyFault::Kid, "{kid}");
    }
    assert_eq!(SigningKey::new("own_1", key()).unwrap_err(), KeyFault::ReservedKid);
}

#[test]
fn a_generated_pair_is_shown_once_and_fits_together() {
    let pair = SigningKey::generate().unwrap();
    let digits = pair.public.kid().strip_prefix("sk_").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let private = pair.private_pkcs8_pem.expose();
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let private = RsaKeyPair::from_pkcs8(pem::parse(private).unwrap().contents()).unwrap();
    assert_eq!(PublicKey::of(&private).unwrap().to_pem(), pair.public.public().to_pem());
    assert_eq!(pair.public.public().bits(), 2048);
}

/// 1.2.840.113549.1.1.1
const RSA_OID: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
