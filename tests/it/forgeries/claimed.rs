use serde_json::{Value, json};

use super::{Forger, Forgery};
use crate::support::conf::now;
use crate::support::token::{header, signed};

pub(super) fn all(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    for name in ["tid", "pid", "uid", "iss", "aud", "exp"] {
        let mut claims = forger.claims();
        claims.as_object_mut().unwrap().remove(name);
        all.push((format!("no {name}"), signed(forger.acme, &header("sk_acme"), &claims)));
    }
    all.extend(of_another_type(forger));
    all.extend(of_another_time(forger));
    all.extend(of_somebody_else(forger));
    all
}

fn of_another_type(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    for name in ["tid", "pid", "uid", "iss", "aud"] {
        for value in [json!(null), json!(1), json!(""), json!({ "a": 1 })] {
            all.push((format!("{name} is {value}"), forger.claimed(name, value)));
        }
    }
    for name in ["tid", "pid", "uid", "iss"] {
        let value = json!([forger.claims()[name]]);
        all.push((format!("{name} is a list"), forger.claimed(name, value)));
    }
    let later = now() + 300;
    for (what, spelling) in [
        ("a text", format!("\"{later}\"")),
        ("a text of a date", "\"2999-01-01T00:00:00Z\"".to_owned()),
        ("null", "null".to_owned()),
        ("true", "true".to_owned()),
        ("a list", format!("[{later}]")),
        ("an object", format!("{{\"n\":{later}}}")),
        ("a fraction", format!("{later}.5")),
        ("an endless number", "1e400".to_owned()),
        ("a number below all", "-1e400".to_owned()),
        ("negative", format!("-{later}")),
        ("beyond 64 bits", "18446744073709551616".to_owned()),
        ("the greatest of 64 bits", "18446744073709551615".to_owned()),
        ("the greatest of 63 bits", "9223372036854775807".to_owned()),
        ("in milliseconds", format!("{later}000")),
        ("Infinity", "Infinity".to_owned()),
        ("NaN", "NaN".to_owned()),
    ] {
        all.push((format!("exp is {what}"), forger.spelt("exp", &spelling)));
    }
    let earlier = now() - 5;
    for name in ["nbf", "iat"] {
        for (what, spelling) in [
            ("a text", format!("\"{earlier}\"")),
            ("null", "null".to_owned()),
            ("a list", format!("[{earlier}]")),
            ("false", "false".to_owned()),
            ("an endless number", "1e400".to_owned()),
        ] {
            all.push((format!("{name} is {what}"), forger.spelt(name, &spelling)));
        }
    }
    all
}

/// The leeway is 30 seconds, and the longest life is a day.
fn of_another_time(forger: &Forger) -> Vec<Forgery> {
    let now = now();
    let life = |issued: u64, until: u64| {
        let mut claims = forger.claims();
        (claims["iat"], claims["nbf"], claims["exp"]) =
            (json!(issued), json!(issued), json!(until));
        signed(forger.acme, &header("sk_acme"), &claims)
    };
    let unissued = |until: u64| {
        let mut claims = forger.claims();
        claims.as_object_mut().unwrap().retain(|name, _| name != "iat" && name != "nbf");
        claims["exp"] = json!(until);
        signed(forger.acme, &header("sk_acme"), &claims)
    };
    let named = |name: &str, token: String| (name.to_owned(), token);
    vec![
        named("exp is 0", forger.claimed("exp", json!(0))),
        named("expired an hour ago", life(now - 7200, now - 3600)),
        named("expired a little ago", life(now - 300, now - 40)),
        named("expired a little ago, never issued", unissued(now - 40)),
        named("not yet good", forger.claimed("nbf", json!(now + 120))),
        named("good in a year", forger.claimed("nbf", json!(now + 31_536_000))),
        named("issued in an hour", life(now + 3600, now + 7200)),
        named("issued after it expires", forger.claimed("iat", json!(now + 600))),
        named("lives for more than a day", life(now, now + 86_400 + 120)),
        named("lives for a year", life(now, now + 31_536_000)),
        named("lives for more than a day, half over", life(now - 43_200, now + 43_200 + 120)),
        named("lives for more than a day from now", unissued(now + 86_400 + 120)),
        named("lives for ever", unissued(253_402_300_799)),
        named("issued at the beginning of time", life(0, now + 300)),
    ]
}

fn of_somebody_else(forger: &Forger) -> Vec<Forgery> {
    let mut all = Vec::new();
    let cases: [(&str, &[Value]); 5] = [
        (
            "iss",
            &[
                json!("https://evil.example"),
                json!("https://api.behest.app/"),
                json!("https://api.behest.ai/"),
                json!("http://api.behest.ai"),
                json!("https://api.behest.ai.evil.example"),
                json!("HTTPS://API.BEHEST.AI"),
                json!("Behest"),
                json!(" behest"),
                json!("behest\u{0}"),
                json!("acme"),
            ],
        ),
        (
            "aud",
            &[
                json!("other"),
                json!("Behest"),
                json!("behest "),
                json!([]),
                json!(["other"]),
                json!([["behest"]]),
                json!("https://api.behest.app"),
            ],
        ),
        (
            "tid",
            &[json!("globex"), json!("nobody"), json!("ACME"), json!("acme "), json!("../acme")],
        ),
        ("pid", &[json!("shop"), json!("none"), json!("DEMO"), json!("demo "), json!("acme/demo")]),
        ("uid", &[json!("u".repeat(256)), json!("a\u{0}b"), json!("a\nb")]),
    ];
    for (name, values) in cases {
        for value in values {
            let shown: String = value.to_string().chars().take(40).collect();
            all.push((
                format!("{name} is said to be {shown}"),
                forger.claimed(name, value.clone()),
            ));
        }
    }
    all
}
