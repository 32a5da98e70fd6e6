//! Answers on the data listener: the only place where a refusal becomes a status and a body.

use crate::passage::Passage;
use behest_contract::denial::{Denial, Kind};
use behest_contract::facts::{Principal, RequestId};
use behest_contract::outcome::Ending;
use behest_contract::sse;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use serde_json::json;
use std::time::Duration;

const JSON: &str = "application/json";

/// Of a body that nobody read, this much is read before the answer, so that the connection lives on.
const READ_BEFORE_MAX: u64 = 64 * 1024;

/// Of a body that nobody read, this much is read after the answer, so that a client that writes first
/// and reads afterwards sees it (CONTRACT 5).
const DRAIN_MAX: usize = 8 * 1024 * 1024;

/// How long that may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// A wait longer than this is not worth a client's retry.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(60);

/// The status of a refusal, and OpenAI's word for it (CONTRACT 6). Our own word is [`Kind::code`].
pub fn row(kind: Kind) -> (StatusCode, &'static str) {
    const INVALID: &str = "invalid_request_error";
    const PERMISSION: &str = "permission_error";
    const QUOTA: &str = "insufficient_quota";
    const SERVER: &str = "server_error";
    match kind {
        Kind::Invalid => (StatusCode::BAD_REQUEST, INVALID),
        Kind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, INVALID),
        Kind::ClientTimeout => (StatusCode::REQUEST_TIMEOUT, INVALID),
        Kind::Conflict => (StatusCode::CONFLICT, INVALID),
        Kind::LengthRequired => (StatusCode::LENGTH_REQUIRED, INVALID),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, INVALID),
        Kind::UnsupportedMedia => (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID),
        Kind::ExpectationFailed => (StatusCode::EXPECTATION_FAILED, INVALID),
        Kind::Unprocessable => (StatusCode::UNPROCESSABLE_ENTITY, INVALID),
        Kind::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, INVALID),
        Kind::NotFound => (StatusCode::NOT_FOUND, INVALID),
        Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, "authentication_error"),
        Kind::QuotaExceeded | Kind::BudgetExceeded => (StatusCode::PAYMENT_REQUIRED, QUOTA),
        Kind::Forbidden | Kind::ContentBlocked | Kind::PiiBlocked => {
            (StatusCode::FORBIDDEN, PERMISSION)
        }
        Kind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        Kind::Upstream => (StatusCode::BAD_GATEWAY, SERVER),
        Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, SERVER),
        Kind::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
        Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, SERVER),
    }
}

/// The error object of a refusal, as it stands in a body and in a stream.
fn error(denial: &Denial) -> serde_json::Value {
    let (_, of_type) = row(denial.kind);
    json!({
        "message": denial.message,
        "type": of_type,
        "code": denial.kind.code(),
        "param": denial.param,
        "details": denial.details,
    })
}

/// Behest's oldest client reads `code` and `message` at the top.
fn error_body(denial: &Denial) -> Bytes {
    let code = denial.kind.code();
    let body = json!({ "error": error(denial), "code": code, "message": denial.message });
    body.to_string().into()
}

/// Appends the event that tells of an error within a stream.
pub fn spell_error_event(denial: &Denial, out: &mut Vec<u8>) {
    sse::write_event(json!({ "error": error(denial) }).to_string().as_bytes(), out);
}

/// Tells the client that it is refused, or that something failed.
pub async fn refuse(
    client: &mut ServerSession,
    passage: &mut Passage,
    denial: &Denial,
) -> Result<()> {
    let status = status(denial.kind, passage);
    passage.refused(denial, status.as_u16());
    let is_read = client.is_body_done() || read_small_body(client).await;
    let mut headers = headers(passage, Some(JSON));
    add_waits(denial, &mut headers);
    write(client, status, headers, error_body(denial)).await?;
    if !is_read {
        let drained = drain(client, DRAIN_MAX);
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, drained).await;
    }
    Ok(())
}

/// A refusal's status; a project may have chosen another one for what its guardrails block.
fn status(kind: Kind, passage: &Passage) -> StatusCode {
    let (usual, _) = row(kind);
    if !matches!(kind, Kind::ContentBlocked | Kind::PiiBlocked) {
        return usual;
    }
    let project = passage.facts.read().map(|who: &Principal| who.project.as_ref());
    let project = project.and_then(|id| passage.snapshot.projects.by_id(id));
    let chosen = project.and_then(|project| StatusCode::from_u16(project.blocked_status?).ok());
    chosen.unwrap_or(usual)
}

/// Answers with JSON.
pub async fn whole(client: &mut ServerSession, passage: &mut Passage, body: Bytes) -> Result<()> {
    let headers = headers(passage, Some(JSON));
    write(client, StatusCode::OK, headers, body).await?;
    completed(passage, StatusCode::OK);
    Ok(())
}

/// Answers that all is well, with nothing to say.
pub async fn nothing(client: &mut ServerSession, passage: &mut Passage) -> Result<()> {
    let head = head(client, StatusCode::NO_CONTENT, headers(passage, None));
    client.write_response_header(head).await?;
    completed(passage, StatusCode::NO_CONTENT);
    Ok(())
}

