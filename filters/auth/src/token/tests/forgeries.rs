//! Tokens that must never be let in, all refused in the same words.
//!
//! Each is listed under the note that the log shows of it, so that a forgery which is refused for
//! another reason than its own is found out.

mod of_claims;
mod of_headers;
mod of_signatures;
mod of_times;

use super::tokens;
use behest_contract::denial::{Denial, Kind};
use std::collections::HashSet;

/// What it is, and the token.
type Forgery = (String, String);

/// The note, and the forgeries that it is for.
type Group = (&'static str, Vec<Forgery>);

fn named<N: ToString>(forgeries: impl IntoIterator<Item = (N, String)>) -> Vec<Forgery> {
    forgeries.into_iter().map(|(name, token)| (name.to_string(), token)).collect()
}

fn refusal(token: &str) -> Box<Denial> {
    tokens().verify(token).expect_err(token)
}

#[test]
fn every_forgery_is_refused_in_the_same_words() {
    let groups: Vec<Group> =
        [of_headers::groups(), of_signatures::groups(), of_claims::groups(), of_times::groups()]
            .concat();
    let mut tokens = HashSet::new();
    for (note, forgeries) in groups {
        for (name, token) in forgeries {
            let denial = refusal(&token);
            assert_eq!(denial.kind, Kind::Unauthenticated, "{name}");
            assert_eq!(denial.message, "Invalid or missing credential.", "{name}");
            let rest = (denial.param, denial.retry_after, &denial.details, denial.retry_helps);
            assert_eq!(rest, (None, None, &None, true), "{name}");
            assert_eq!(denial.note.as_deref(), Some(note), "{name}");
            assert!(tokens.insert(token), "{name} is listed twice");
        }
    }
    println!("{} forgeries", tokens.len());
    assert!(tokens.len() >= 200, "{}", tokens.len());
}

#[test]
fn no_note_shows_what_a_token_says() {
    let claims = super::changed(serde_json::json!({"uid": "sys\u{7}secret", "pid": "demo"}));
    let token = super::sign(&super::ACME.private, &super::header(super::KID), &claims);
    let shown = format!("{:?}", refusal(&token));
    assert!(!shown.contains("secret") && !shown.contains("acme") && !shown.contains("demo"));
}
