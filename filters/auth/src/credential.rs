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
    /// The header's value as it came, and where in it the credential begins.
    credential: Result<(Option<HeaderValue>, usize), Fault>,
    /// The header is kept raw until the credential is known to be good: its faults come second. Two
    /// that differ are kept as none.
    end_user: Option<Option<HeaderValue>>,
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
        let (is_there, is_one_user) = (found.is_there, !found.names_two_users);
        let place = found.place();
        let mut values: [Option<HeaderValue>; TAKEN.len()] = Default::default();
        for ((value, name), is_there) in values.iter_mut().zip(&TAKEN).zip(is_there) {
            if is_there {
                // Pingora's own way to remove one: it keeps the spelling of names beside them. It gives
                // the first value, so that nothing need be copied.
                *value = head.remove_header(name);
            }
        }
        let mut value = |at: usize| values.get_mut(at).and_then(Option::take);
        let credential = place.map(|(at, start)| (value(at), start));
        let end_user = value(AT_END_USER).map(|value| is_one_user.then_some(value));
        Self { credential, end_user }
    }

    /// The credential's text, or why there is none to look at.
    pub fn credential(&self) -> Result<&str, Box<Denial>> {
        match &self.credential {
            Ok((value, start)) => {
                let text = value.as_ref().and_then(|value| value.to_str().ok());
                Ok(text.and_then(|text| text.get(*start..)).unwrap_or_default())
            }
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
            None => end_user::named(None, rule),
            Some(Some(value)) => end_user::named(Some(value.as_bytes()), rule),
            Some(None) => Err(end_user::invalid("The request names two end users.")),
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

/// What a head says of its caller, looked at header by header.
#[derive(Default)]
struct Found<'h> {
    is_there: [bool; TAKEN.len()],
    /// The first one, and nothing else unless another one differs from it.
    credential: Option<Result<First<'h>, Fault>>,
    end_user: Option<&'h HeaderValue>,
    names_two_users: bool,
}

/// Where a credential may be: which header, its length, and the text if it can be one.
type First<'h> = (usize, usize, Option<&'h str>);

impl<'h> Found<'h> {
    fn note(&mut self, name: &HeaderName, value: &'h HeaderValue) {
        let Some(at) = TAKEN.iter().position(|taken| taken == name) else { return };
        if let Some(is_there) = self.is_there.get_mut(at) {
            *is_there = true;
        }
        match at {
            AT_AUTHORIZATION => self.credential(at, value, bearer(value)),
            AT_API_KEY | AT_X_API_KEY => self.credential(at, value, value.to_str().ok()),
            AT_END_USER => {
                let first = *self.end_user.get_or_insert(value);
                self.names_two_users |= first != value;
            }
            _ => {}
        }
    }

    fn credential(&mut self, at: usize, value: &HeaderValue, text: Option<&'h str>) {
        match self.credential {
            None => self.credential = Some(Ok((at, value.len(), text))),
            Some(Ok((_, _, first))) if first != text => self.credential = Some(Err(Fault::Differ)),
            Some(_) => {}
        }
    }

    /// Which header the credential is in, and where in it.
    fn place(self) -> Result<(usize, usize), Fault> {
        let (at, len, text) = self.credential.ok_or(Fault::Missing)??;
        let text = text.filter(|text| is_token(text)).ok_or(Fault::Malformed)?;
        Ok((at, len - text.len()))
    }
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
