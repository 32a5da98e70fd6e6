use serde_json::{Value, json};

use super::{Forger, Forgery};
use crate::support::rsa::base64url;
use crate::support::token::{Parts, header};

pub(super) fn all(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (whose, token) in [("ours", forger.minted.clone()), ("acme's", forger.good())] {
        let named = |(name, token): (&str, String)| (format!("{whose}: {name}"), token);
        all.extend(spelt_otherwise(&token).into_iter().map(named));
        all.extend(serialised_otherwise(&token).into_iter().map(named));
        all.extend(signed_otherwise(&token).into_iter().map(named));
        all.extend(changed(&token).into_iter().map(named));
    }
    all.extend(said_twice(forger));
    all.extend(no_objects(forger));
    all
}

fn spelt_otherwise(token: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("{token}") };
    vec![
        ("padding after all", format!("{token}==")),
        ("padding in the header", format!("{head}=.{payload}.{signature}")),
        ("padding in the payload", format!("{head}.{payload}=.{signature}")),
        ("a dot at the end", format!("{token}.")),
        ("a dot in front", format!(".{token}")),
        ("two dots", format!("{head}..{payload}.{signature}")),
        ("four parts", format!("{token}.{signature}")),
        ("five parts", format!("{head}.{payload}.{signature}.{signature}.{signature}")),
        ("no signature", format!("{head}.{payload}.")),
        ("two parts", format!("{head}.{payload}")),
        ("no payload", format!("{head}..{signature}")),
        ("no header", format!(".{payload}.{signature}")),
        ("parts the other way round", format!("{payload}.{head}.{signature}")),
        ("quotes around it", format!("\"{token}\"")),
        ("an encoded dot", format!("{head}%2E{payload}.{signature}")),
        ("an encoded line end", format!("{token}%0A")),
        ("twice, with a comma", format!("{token},{token}")),
        ("twice, with a space", format!("{token} {token}")),
        ("in lower case", token.to_lowercase()),
        ("a character that is no base64", format!("{head}.{payload}!.{signature}")),
        ("a plus in the signature", format!("{head}.{payload}.+{}", &signature[1..])),
        ("loose bits at the signature's end", with_loose_bits(token)),
        ("the scheme once more", format!("Bearer {token}")),
    ]
}

/// The last character holds bits that no byte is made of: another spelling of the same signature.
fn with_loose_bits(token: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.as_bytes()[token.len() - 1];
    let at = ALPHABET.iter().position(|byte| *byte == last).unwrap();
    let other = char::from(ALPHABET[at ^ 1]);
    format!("{}{other}", &token[..token.len() - 1])
}

fn serialised_otherwise(token: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("{token}") };
    let flat = json!({ "payload": payload, "protected": head, "signature": signature });
    let signatures = json!([{ "protected": head, "signature": signature }]);
    let general = json!({ "payload": payload, "signatures": signatures });
    let bare = json!({ "payload": payload, "header": { "alg": "none" }, "signature": "" });
    vec![
        ("as flat JSON", flat.to_string()),
        ("as general JSON", general.to_string()),
        ("as JSON with a bare header", bare.to_string()),
        ("as JSON in base64", base64url(flat.to_string())),
        ("in base64", base64url(token)),
        ("as JSON in a token", format!("{}.{payload}.{signature}", base64url(flat.to_string()))),
    ]
}

fn signed_otherwise(token: &str) -> Vec<(&'static str, String)> {
    let parts = Parts::of(token);
    let with = |signature: Vec<u8>| format!("{}.{}", parts.message, base64url(signature));
    let signature = parts.signature.clone();
    let changed = |at: usize, bit: u8| {
        let mut other = signature.clone();
        other[at] ^= bit;
        with(other)
    };
    vec![
        ("the signature's first bit", changed(0, 0x80)),
        ("the signature's last bit", changed(255, 1)),
        ("a signature cut short", with(signature[..255].to_vec())),
        ("a signature without its first byte", with(signature[1..].to_vec())),
        ("a signature with a byte more", with([&signature[..], &[0]].concat())),
        ("a signature with a zero in front", with([&[0], &signature[..]].concat())),
        ("a signature of zeros", with(vec![0; 256])),
        ("a signature of ones", with(vec![0xff; 256])),
        ("the number 1 as signature", with([vec![0; 255], vec![1]].concat())),
        ("a signature of one byte", with(vec![0])),
        ("a signature of 512 bytes", with([&signature[..], &signature].concat())),
        ("a signature of 32 bytes", with(signature[..32].to_vec())),
    ]
}

