//! `GET /.well-known/jwks.json`: the keys that tokens are verified with.

use super::Here;
use crate::passage::Passage;
use http::{HeaderValue, header};
use pingora::http::RequestHeader;

/// How long others may keep the document. A key is published for twice as long before it signs.
const CACHE: HeaderValue = HeaderValue::from_static("max-age=300");

/// The gateway's keys, and those of a project's tenant.
pub fn jwks(head: &RequestHeader, project: Option<&str>, passage: &mut Passage) -> Here {
    let snapshot = &passage.snapshot;
    let project = project.and_then(|id| snapshot.projects.by_id(id));
    let document = snapshot.authority.jwks.document(project.map(|project| project.tenant.as_ref()));
    passage.extra_headers.push((header::CACHE_CONTROL, CACHE));
    passage.extra_headers.push((header::ETAG, document.etag.clone()));
    let asked = head.headers.get_all(header::IF_NONE_MATCH);
    let is_known = asked.iter().any(|value| matches(value, &document.etag));
    if is_known { Here::NotModified } else { Here::Json(document.body.clone()) }
}

/// Whether `If-None-Match` names this version. A weak mark names it too (RFC 9110, 13.1.2).
fn matches(asked: &HeaderValue, etag: &HeaderValue) -> bool {
    let marks = asked.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let mut marks = marks.map(|mark| mark.strip_prefix(b"W/").unwrap_or(mark));
    marks.any(|mark| mark == b"*" || mark == etag.as_bytes())
}
