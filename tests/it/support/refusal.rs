//! What every error looks like (CONTRACT 6).

use serde_json::Value;

use super::client::Answer;
use super::wire::End;

/// Checks an error's shape, status and code, and gives its `error` object.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.end, End::Clean, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    named(answer);
    let body = answer.json();
    let error = body["error"].clone();
    told(&error, code);
    assert_eq!(error["type"], kind(status), "{body}");
    assert_eq!(body["code"], error["code"], "{body}");
    assert_eq!(body["message"], error["message"], "{body}");
    error
}

/// The same of the admin API, whose answers have no request id.
#[track_caller]
pub(crate) fn refused_by_admin(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    told(&body["error"], code);
    assert_eq!(body["error"]["type"], kind(status), "{body}");
    assert_eq!(
        (&body["code"], &body["message"]),
        (&body["error"]["code"], &body["error"]["message"])
    );
    body["error"].clone()
}

/// Checks the error that ends a broken stream.
#[track_caller]
pub(crate) fn broken(event: &str, code: &str) -> Value {
    let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("no data: {event:?}"));
    let body: Value = serde_json::from_str(data).unwrap();
    told(&body["error"], code);
    body["error"].clone()
}

#[track_caller]
fn told(error: &Value, code: &str) {
    for key in ["message", "type", "code", "param", "details"] {
        assert!(error.get(key).is_some(), "{key} is missing in {error}");
    }
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    assert_eq!(error["code"], code, "{error}");
}

/// Every answer names its request, by an id of our own under two names.
#[track_caller]
pub(crate) fn named(answer: &Answer) {
    let id = answer.header("x-request-id").expect("an answer without X-Request-Id");
    assert!(id.len() >= 16, "{id}");
    assert_eq!(answer.header("x-trace-id"), Some(id));
}

/// OpenAI's word for a status.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 | 451 => "permission_error",
        429 => "rate_limit_error",
        504 => "timeout",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}
