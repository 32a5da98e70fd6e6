//! Forgeries of when a token is good: most implementations that fell here took a wrong type for none.

use super::{Forgery, Group, named};
use crate::token::tests::{ACME, KID, NOW, acme, changed, header, ours, sign};
use serde_json::{Value, json};

pub(super) fn groups() -> Vec<Group> {
    vec![
        ("token: a time that is no whole number", no_numbers()),
        ("token: expired", expired()),
        ("token: not good yet", early()),
        ("token: lives too long", long_lived()),
        ("token: expires before it is issued", backwards()),
    ]
}

fn no_numbers() -> Vec<Forgery> {
    let mut all = Vec::new();
    for claim in ["exp", "nbf", "iat"] {
        let of_types = [
            json!(NOW.to_string()),
            json!(true),
            json!([NOW]),
            json!({"a": NOW}),
            json!(""),
            Value::Null,
        ];
        for value in of_types {
            let mut claims: Value = serde_json::from_str(&changed(json!({}))).unwrap();
            claims[claim] = value.clone();
            let token = sign(&ACME.private, &header(KID), &claims.to_string());
            all.push((format!("{claim} {value}"), token));
        }
        let spellings = [
            "1800003600.0",
            "1800003600.5",
            "1.8000036e9",
            "1800003600e0",
            "18e8",
            "1e400",
            "-1",
            "-1800003600",
            "-0",
            "99999999999999999999999",
        ];
        all.extend(spellings.map(|spelling| {
            let claims = changed(json!({claim: 77_777}));
            let claims = claims.replace("77777", spelling);
            (format!("{claim} {spelling}"), sign(&ACME.private, &header(KID), &claims))
        }));
    }
    all
}

fn both(name: &str, changes: Value) -> [Forgery; 2] {
    [(format!("theirs: {name}"), acme(changes.clone())), (format!("ours: {name}"), ours(changes))]
}

fn expired() -> Vec<Forgery> {
    [
        both("30 s ago", json!({"iat": NOW - 3600, "exp": NOW - 30})),
        both("an hour ago", json!({"iat": NOW - 7200, "exp": NOW - 3600})),
        both("in 1970", json!({"exp": 0, "iat": null, "nbf": null})),
        both("in 1970, to the second", json!({"exp": 1, "iat": 0, "nbf": 0})),
        both("without the time of issue", json!({"exp": NOW - 31, "iat": null, "nbf": null})),
        both("milliseconds ago", json!({"exp": NOW / 1000, "iat": null, "nbf": null})),
    ]
    .concat()
}

fn early() -> Vec<Forgery> {
    [
        both("nbf in 31 s", json!({"nbf": NOW + 31})),
        both("nbf in an hour", json!({"nbf": NOW + 3600})),
        both("nbf in milliseconds", json!({"nbf": NOW * 1000})),
        both("nbf at the end of time", json!({"nbf": u64::MAX})),
        both("iat in 31 s", json!({"iat": NOW + 31})),
        both("iat in an hour", json!({"iat": NOW + 3599})),
        both("iat in milliseconds", json!({"iat": NOW * 1000, "exp": NOW * 1000 + 60})),
    ]
    .concat()
}

fn long_lived() -> Vec<Forgery> {
    [
        both("a second more than a day", json!({"exp": NOW + 86_401})),
        both("a week", json!({"exp": NOW + 7 * 86_400})),
        both("issued long ago", json!({"iat": NOW - 86_400, "exp": NOW + 60})),
        both("issued in 1970", json!({"iat": 0})),
        both("without the time of issue", json!({"iat": null, "exp": NOW + 86_401})),
        both("milliseconds", json!({"exp": NOW * 1000})),
        both("the end of time", json!({"exp": u64::MAX})),
        both("the end of time, undated", json!({"exp": u64::MAX, "iat": null, "nbf": null})),
    ]
    .concat()
}

fn backwards() -> Vec<Forgery> {
    named(
        both("at once", json!({"iat": NOW, "exp": NOW}))
            .into_iter()
            .chain(both("backwards", json!({"iat": NOW + 20, "exp": NOW - 20}))),
    )
}
