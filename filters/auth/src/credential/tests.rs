use super::{Presented, TAKEN};
use crate::config::EndUserRule;
use behest_contract::denial::{Denial, Kind};
use http::HeaderValue;
use pingora_http::RequestHeader;

fn head(headers: &[(&'static str, &str)]) -> RequestHeader {
    let mut head = RequestHeader::build("GET", b"/v1/models?api-key=q&key=q", None).unwrap();
    for (name, value) in headers {
        head.append_header(*name, *value).unwrap();
    }
    head
}

fn found(headers: &[(&'static str, &str)]) -> Result<String, Box<Denial>> {
    Presented::take(&mut head(headers)).credential().map(str::to_owned)
}

#[test]
fn a_credential_is_found_in_each_place_where_it_may_be() {
    let cases: &[&[(&str, &str)]] = &[
        &[("authorization", "Bearer k1")],
        &[("Authorization", "bearer k1")],
        &[("AUTHORIZATION", "BEARER    k1")],
        &[("api-key", "k1")],
        &[("Api-Key", "k1")],
        &[("x-api-key", "k1")],
        &[("authorization", "Bearer k1"), ("authorization", "bearer  k1")],
        &[("authorization", "Bearer k1"), ("api-key", "k1"), ("x-api-key", "k1")],
        &[("x-api-key", "k1"), ("x-api-key", "k1")],
        &[("authorization", "Bearer k1"), ("cookie", "session=k2"), ("x-key", "k2")],
    ];
    for headers in cases {
        assert_eq!(found(headers).unwrap(), "k1", "{headers:?}");
    }
}

#[test]
fn two_different_credentials_are_invalid() {
    let cases: &[&[(&str, &str)]] = &[
        &[("authorization", "Bearer k1"), ("authorization", "Bearer k2")],
        &[("authorization", "Bearer k1"), ("api-key", "k2")],
        &[("authorization", "Bearer k1"), ("x-api-key", "K1")],
        &[("api-key", "k1"), ("x-api-key", "k2")],
        &[("api-key", "k1"), ("api-key", "k2")],
        &[("authorization", "Basic azE6"), ("api-key", "k1")],
        &[("authorization", "Bearer k1"), ("authorization", "Basic azE6")],
        &[("authorization", "Bearer k1"), ("api-key", "")],
        &[("authorization", "Bearer k1"), ("api-key", "k1"), ("x-api-key", "k2")],
    ];
    for headers in cases {
        let denial = found(headers).unwrap_err();
        assert_eq!(denial.kind, Kind::Invalid, "{headers:?}");
        assert_eq!(denial.message, "The request has two different credentials.");
    }
}

#[test]
fn a_missing_or_malformed_credential_is_refused_in_the_same_words() {
    let long = "x".repeat(8193);
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("cookie", "api-key=k1")],
        &[("authorization", "")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer\tk1")],
        &[("authorization", "k1")],
        &[("authorization", "Basic azE6")],
        &[("authorization", "Bearer k1, Bearer k2")],
        &[("authorization", "Bearer k1,k2")],
        &[("authorization", "Bearer k1 k2")],
        &[("authorization", "Token k1")],
        &[("api-key", "")],
        &[("api-key", "Bearer k1")],
        &[("api-key", "k\u{e9}y")],
        &[("x-api-key", &long)],
    ];
    for headers in cases {
        let denial = found(headers).unwrap_err();
        assert_eq!(denial.kind, Kind::Unauthenticated, "{headers:?}");
        assert_eq!(denial.message, "Invalid or missing credential.");
        assert_eq!((denial.param, denial.retry_after), (None, None));
        assert!(denial.details.is_none());
        assert!(!format!("{denial:?}").contains("k1"), "{denial:?}");
    }
}

#[test]
fn the_head_says_nothing_of_the_caller_afterwards() {
    let with_case = RequestHeader::build("GET", b"/", None);
    let without = RequestHeader::build_no_case("GET", b"/", None);
    for mut head in [with_case, without].map(Result::unwrap) {
        for name in &TAKEN {
            head.append_header(name.clone(), "one").unwrap();
            head.append_header(name.clone(), "two").unwrap();
        }
        head.append_header("x-thread-id", "t1").unwrap();
        head.append_header("user-agent", "curl").unwrap();
        drop(Presented::take(&mut head));
        assert_eq!(head.headers.len(), 2);
        let mut wire = Vec::new();
        head.header_to_h1_wire(&mut wire);
        let wire = String::from_utf8(wire).unwrap().to_lowercase();
        assert!(wire.contains("x-thread-id: t1\r\n"), "{wire}");
        assert!(wire.contains("user-agent: curl\r\n"), "{wire}");
        assert!(!wire.contains("one") && !wire.contains("two"), "{wire}");
    }
}

#[test]
fn an_end_user_is_read_before_the_header_is_taken() {
    let presented = Presented::take(&mut head(&[("X-End-User-Id", "u_42")]));
    assert_eq!(presented.end_user(EndUserRule::Require).unwrap().as_deref(), Some("u_42"));
    let presented = Presented::take(&mut head(&[]));
    assert_eq!(presented.end_user(EndUserRule::Allow).unwrap(), None);
    let mut head = head(&[]);
    head.append_header("x-end-user-id", HeaderValue::from_bytes("j\u{fc}rgen".as_bytes()).unwrap())
        .unwrap();
    let user = Presented::take(&mut head).end_user(EndUserRule::Allow).unwrap();
    assert_eq!(user.as_deref(), Some("j\u{fc}rgen"));
}

#[test]
fn one_end_user_may_be_named_twice_and_two_may_not() {
    let same = [("x-end-user-id", "u1"), ("x-end-user-id", "u1")];
    let user = Presented::take(&mut head(&same)).end_user(EndUserRule::Allow);
    assert_eq!(user.unwrap().as_deref(), Some("u1"));
    let other = [("x-end-user-id", "u1"), ("x-end-user-id", "u2")];
    let denial = Presented::take(&mut head(&other)).end_user(EndUserRule::Allow).unwrap_err();
    assert_eq!((denial.kind, denial.param), (Kind::Invalid, Some("X-End-User-Id")));
}

#[test]
fn what_was_presented_is_not_printed() {
    let presented = Presented::take(&mut head(&[("api-key", "k1secret")]));
    assert_eq!(format!("{presented:?}"), "Presented(***)");
}
