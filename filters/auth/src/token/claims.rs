//! The inside of a token.

use super::compact::{members, string};
use super::{AUDIENCE, Fault, LEEWAY, LIFE_MAX};
use crate::end_user;
use crate::project::TierClaim;
use behest_contract::json::{Kind, Scanner, Value};
use std::borrow::Cow;
use std::time::Duration;

/// The claims that this gateway looks at. Others may be there.
pub(super) struct Claims<'t> {
    pub(super) tid: Cow<'t, str>,
    pub(super) pid: Cow<'t, str>,
    pub(super) uid: Cow<'t, str>,
    pub(super) iss: Cow<'t, str>,
    pub(super) role: Option<Cow<'t, str>>,
    pub(super) tier: Option<TierClaim>,
    pub(super) sid: Option<Cow<'t, str>>,
    /// The API key that minted the token, if it says; worth something only in a token of our own.
    pub(super) key: Option<Cow<'t, str>>,
    pub(super) times: Times,
}

/// When a token is good, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
}

impl Times {
    /// Whether the token is good now.
    pub(super) fn check(self, now: Duration) -> Result<(), Fault> {
        let now = now.as_secs();
        let is_ahead = |at: Option<u64>| at.is_some_and(|at| at > now.saturating_add(LEEWAY));
        let life = self.exp.saturating_sub(self.iat.unwrap_or(now));
        if now >= self.exp.saturating_add(LEEWAY) {
            Err("token: expired")
        } else if is_ahead(self.nbf) || is_ahead(self.iat) {
            Err("token: not good yet")
        } else if self.iat.is_some_and(|iat| iat >= self.exp) {
            Err("token: expires before it is issued")
        } else if life > LIFE_MAX {
            Err("token: lives too long")
        } else {
            Ok(())
        }
    }

    /// When it was issued, if it says.
    pub(super) fn issued_at(self) -> Option<u64> {
        self.iat
    }
}

#[derive(Default)]
struct Found<'t> {
    tid: Option<Cow<'t, str>>,
    pid: Option<Cow<'t, str>>,
    uid: Option<Cow<'t, str>>,
    iss: Option<Cow<'t, str>>,
    role: Option<Cow<'t, str>>,
    tier: Option<TierClaim>,
    sid: Option<Cow<'t, str>>,
    key: Option<Cow<'t, str>>,
    exp: Option<u64>,
    nbf: Option<u64>,
    iat: Option<u64>,
    is_for_us: bool,
}

impl<'t> Claims<'t> {
    /// Reads the claims. One of a wrong type is not the same as none.
    pub(super) fn read(text: &'t [u8]) -> Result<Self, Fault> {
        let mut found = Found::default();
        members(text, |name, value| found.note(text, name, value))?;
        if !found.is_for_us {
            return Err("token: for another audience");
        }
        let required = |claim: Option<Cow<'t, str>>| claim.ok_or("token: a claim is missing");
        let exp = found.exp.ok_or("token: a claim is missing")?;
        Ok(Self {
            tid: required(found.tid)?,
            pid: required(found.pid)?,
            uid: required(found.uid)?,
            iss: required(found.iss)?,
            role: found.role,
            tier: found.tier,
            sid: found.sid,
            key: found.key,
            times: Times { exp, nbf: found.nbf, iat: found.iat },
        })
    }
}

impl<'t> Found<'t> {
    fn note(&mut self, text: &'t [u8], name: &[u8], value: Value) -> Result<(), Fault> {
        match name {
            b"tid" => self.tid = Some(string(text, value)?),
            b"pid" => self.pid = Some(string(text, value)?),
            b"uid" => self.uid = Some(string(text, value)?),
            b"iss" => self.iss = Some(string(text, value)?),
            b"role" => self.role = Some(string(text, value)?),
            b"sid" => self.sid = Some(session(text, value)?),
            // A tenant's server may mean anything by it.
            b"key" => self.key = string(text, value).ok(),
            b"tier" => self.tier = Some(tier(text, value)?),
            b"exp" => self.exp = Some(seconds(text, value)?),
            b"nbf" => self.nbf = Some(seconds(text, value)?),
            b"iat" => self.iat = Some(seconds(text, value)?),
            b"aud" => self.is_for_us = is_for_us(text, value)?,
            b"scp" => {
                strings(text, value, |_| {})?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A whole number that is not negative, written as one: no fraction, no exponent, no text.
fn seconds(text: &[u8], value: Value) -> Result<u64, Fault> {
    value.whole_number(text).ok_or("token: a time that is no whole number")
}

fn session(text: &[u8], value: Value) -> Result<Cow<'_, str>, Fault> {
    let session = string(text, value)?;
    if end_user::is_name(&session) { Ok(session) } else { Err("token: unfit sid") }
}

fn tier(text: &[u8], value: Value) -> Result<TierClaim, Fault> {
    match value.kind {
        // A number that no tier can have is as unknown as one that none has.
        Kind::Number => Ok(TierClaim::Number(value.whole_number(text).unwrap_or(u64::MAX))),
        _ => Ok(TierClaim::Name(string(text, value)?.into())),
    }
}

fn is_for_us(text: &[u8], value: Value) -> Result<bool, Fault> {
    if value.kind != Kind::Array {
        return Ok(string(text, value)? == AUDIENCE);
    }
    let mut is_for_us = false;
    strings(text, value, |audience| is_for_us |= audience == AUDIENCE)?;
    Ok(is_for_us)
}

/// Calls `each` with every string of an array that has nothing but strings.
fn strings(text: &[u8], array: Value, mut each: impl FnMut(&str)) -> Result<(), Fault> {
    let mut fault = None;
    let inside = array.span.of(text);
    let read = Scanner::new(inside).array(|scanner| {
        let item = scanner.value()?;
        match string(inside, item) {
            Ok(item) => each(&item),
            Err(wrong) => fault = Some(wrong),
        }
        Ok::<_, behest_contract::json::Malformed>(())
    });
    match (read, fault) {
        (Ok(_), None) => Ok(()),
        (_, Some(fault)) => Err(fault),
        (Err(_), None) => Err("token: a member of the wrong type"),
    }
}
