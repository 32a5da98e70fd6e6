//! The door: what is asked of whom, from where, and may a page of that origin ask at all.
//!
//! Everything here is decided from the head alone, before any credential is looked at.

mod address;
mod cors;
mod path;

pub use cors::check_project;
pub(crate) use path::percent_decoded;
pub use path::{Listed, list as list_routes};

use crate::passage::Passage;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{ClientAddress, Endpoint, FactKey, HostProject, RequestId};
use behest_ledger::{Decision, RequestLine};
use behest_quota::Layer;
use http::{HeaderName, HeaderValue, Version, header};
use path::{Asked, Route};
use pingora::http::RequestHeader;
use std::net::IpAddr;
use std::sync::Arc;

/// What the door lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To a provider.
    Exchange(Endpoint),
    /// The list of models.
    Models,
    /// One model, by its name.
    Model(Arc<str>),
    /// A token for an end user.
    Mint,
    /// The keys that tokens are signed with; those of a project's tenant too.
    Jwks(Option<Arc<str>>),
    /// What was used.
    Usage,
    /// What was used, by whose provider key.
    Billing,
    /// A browser's question before the request.
    Preflight,
}

/// The facts that are stated here, for every request.
pub fn given() -> Vec<FactKey> {
    vec![
        FactKey::of::<RequestId>(),
        FactKey::of::<ClientAddress>(),
        FactKey::of::<HostProject>(),
        FactKey::of::<Endpoint>(),
        FactKey::of::<RequestLine>(),
    ]
}

/// Lets a request in, or not.
pub fn enter(
    head: &RequestHeader,
    peer: Option<IpAddr>,
    passage: &mut Passage,
) -> Result<Way, Box<Denial>> {
    let asked = path::find(head.uri.path(), &head.method);
    introduce(head, peer, &asked, passage);
    // First of all, so that a page can read every refusal that follows.
    let project = host_project(head, passage);
    let known = project.as_ref().ok().cloned().flatten();
    let origin = cors::check_origin(head, known.as_deref(), &asked, passage);
    check_framing(head, passage.snapshot.config.head_limit.len_in_memory())?;
    guard(&asked, passage)?;
    let project = project?;
    let route = allowed_route(asked, passage)?;
    if let Route::Preflight(endpoint) = route {
        cors::answer_preflight(head, endpoint, project.as_deref(), passage);
        return Ok(Way::Preflight);
    }
    origin?;
    let (way, endpoint) = match route {
        Route::Jwks => return Ok(Way::Jwks(project)),
        Route::Mint => (Way::Mint, Endpoint::Mint),
        Route::Usage => (Way::Usage, Endpoint::Usage),
        Route::Billing => (Way::Billing, Endpoint::Usage),
        Route::Chat => (Way::Exchange(Endpoint::Chat), Endpoint::Chat),
        Route::Embeddings => (Way::Exchange(Endpoint::Embeddings), Endpoint::Embeddings),
        Route::Models => (Way::Models, Endpoint::Models),
        Route::Model(id) => (Way::Model(id), Endpoint::Models),
        Route::Preflight(_) => return Ok(Way::Preflight),
    };
    passage.facts.state(HostProject(project));
    passage.facts.state(endpoint);
    Ok(way)
}

