//! Forgeries of the header, and of the outer form.

use super::{Forgery, Group, named};
use crate::token::tests::{
    ACME, KID, OWN, acme, changed, header, ours, sign, sign_bytes, sign_parts,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(super) fn groups() -> Vec<Group> {
    vec![
        ("token: alg is not RS256", algorithms()),
        ("token: a header member that is not allowed", members()),
        ("token: another typ", types()),
        ("token: no fit kid", kids()),
        ("token: unknown key", unknown_kids()),
        ("token: a member of the wrong type", wrong_types()),
        ("token: a member twice", twice()),
        ("token: not three parts", parts()),
        ("token: not base64url", encodings()),
        ("token: not a JSON object", not_objects()),
        ("token: not UTF-8", vec![("a header of no UTF-8".into(), not_utf8())]),
        ("token: too long", vec![("9 KiB".into(), long())]),
        ("token: a string that is no text", vec![("half a surrogate".into(), surrogate())]),
    ]
}

/// A good token of ours but for its header, signed over it.
fn headed(header: &str) -> String {
    let claims = changed(json!({"iss": crate::token::tests::ISSUER}));
    sign(OWN.pair(), header, &claims)
}

fn headed_with(changes: Value) -> String {
    let mut header = json!({"alg": "RS256", "typ": "JWT", "kid": &*OWN.life().kid});
    for (name, value) in changes.as_object().unwrap() {
        header[name] = value.clone();
    }
    headed(&header.to_string())
}

fn algorithms() -> Vec<Forgery> {
    let spellings = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\0",
        "HS256",
        "HS384",
        "HS512",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "RSA-OAEP",
        "dir",
        "RS1",
        "RS256,none",
    ];
    let mut all = named(spellings.map(|alg| (alg, headed_with(json!({"alg": alg})))));
    let kid = &OWN.life().kid;
    all.push(("no alg".into(), headed(&format!(r#"{{"typ":"JWT","kid":"{kid}"}}"#))));
    all
}

fn members() -> Vec<Forgery> {
    let jwk =
        json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(OWN.public().modulus()), "e": "AQAB"});
    let cases = [
        ("jku", json!("https://example.com/jwks.json")),
        ("x5u", json!("https://example.com/cert.pem")),
        ("jwk", jwk),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("x")),
        ("x5t#S256", json!("x")),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("epk", json!({})),
        ("p2c", json!(1_000_000_000)),
        ("iss", json!("behest")),
        ("nonce", json!("x")),
        ("Alg", json!("none")),
        ("ALG", json!("RS256")),
        ("alg ", json!("RS256")),
        ("", json!("")),
    ];
    named(cases.map(|(name, value)| (name, headed_with(json!({name: value})))))
}

fn types() -> Vec<Forgery> {
    let spellings = ["at+jwt", "application/jwt", "JWE", "JWS", "", "JWT ", "dpop+jwt"];
    named(spellings.map(|typ| (typ, headed_with(json!({"typ": typ})))))
}

fn kids() -> Vec<Forgery> {
    let long = "k".repeat(65);
    let huge = "k".repeat(4096);
    let spellings = [
        "",
        " ",
        "../own_key",
        "..\\own_key",
        "/dev/null",
        "file:///etc/passwd",
        "a b",
        "a\0b",
        "' OR 1=1 --",
        "x' UNION SELECT 'k",
        "$(id)",
        "kid\r\nX: y",
        "http://example.com/k",
        "k%2e",
        "sk_\u{430}cme",
        &long,
        &huge,
    ];
    let mut all = named(spellings.map(|kid| (kid, headed_with(json!({"kid": kid})))));
    all.push(("no kid".into(), headed(r#"{"alg":"RS256","typ":"JWT"}"#)));
    all
}

fn unknown_kids() -> Vec<Forgery> {
    let own = &OWN.life().kid;
    let spellings = [
        "k",
        "..",
        ".",
        "null",
        "0",
        "sk_acme2",
        "SK_ACME",
        "sk_acm",
        "own_",
        &own.to_uppercase(),
        &own[..own.len() - 1],
    ];
    named(spellings.map(|kid| (kid, sign(&ACME.private, &header(kid), &changed(json!({}))))))
}

fn wrong_types() -> Vec<Forgery> {
    let values = [json!(null), json!(true), json!(1), json!(["RS256"]), json!({"alg": "RS256"})];
    let mut all = Vec::new();
    for name in ["alg", "typ", "kid", "cty"] {
        all.extend(
            values
                .iter()
                .map(|value| (format!("{name} {value}"), headed_with(json!({name: value})))),
        );
    }
    all
}

fn twice() -> Vec<Forgery> {
    let kid = &OWN.life().kid;
    let headers = [
        format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","alg":"none"}}"#),
        format!(r#"{{"alg":"RS256","kid":"x","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","\u0061lg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","k\u0069d":"x"}}"#),
        format!(r#"{{"alg":"RS256","typ":"JWT","typ":"JWT","kid":"{kid}"}}"#),
    ];
    headers.into_iter().map(|header| (header.clone(), headed(&header))).collect()
}

fn parts() -> Vec<Forgery> {
    let good = acme(json!({}));
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    named([
        ("nothing", String::new()),
        ("no dot", header.to_owned()),
        ("one dot", format!("{header}.{claims}")),
        ("a dot before", format!(".{good}")),
        ("a dot after", format!("{good}.")),
        ("four parts", format!("{header}.{claims}.{signature}.{signature}")),
        ("five parts, as a JWE", format!("{header}.{claims}.{signature}.{signature}.{signature}")),
        ("two dots in a row", format!("{header}..{claims}.{signature}")),
        (
            "the flattened JSON form",
            json!({"protected": header, "payload": claims, "signature": signature}).to_string(),
        ),
        (
            "the general JSON form",
            json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]})
                .to_string(),
        ),
    ])
}

fn encodings() -> Vec<Forgery> {
    let good = acme(json!({"aud": ["behest", "\u{ff}\u{3ff}>>>???"]}));
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let padded = |text: &str| format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
    let bytes = URL_SAFE_NO_PAD.decode(claims).unwrap();
    // 256 bytes leave four bits of the last character unused.
    let stray = format!("{}{}", &signature[..341], next(signature.as_bytes()[341]));
    let short_header = r#"{"alg":"RS256","kid":"sk_acme"}"#;
    let mut spaced = URL_SAFE.encode(short_header);
    spaced.insert(4, '\n');
    named([
        ("a padded signature", format!("{header}.{claims}.{}", padded(signature))),
        ("a padded header", sign_parts(&ACME.private, &URL_SAFE.encode(short_header), claims)),
        ("one =", format!("{good}=")),
        ("stray bits in the signature", format!("{header}.{claims}.{stray}")),
        ("the other alphabet", sign_parts(&ACME.private, header, &STANDARD.encode(&bytes))),
        ("a line feed in the header", sign_parts(&ACME.private, &spaced, claims)),
        ("a space before", format!(" {good}")),
        ("a space after", format!("{good} ")),
        ("a space between", format!("{header}. {claims}.{signature}")),
        ("a comma", format!("{good},{}", "x")),
        ("a tab in the claims", format!("{header}.{claims}\t.{signature}")),
        ("percent signs", format!("{header}.{claims}%3D.{signature}")),
        ("letters beyond ASCII", format!("{header}.{claims}\u{e9}.{signature}")),
        ("one character too many", format!("{header}.{claims}.{signature}AAA")),
    ])
}

/// The next character of the alphabet: the same bytes to a lenient decoder.
fn next(character: u8) -> char {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.bytes().position(|one| one == character).unwrap();
    char::from(alphabet.as_bytes()[at + 1])
}

fn not_objects() -> Vec<Forgery> {
    let good = changed(json!({}));
    let open = header(KID);
    let headers = [
        "",
        "{",
        "}",
        "[]",
        "null",
        "\"RS256\"",
        "1",
        "{\"alg\"}",
        "{'alg':'RS256'}",
        "{\"alg\":\"RS256\",}",
        "{\"alg\":\"RS256\"}{\"alg\":\"none\"}",
        "\u{feff}{}",
    ];
    let mut all: Vec<Forgery> = headers
        .iter()
        .map(|header| (format!("header {header}"), sign(&ACME.private, header, &good)))
        .collect();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(80), "]".repeat(80));
    let claims = [
        String::new(),
        "[]".into(),
        "null".into(),
        "\"x\"".into(),
        format!("[{good}]"),
        format!("{good}{good}"),
        good.replace("}", ""),
        good.replace("\"uid\"", "uid"),
        good.replace("1800003600", "01800003600"),
        good.replace("1800003600", "+1800003600"),
        good.replace("1800003600", "0x6B49E010"),
        good.replace("1800003600", "NaN"),
        good.replace("1800003600", "Infinity"),
        deep,
    ];
    all.extend(
        claims
            .iter()
            .map(|claims| (format!("claims {claims}"), sign(&ACME.private, &open, claims))),
    );
    all
}

fn not_utf8() -> String {
    let header = [header(KID).as_bytes(), b"\xff"].concat();
    sign_bytes(&ACME.private, &header, changed(json!({})).as_bytes())
}

fn long() -> String {
    ours(json!({"filler": "x".repeat(7000)}))
}

fn surrogate() -> String {
    sign(&ACME.private, &header(KID).replace("JWT", "\\ud800"), &changed(json!({})))
}
