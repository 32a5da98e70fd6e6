//! Reading the body: bounded, once, without a copy where it came in one piece.

use crate::front;
use crate::passage::Passage;
use behest_contract::denial::{Denial, Kind};
use behest_contract::facts::Endpoint;
use behest_contract::prompt::Prompt;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use pingora::protocols::http::ServerSession;

/// Reads the body and finds out what it asks.
pub async fn read(
    client: &mut ServerSession,
    passage: &Passage,
    endpoint: Endpoint,
) -> Result<Prompt, Box<Denial>> {
    let bytes_max = passage.snapshot.config.body_limit.len_in_memory();
    let body = read_bytes(client, passage, bytes_max).await?;
    front::read(endpoint, body)
}

/// Reads a body of at most this many bytes of UTF-8.
pub async fn read_bytes(
    client: &mut ServerSession,
    passage: &Passage,
    bytes_max: usize,
) -> Result<Bytes, Box<Denial>> {
    let length = check_head(&client.req_header().headers, bytes_max)?;
    if client.req_header().headers.contains_key(header::EXPECT) {
        invite_body(client).await?;
    }
    let time_max = passage.snapshot.config.timeouts.request_body.duration();
    let body = tokio::time::timeout(time_max, read_body(client, length, bytes_max)).await;
    let body =
        body.map_err(|_| denial(Kind::ClientTimeout, "The body did not come in time."))??;
    if body.is_empty() {
        return Err(denial(Kind::Invalid, "The body is empty."));
    }
    if simdutf8::basic::from_utf8(&body).is_err() {
        return Err(denial(Kind::Invalid, "The body is not UTF-8."));
    }
    Ok(body)
}

fn denial(kind: Kind, message: &'static str) -> Box<Denial> {
    Box::new(Denial::new(kind, message))
}

/// What the head says of the body; its announced length, if it has one.
fn check_head(headers: &HeaderMap, bytes_max: usize) -> Result<Option<usize>, Box<Denial>> {
    let text = |name| headers.get(name).map(|value| value.as_bytes().to_ascii_lowercase());
    if let Some(of_type) = text(header::CONTENT_TYPE) {
        let essence = of_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if essence != b"application/json" && !essence.ends_with(b"+json") {
            let message = "The content type must be application/json.";
            return Err(denial(Kind::UnsupportedMedia, message));
        }
    }
    if text(header::CONTENT_ENCODING).is_some_and(|coding| coding != b"identity") {
        return Err(denial(Kind::UnsupportedMedia, "The body must not be compressed."));
    }
    if text(header::EXPECT).is_some_and(|expectation| expectation != b"100-continue") {
        return Err(denial(Kind::ExpectationFailed, "Only 100-continue can be expected."));
    }
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.trim().parse::<usize>().ok());
    if length.is_some_and(|length| length > bytes_max) {
        return Err(too_large(bytes_max));
    }
    Ok(length)
}

fn too_large(bytes_max: usize) -> Box<Denial> {
    let message = format!("The body is larger than {bytes_max} bytes.");
    Box::new(Denial::new(Kind::TooLarge, message))
}

/// Sends "100 Continue". Without the brackets Pingora would take the unread body for a reason to
/// close the connection after the answer.
async fn invite_body(client: &mut ServerSession) -> Result<(), Box<Denial>> {
    client.set_close_on_response_before_downstream_finish(false);
    let invited = client.write_continue_response().await;
    client.set_close_on_response_before_downstream_finish(true);
    invited.map_err(|_| incomplete())
}

fn incomplete() -> Box<Denial> {
    denial(Kind::Invalid, "The body is incomplete.")
}

async fn read_body(
    client: &mut ServerSession,
    length: Option<usize>,
    bytes_max: usize,
) -> Result<Bytes, Box<Denial>> {
    let Some(first) = client.read_request_body().await.map_err(|_| incomplete())? else {
        return Ok(Bytes::new());
    };
    if length == Some(first.len()) {
        return Ok(first);
    }
    let mut body = BytesMut::with_capacity(length.unwrap_or(2 * first.len()));
    body.extend_from_slice(&first);
    drop(first);
    while let Some(piece) = client.read_request_body().await.map_err(|_| incomplete())? {
        if body.len() + piece.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        body.extend_from_slice(&piece);
    }
    if body.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::check_head;
    use behest_contract::denial::Kind;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn check(name: &'static str, value: &'static str) -> Result<Option<usize>, Kind> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        check_head(&headers, 100).map_err(|denial| denial.kind)
    }

    #[test]
    fn the_head_is_checked_before_the_body_is_read() {
        assert_eq!(check("content-type", "application/json; charset=utf-8"), Ok(None));
        assert_eq!(check("content-type", "application/problem+json"), Ok(None));
        assert_eq!(check("content-type", "text/plain"), Err(Kind::UnsupportedMedia));
        assert_eq!(check("content-encoding", "gzip"), Err(Kind::UnsupportedMedia));
        assert_eq!(check("expect", "100-Continue"), Ok(None));
        assert_eq!(check("expect", "a miracle"), Err(Kind::ExpectationFailed));
        assert_eq!(check("content-length", "100"), Ok(Some(100)));
        assert_eq!(check("content-length", "101"), Err(Kind::TooLarge));
    }
}
