//! May a page of this origin ask? CONTRACT 10.

use super::path::{Asked, Route};
use crate::passage::Passage;
use crate::snapshot::Project;
use behest_contract::denial::{Denial, Kind};
use behest_contract::facts::Endpoint;
use http::{HeaderName, HeaderValue, header};
use pingora::http::RequestHeader;

/// Request headers that a page may set, beside those of the `x-stainless-` family.
const HEADERS: &[&str] =
    &["authorization", "content-type", "x-session-id", "x-thread-id", "x-end-user-id"];
const HEADER_FAMILY: &str = "x-stainless-";
const METHODS: &str = "GET, POST, DELETE, OPTIONS";
const MAX_AGE: &str = "600";
const EXPOSED: &str = "X-Request-Id, X-Trace-Id, Retry-After, Retry-After-Ms, X-Should-Retry, \
    X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Limit-Requests, \
    X-RateLimit-Remaining-Requests, X-RateLimit-Reset-Requests, X-RateLimit-Limit-Tokens, \
    X-RateLimit-Remaining-Tokens, X-RateLimit-Reset-Tokens, X-Next-Cursor";

/// Answers a preflight: always 204, with permission only where there is one. On a host that names no
/// project, any project's permission will do; the request itself is checked against its own.
pub(super) fn answer_preflight(
    head: &RequestHeader,
    endpoint: Option<Endpoint>,
    project: Option<&str>,
    passage: &mut Passage,
) {
    if endpoint == Some(Endpoint::Mint) {
        return;
    }
    push(passage, header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = head.headers.get(header::ORIGIN) else { return };
    if !is_allowed(origin, project, passage) {
        return;
    }
    let origin = origin.clone();
    push(passage, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    push(passage, header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    push(passage, header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    if let Ok(headers) = HeaderValue::from_str(&allowed_headers(head)) {
        push(passage, header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
}

/// A browser takes no wildcard beside credentials, so that the family's members that it asks for are
/// spelt out.
fn allowed_headers(head: &RequestHeader) -> String {
    let asked = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let asked = asked.and_then(|asked| asked.to_str().ok()).unwrap_or_default();
    let names = asked.split(',').map(|name| name.trim().to_ascii_lowercase());
    let family = names.filter(|name| name.starts_with(HEADER_FAMILY) && is_header_name(name));
    let all: Vec<_> = HEADERS.iter().map(|name| (*name).to_owned()).chain(family).collect();
    all.join(", ")
}

fn is_header_name(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok()
}

/// Checks a real request's origin, and permits its page to read the answer, errors included.
pub(super) fn check_origin(
    head: &RequestHeader,
    project: Option<&str>,
    asked: &Asked,
    passage: &mut Passage,
) -> Result<(), Box<Denial>> {
    let Some(origin) = head.headers.get(header::ORIGIN) else { return Ok(()) };
    if matches!(asked, Asked::Route(Route::Preflight(_), _)) {
        return Ok(());
    }
    // A page that could mint could be anybody: keys do not belong into pages.
    if matches!(asked, Asked::Route(Route::Mint, _)) {
        return Err(Box::new(Denial::new(Kind::Forbidden, "Tokens are not minted for pages.")));
    }
    push(passage, header::VARY, HeaderValue::from_static("Origin"));
    if !is_allowed(origin, project, passage) {
        return Err(not_allowed());
    }
    push(passage, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    push(passage, header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    Ok(())
}

/// Checks the origin once more, now that it is known which project is asked.
pub fn check_project(
    head: &RequestHeader,
    project: &str,
    passage: &mut Passage,
) -> Result<(), Box<Denial>> {
    let Some(origin) = head.headers.get(header::ORIGIN) else { return Ok(()) };
    if is_allowed(origin, Some(project), passage) {
        return Ok(());
    }
    let permission = header::ACCESS_CONTROL_ALLOW_ORIGIN;
    passage.extra_headers.retain(|(name, _)| *name != permission);
    Err(not_allowed())
}

fn not_allowed() -> Box<Denial> {
    Box::new(Denial::new(Kind::Forbidden, "This origin is not allowed."))
}

fn is_allowed(origin: &HeaderValue, project: Option<&str>, passage: &Passage) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let projects = &passage.snapshot.projects;
    let allows = |project: &Project| project.origins.iter().any(|allowed| allowed.matches(origin));
    match project {
        Some(id) => projects.by_id(id).is_some_and(allows),
        None => projects.iter().any(allows),
    }
}

fn push(passage: &mut Passage, name: HeaderName, value: HeaderValue) {
    passage.extra_headers.push((name, value));
}
