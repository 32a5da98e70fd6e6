//! Answers that are no refusals.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

/// A whole answer.
pub(super) type Answer = Response<Vec<u8>>;

const JSON: &str = "application/json";

/// 200 with an object.
pub(super) fn ok(body: &Value) -> Answer {
    json(StatusCode::OK, body)
}

/// 201 with the object that was made.
pub(super) fn created(body: &Value) -> Answer {
    json(StatusCode::CREATED, body)
}

/// 204: it is gone.
pub(super) fn gone() -> Answer {
    let mut answer = Response::new(Vec::new());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// JSON that may hold a secret, or be old in a moment: nobody keeps it.
pub(super) fn json(status: StatusCode, body: &Value) -> Answer {
    bytes(status, JSON, body.to_string().into_bytes())
}

/// Any body.
pub(super) fn bytes(status: StatusCode, content_type: &str, body: Vec<u8>) -> Answer {
    let built = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_LENGTH, body.len())
        .body(body);
    built.unwrap_or_else(|_| Response::new(Vec::new()))
}

/// The answer with one more header.
pub(super) fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