/// Counts the request for its address. A preflight is neither counted nor refused: no browser lets a page
/// read a refused one, whatever its headers, so that the page would learn of no limit and of no wait. To
/// answer it costs no more than to refuse it, and the request that follows counts.
fn guard(asked: &Asked, passage: &Passage) -> Verdict {
    if matches!(asked, Asked::Route(Route::Preflight(_), _)) {
        return Ok(());
    }
    let ClientAddress(address) = *passage.facts.read().unwrap_or(&ClientAddress(NOBODY));
    passage.house.ip_guard().admit(address)?;
    passage.house.metrics.limit_decided(Layer::Ip.label(), Decision::Admitted);
    Ok(())
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Stands for a client whose address is not known.
const NOBODY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// What is stated of every request, also of one that is refused at once.
fn introduce(head: &RequestHeader, peer: Option<IpAddr>, asked: &Asked, passage: &mut Passage) {
    passage.facts.state(RequestId(passage.house.next_request_id()));
    let mut line = RequestLine::new(head.method.as_str(), asked.template());
    if let Some(id) = head.headers.get(X_REQUEST_ID) {
        line = line.client_request_id(id.as_bytes());
    }
    passage.facts.state(line);
    let trusted = &passage.snapshot.config.trusted_proxies;
    let address = address::client(peer.unwrap_or(NOBODY), &head.headers, trusted);
    passage.facts.state(ClientAddress(address));
    passage.trace_parent = trace_parent(head, passage);
}

/// A `traceparent` of W3C's form, with a span of our own in the client's trace.
fn trace_parent(head: &RequestHeader, passage: &Passage) -> Option<Box<str>> {
    let sent = head.headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = sent.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, len| {
        text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let fits = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    if !fits || version == "ff" || zero(trace) || zero(span) {
        return None;
    }
    let RequestId(id) = passage.facts.read()?;
    let span = id.get(16..)?;
    Some(format!("00-{trace}-{span}-{flags}").into())
}

/// What Pingora lets pass, and a second reader on the way might read differently.
fn check_framing(head: &RequestHeader, bytes_max: usize) -> Result<(), Box<Denial>> {
    let invalid = |message| Err(Box::new(Denial::new(Kind::Invalid, message)));
    let has_host = head.uri.host().is_some() || head.headers.contains_key(header::HOST);
    if head.version == Version::HTTP_11 && !has_host {
        return invalid("The Host header is missing.");
    }
    let both = head.headers.contains_key(header::CONTENT_LENGTH)
        && head.headers.contains_key(header::TRANSFER_ENCODING);
    if both {
        return invalid("Content-Length and Transfer-Encoding exclude one another.");
    }
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if head.raw_path().len() + lines.sum::<usize>() > bytes_max {
        let message = format!("The head is larger than {bytes_max} bytes.");
        return Err(Box::new(Denial::new(Kind::HeadTooLarge, message)));
    }
    Ok(())
}

/// The project whose slug the host names, if it names one.
fn host_project(head: &RequestHeader, passage: &Passage) -> Result<Option<Arc<str>>, Box<Denial>> {
    let named = || head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = head.uri.host().or_else(|| host_of_target(head.raw_path())).or_else(named);
    let Some(host) = host else { return Ok(None) };
    let Some(slug) = passage.snapshot.slug_of(host) else { return Ok(None) };
    match passage.snapshot.projects.by_slug(&slug) {
        Some(project) => Ok(Some(project.id.clone())),
        None => Err(Box::new(Denial::new(Kind::NotFound, "There is no such project."))),
    }
}

/// The host in a target that is a whole address (RFC 9112, 3.2.2), which counts before the Host header.
/// Where both are there and differ, Pingora has refused the request.
fn host_of_target(target: &[u8]) -> Option<&str> {
    if target.starts_with(b"/") {
        return None;
    }
    let (scheme, rest) = std::str::from_utf8(target).ok()?.split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit('@').next().filter(|host| !host.is_empty())
}

fn allowed_route(asked: Asked, passage: &mut Passage) -> Result<Route, Box<Denial>> {
    match asked {
        Asked::Route(route, _) => Ok(route),
        Asked::OtherMethod(allow, _) => {
            passage.extra_headers.push((header::ALLOW, HeaderValue::from_static(allow)));
            let denial = Denial::new(Kind::MethodNotAllowed, "This path knows another method.");
            Err(Box::new(denial))
        }
        Asked::BadPath => {
            Err(Box::new(Denial::new(Kind::Invalid, "The path is not encoded as it should be.")))
        }
        Asked::Nothing => {
            Err(Box::new(Denial::new(Kind::NotFound, "There is nothing at this path.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host_of_target;

    #[test]
    fn a_whole_address_names_its_host() {
        for (target, host) in [
            ("http://a.example/v1/models", Some("a.example")),
            ("HTTPS://a.example:443?x=http://b", Some("a.example:443")),
            ("http://user@a.example/", Some("a.example")),
            ("http:///v1/models", None),
            ("/v1/models?x=http://b", None),
            ("ftp://a.example/", None),
            ("*", None),
        ] {
            assert_eq!(host_of_target(target.as_bytes()), host, "{target}");
        }
        assert_eq!(host_of_target(b"http://\xff/"), None);
    }
}