/// What is signed is changed, the signature is not.
fn changed(token: &str) -> Vec<(&'static str, String)> {
    let parts = Parts::of(token);
    let with = |header: &str, payload: &str| {
        let signature = base64url(&parts.signature);
        format!("{}.{}.{signature}", base64url(header), base64url(payload))
    };
    let (header, payload) = (parts.header.to_string(), parts.payload.to_string());
    let claim = |name: &str, value: Value| {
        let mut claims = parts.payload.clone();
        claims[name] = value;
        with(&header, &claims.to_string())
    };
    vec![
        ("another user", claim("uid", json!("v"))),
        ("another project", claim("pid", json!("other"))),
        ("another tenant", claim("tid", json!("globex"))),
        ("a longer life", claim("exp", json!(parts.payload["exp"].as_u64().unwrap() + 1))),
        ("another role", claim("role", json!("admin"))),
        ("another tier", claim("tier", json!(3))),
        ("a space in the payload", with(&header, &payload.replacen(',', ", ", 1))),
        ("a space in the header", with(&header.replacen(',', ", ", 1), &payload)),
    ]
}

/// Members that come twice: two readers could see two tokens.
fn said_twice(forger: &Forger) -> Vec<Forgery> {
    let head = header("sk_acme").to_string();
    let head = |more: &str| forger.head(&head.replacen('{', &format!("{{{more},"), 1));
    let claims = forger.claims().to_string();
    let first = |more: &str| forger.paid(&claims.replacen('{', &format!("{{{more},"), 1));
    let last = |more: &str| forger.paid(&claims.replacen('}', &format!(",{more}}}"), 1));
    let named = |name: &str, token| (format!("twice: {name}"), token);
    vec![
        named("alg, none first", head(r#""alg":"none""#)),
        named("alg, the same", head(r#""alg":"RS256""#)),
        named("alg, escaped", head(r#""\u0061lg":"none""#)),
        named("kid", head(r#""kid":"sk_globex""#)),
        named("typ", head(r#""typ":"JWT""#)),
        named("uid, first", first(r#""uid":"admin""#)),
        named("uid, last", last(r#""uid":"admin""#)),
        named("uid, escaped", last(r#""\u0075id":"admin""#)),
        named("pid", last(r#""pid":"other""#)),
        named("tid", first(r#""tid":"globex""#)),
        named("exp, first", first(r#""exp":1"#)),
        named("exp, last", last(r#""exp":9999999999"#)),
        named("iss", last(r#""iss":"behest""#)),
        named("a claim that nobody knows", last(r#""x":1,"x":2"#)),
    ]
}

/// Signed, but header or payload is no object, or no JSON.
fn no_objects(forger: &Forger) -> Vec<Forgery> {
    let (head, claims) = (header("sk_acme").to_string(), forger.claims().to_string());
    let deep = format!("{}{}", "[".repeat(3_000), "]".repeat(3_000));
    let mut all = Vec::new();
    for (name, text) in [
        ("empty", String::new()),
        ("null", "null".to_owned()),
        ("a number", "1".to_owned()),
        ("a text", "\"RS256\"".to_owned()),
        ("a list", format!("[{claims}]")),
        ("an empty object", "{}".to_owned()),
        ("no JSON", "alg=RS256".to_owned()),
        ("deep", deep),
    ] {
        all.push((format!("the header is {name}"), forger.head(&text)));
        all.push((format!("the payload is {name}"), forger.paid(&text)));
    }
    for (name, change) in [
        ("a byte order mark in front", "\u{feff}@"),
        ("something behind", "@x"),
        ("another object behind", "@{}"),
        ("a NUL behind", "@\u{0}"),
        ("a comment behind", "@/**/"),
        ("half of it", ""),
    ] {
        let of = |text: &str| match change {
            "" => text[..text.len() - 1].to_owned(),
            change => change.replace('@', text),
        };
        all.push((format!("header: {name}"), forger.head(&of(&head))));
        all.push((format!("payload: {name}"), forger.paid(&of(&claims))));
    }
    for (name, token) in [
        ("an empty text", "e"),
        ("two dots", ".."),
        ("three empty objects", "e30.e30.e30"),
        ("a nested token", "eyJhbGciOiJkaXIifQ.e30.e30.e30.e30"),
    ] {
        all.push((name.to_owned(), token.to_owned()));
    }
    all
}
