//! Finding the credential, in one place, and taking it off the request.
//!
//! A credential comes as `Authorization: Bearer x`, `api-key: x` or `x-api-key: x`; never in the
//! query string, which ends up in logs. Two different ones are refused instead of ranked: a proxy in
//! front that looks at the other one would see another caller than we do.

use crate::config::EndUserRule;
use crate::end_user;
use crate::error::unauthenticated;
use behest_contract::denial::{Denial, Kind};
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
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
        // One look at each header that is there costs less than a search for each that may be.
        let mut found = Found::default();
        for (name, value) in &head.headers {
            found.note(name, value);
        }
        let Found { is_there, credential, end_user } = found;
        let presented = Self { credential: finished(credential), end_user };
        // Pingora's own way to remove one: it keeps the spelling of names beside them.
        let taken = TAKEN.iter().zip(is_there).filter(|(_, is_there)| *is_there);
        for (name, _) in taken {
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

/// What a head says of its caller, looked at header by header.
#[derive(Default)]
struct Found<'h> {
    is_there: [bool; TAKEN.len()],
    credential: Option<Result<Text<'h>, Fault>>,
    end_user: EndUserHeader,
}

/// A header's value, and the credential in it, if it can have one.
type Text<'h> = (&'h HeaderValue, Option<&'h str>);

impl<'h> Found<'h> {
    fn note(&mut self, name: &HeaderName, value: &'h HeaderValue) {
        let Some(at) = TAKEN.iter().position(|taken| taken == name) else { return };
        if let Some(is_there) = self.is_there.get_mut(at) {
            *is_there = true;
        }
        match at {
            AT_AUTHORIZATION => self.credential((value, bearer(value))),
            AT_API_KEY | AT_X_API_KEY => self.credential((value, value.to_str().ok())),
            AT_END_USER => self.end_user.note(value),
            _ => {}
        }
    }

    fn credential(&mut self, (value, text): Text<'h>) {
        self.credential = match self.credential.take() {
            None => Some(Ok((value, text))),
            Some(Ok((_, first))) if first != text => Some(Err(Fault::Differ)),
            same => same,
        };
    }
}

fn finished(found: Option<Result<Text<'_>, Fault>>) -> Result<Credential, Fault> {
    let (value, text) = found.ok_or(Fault::Missing)??;
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
#[derive(Default)]
enum EndUserHeader {
    #[default]
    None,
    One(HeaderValue),
    Differ,
}

impl EndUserHeader {
    fn note(&mut self, value: &HeaderValue) {
        match self {
            Self::None => *self = Self::One(value.clone()),
            Self::One(first) if first != value => *self = Self::Differ,
            Self::One(_) | Self::Differ => {}
        }
    }
}

/// The longest credential that is looked at.
pub(crate) const CREDENTIAL_BYTES_MAX: usize = 8192;

/// What is taken off a head; the first four say something that is listened to.
static TAKEN: [HeaderName; 9] = [
    AUTHORIZATION,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-end-user-id"),
    COOKIE,
    HeaderName::from_static("x-tenant-id"),
    HeaderName::from_static("x-project-id"),
    HeaderName::from_static("x-role"),
    HeaderName::from_static("x-tier"),
];
const AT_AUTHORIZATION: usize = 0;
const AT_API_KEY: usize = 1;
const AT_X_API_KEY: usize = 2;
const AT_END_USER: usize = 3;

#[cfg(test)]
mod tests;
