//! Finding the credential, in one place, and taking it off the request.
//!
//! A credential comes as `Authorization: Bearer x`, `api-key: x` or `x-api-key: x`; never in the
//! query string, which ends up in logs. Two different ones are refused instead of ranked: a proxy in
//! front that looks at the other one would see another caller than we do.

use crate::config::EndUserRule;
use crate::end_user;
use crate::error::unauthenticated;
use behest_contract::denial::{Denial, Kind};
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use pingora_http::RequestHeader;
use std::fmt;

/// What a request said of who it is. Once taken, the head says nothing of it any more, so it cannot
/// be passed on by accident.
pub struct Presented {
    credential: Result<Credential, Fault>,
    end_user: EndUserHeader,
}

impl Presented {
    /// Takes everything that names a caller off the head: the credential, cookies, and the headers
    /// `X-Tenant-Id`, `X-Project-Id`, `X-Role`, `X-Tier` and `X-End-User-Id`.
    pub fn take(head: &mut RequestHeader) -> Self {
        let presented =
            Self { credential: find(&head.headers), end_user: EndUserHeader::find(&head.headers) };
        for name in &TAKEN {
            head.remove_header(name);
        }
        presented
    }

    /// The credential's text, or why there is none to look at.
    pub fn credential(&self) -> Result<&str, Box<Denial>> {
        match &self.credential {
            Ok(credential) => Ok(credential.text()),
            Err(Fault::Differ) => Err(Box::new(Denial::new(
                Kind::Invalid,
                "The request has two different credentials.",
            ))),
            Err(Fault::Missing) => Err(unauthenticated("no credential")),
            Err(Fault::Malformed) => Err(unauthenticated("malformed credential")),
        }
    }

    /// The end user that the request names, by the rule of its key.
    pub fn end_user(&self, rule: EndUserRule) -> Result<Option<Box<str>>, Box<Denial>> {
        match &self.end_user {
            EndUserHeader::None => end_user::named(None, rule),
            EndUserHeader::One(value) => end_user::named(Some(value.as_bytes()), rule),
            EndUserHeader::Differ => Err(end_user::invalid("The request names two end users.")),
        }
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(***)")
    }
}

enum Fault {
    Missing,
    Malformed,
    Differ,
}

/// The header's value as it came, and where in it the credential begins: nothing is copied.
struct Credential {
    value: HeaderValue,
    start: usize,
}

impl Credential {
    fn text(&self) -> &str {
        let text = self.value.to_str().unwrap_or_default();
        text.get(self.start..).unwrap_or_default()
    }
}

fn find(headers: &HeaderMap) -> Result<Credential, Fault> {
    let bearers = headers.get_all(AUTHORIZATION).into_iter().map(|value| (value, bearer(value)));
    let plain = PLAIN.iter().flat_map(|name| headers.get_all(name));
    let mut all = bearers.chain(plain.map(|value| (value, value.to_str().ok())));
    let (value, text) = all.next().ok_or(Fault::Missing)?;
    if all.any(|(_, other)| other != text) {
        return Err(Fault::Differ);
    }
    let text = text.filter(|text| is_token(text)).ok_or(Fault::Malformed)?;
    Ok(Credential { value: value.clone(), start: value.len() - text.len() })
}

/// The part after `Bearer` and its spaces; another scheme has none.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim_start_matches(' '))
}

/// Whether a text can be a credential at all. Spaces and commas would make a list of it, and other
/// programs on the way might read the list differently.
pub(crate) fn is_token(text: &str) -> bool {
    let fits = (1..=CREDENTIAL_BYTES_MAX).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// The header is kept raw until the credential is known to be good: its faults come second.
enum EndUserHeader {
    None,
    One(HeaderValue),
    Differ,
}

impl EndUserHeader {
    fn find(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(&END_USER).into_iter();
        match values.next() {
            None => Self::None,
            Some(first) if values.any(|other| other != first) => Self::Differ,
            Some(first) => Self::One(first.clone()),
        }
    }
}

/// The longest credential that is looked at.
pub(crate) const CREDENTIAL_BYTES_MAX: usize = 8192;

static END_USER: HeaderName = HeaderName::from_static("x-end-user-id");

static PLAIN: [HeaderName; 2] =
    [HeaderName::from_static("api-key"), HeaderName::from_static("x-api-key")];

static TAKEN: [HeaderName; 9] = [
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-tenant-id"),
    HeaderName::from_static("x-project-id"),
    HeaderName::from_static("x-role"),
    HeaderName::from_static("x-tier"),
    HeaderName::from_static("x-end-user-id"),
];

#[cfg(test)]
mod tests;
