//! The outside of a token: three parts, and the header's few members.

use super::Fault;
use crate::signing_key::is_kid;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behest_contract::json::{Malformed, Scanner, Seen, Value};
use std::borrow::Cow;

/// A token in its parts, still encoded.
pub(super) struct Compact<'t> {
    header: &'t str,
    claims: &'t str,
    signature: &'t str,
    /// What the signature is over.
    pub(super) signed: &'t str,
}

impl<'t> Compact<'t> {
    pub(super) fn split(token: &'t str) -> Result<Self, Fault> {
        let (signed, signature) = token.rsplit_once('.').ok_or("token: not three parts")?;
        let (header, claims) = signed.split_once('.').ok_or("token: not three parts")?;
        if claims.contains('.') {
            return Err("token: not three parts");
        }
        Ok(Self { header, claims, signature, signed })
    }

    pub(super) fn header(&self) -> Result<Vec<u8>, Fault> {
        text(self.header)
    }

    pub(super) fn claims(&self) -> Result<Vec<u8>, Fault> {
        text(self.claims)
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, Fault> {
        decoded(self.signature)
    }
}

fn text(part: &str) -> Result<Vec<u8>, Fault> {
    let bytes = decoded(part)?;
    match std::str::from_utf8(&bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err("token: not UTF-8"),
    }
}

/// Neither padding nor stray bits: one token has one spelling.
fn decoded(part: &str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| "token: not base64url")
}

/// The key's name from a header that is as it must be. The algorithm is ours to choose, and the header
/// must agree; whatever could bring a key along or change how the token is read is refused.
pub(super) fn kid(header: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let mut kid = None;
    let mut has_algorithm = false;
    members(header, |name, value| {
        match name {
            b"alg" => has_algorithm = string(header, value)? == "RS256",
            b"typ" if string(header, value)?.eq_ignore_ascii_case("JWT") => {}
            b"typ" => return Err("token: another typ"),
            b"kid" => kid = Some(string(header, value)?),
            b"cty" => drop(string(header, value)?),
            _ => return Err("token: a header member that is not allowed"),
        }
        Ok(())
    })?;
    if !has_algorithm {
        return Err("token: alg is not RS256");
    }
    kid.filter(|kid| is_kid(kid)).ok_or("token: no fit kid")
}

/// Calls `each` with every member of an object, and refuses a name that comes twice, however spelt.
pub(super) fn members(
    text: &[u8],
    mut each: impl FnMut(&[u8], Value) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut seen = Seen::default();
    let mut scanner = Scanner::new(text);
    scanner
        .object(|scanner, name| {
            if !seen.is_new(text, name) {
                return Err(Unread::Fault("token: a member twice"));
            }
            let value = scanner.value()?;
            each(&name.name(text), value).map_err(Unread::Fault)
        })
        .and_then(|_| Ok(scanner.end()?))
        .map_err(|unread| match unread {
            Unread::Malformed => "token: not a JSON object",
            Unread::Fault(fault) => fault,
        })
}

/// Why an object was not read to its end.
enum Unread {
    Malformed,
    Fault(Fault),
}

impl From<Malformed> for Unread {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The string that a value is. Half a surrogate pair is no text: two names that differ in it would read
/// as one.
pub(super) fn string(text: &[u8], value: Value) -> Result<Cow<'_, str>, Fault> {
    let string = value.string().ok_or("token: a member of the wrong type")?;
    if !string.escaped {
        return Ok(string.decode(text));
    }
    let quoted = string.quoted();
    let read = serde_json::from_slice(quoted.of(text)).map(Cow::Owned);
    read.map_err(|_| "token: a string that is no text")
}