/// Answers that the client has it already.
pub async fn not_modified(client: &mut ServerSession, passage: &mut Passage) -> Result<()> {
    let head = head(client, StatusCode::NOT_MODIFIED, headers(passage, None));
    client.write_response_header(head).await?;
    completed(passage, StatusCode::NOT_MODIFIED);
    Ok(())
}

/// Begins a stream of events. The head leaves with the first of them.
pub async fn begin_stream(client: &mut ServerSession, passage: &mut Passage) -> Result<()> {
    let mut headers = headers(passage, Some("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if client.req_header().version == Version::HTTP_11 {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    passage.account.status = StatusCode::OK.as_u16();
    let head = head(client, StatusCode::OK, headers);
    client.write_response_header(head).await
}

/// The whole answer to a head that Pingora itself refuses, given what it says of it.
pub fn refusal_before_http(theirs: &[u8], id: &str) -> Bytes {
    let denial = if theirs.starts_with(b"HTTP/1.1 405") {
        Denial::new(Kind::MethodNotAllowed, "This method is not served here.")
    } else {
        Denial::new(Kind::Invalid, "The request's head is malformed.")
    };
    let (status, _) = row(denial.kind);
    let body = error_body(&denial);
    let mut answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-request-id: {id}\r\nx-trace-id: {id}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer.into()
}

fn completed(passage: &mut Passage, status: StatusCode) {
    passage.account.status = status.as_u16();
    passage.account.ending = Ending::Completed;
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Room for the headers of most answers.
const HEADERS: usize = 16;

/// What every answer says. A map of its own: Pingora's header type parses each name anew.
fn headers(passage: &mut Passage, content_type: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let id = passage.facts.read::<RequestId>();
    if let Some(id) = id.and_then(|RequestId(id)| HeaderValue::from_str(id).ok()) {
        headers.insert(X_REQUEST_ID, id.clone());
        headers.insert(X_TRACE_ID, id);
    }
    for (name, value) in passage.extra_headers.drain(..) {
        headers.append(name, value);
    }
    passage.visits.reply(&mut headers, &passage.facts);
    headers
}

/// A head as Pingora writes it.
fn head(client: &ServerSession, status: StatusCode, headers: HeaderMap) -> Box<ResponseHeader> {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.headers = headers;
    if client.req_header().version == Version::HTTP_10 {
        parts.version = Version::HTTP_10;
    }
    Box::new(parts.into())
}

/// How long to wait, and whether to try again at all (CONTRACT 6).
fn add_waits(denial: &Denial, headers: &mut HeaderMap) {
    let mut retry_helps = denial.retry_helps;
    if let Some(wait) = denial.retry_after {
        let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        headers.insert(header::RETRY_AFTER, ms.div_ceil(1000).into());
        headers.insert(RETRY_AFTER_MS, ms.into());
        retry_helps &= wait <= RETRY_WAIT_MAX;
    }
    if !retry_helps {
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
}

/// Writes an answer whose length is known.
async fn write(
    client: &mut ServerSession,
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<()> {
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    let head = head(client, status, headers);
    client.write_response_header(head).await?;
    client.write_response_body(body, true).await
}

/// Reads a small body that is already on its way; whether it was read to its end.
async fn read_small_body(client: &mut ServerSession) -> bool {
    let request = client.req_header();
    let length = request.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let is_small = length.is_some_and(|length: u64| length <= READ_BEFORE_MAX);
    if !is_small || request.headers.contains_key(header::EXPECT) {
        return false;
    }
    let drained = tokio::time::timeout(DRAIN_TIME_MAX, drain(client, DRAIN_MAX)).await;
    drained.is_ok() && client.is_body_done()
}

async fn drain(client: &mut ServerSession, bytes_max: usize) {
    let mut read = 0;
    while let Ok(Some(piece)) = client.read_request_body().await {
        read += piece.len();
        if read > bytes_max {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{error_body, row, spell_error_event};
    use behest_contract::denial::{Denial, Kind};
    use serde_json::{Value, json};

    #[test]
    fn an_error_has_every_key_and_its_mirror() {
        let denial = Denial::new(Kind::Invalid, "No.").param("model");
        let body: Value = serde_json::from_slice(&error_body(&denial)).unwrap();
        assert_eq!(
            body,
            json!({
                "error": {"message": "No.", "type": "invalid_request_error", "code": "validation_error",
                    "param": "model", "details": null},
                "code": "validation_error",
                "message": "No.",
            })
        );
        let mut event = Vec::new();
        spell_error_event(&denial, &mut event);
        assert!(event.starts_with(b"data: {\"error\":{") && event.ends_with(b"}}\n\n"));
    }

    #[test]
    fn each_kind_has_its_status() {
        for (kind, status) in [
            (Kind::Unauthenticated, 401),
            (Kind::BudgetExceeded, 402),
            (Kind::RateLimited, 429),
            (Kind::Upstream, 502),
            (Kind::Unavailable, 503),
            (Kind::UpstreamTimeout, 504),
        ] {
            assert_eq!(row(kind).0.as_u16(), status);
        }
    }
}
