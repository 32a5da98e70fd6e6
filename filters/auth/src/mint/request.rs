//! The body of a request to mint.

use crate::end_user;
use crate::project::TierClaim;
use crate::role::Role;
use crate::token::LIFE_MAX;
use behest_contract::denial::{Denial, Kind};
use behest_contract::json::{Kind as Json, Scanner, Seen, Value};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintRequest {
    /// The end user.
    pub user_id: Box<str>,
    /// The role, if one is named; else the key's.
    pub role: Option<Role>,
    /// Seconds that the token shall live.
    pub ttl: u32,
    /// The end user's tier, if one is named.
    pub tier: Option<TierClaim>,
    /// The session, if one is named.
    pub session_id: Option<Box<str>>,
}

#[derive(Default)]
struct Found {
    user_id: Option<Box<str>>,
    role: Option<Role>,
    ttl: Option<u32>,
    tier: Option<TierClaim>,
    session_id: Option<Box<str>>,
}

impl MintRequest {
    /// Reads a body: an object without a member twice. `null` is as good as nothing, and members that
    /// nobody knows are passed over.
    pub fn parse(body: &[u8]) -> Result<Self, Box<Denial>> {
        if std::str::from_utf8(body).is_err() {
            return Err(unread("The body is not valid UTF-8."));
        }
        let mut found = Found::default();
        let mut seen = Seen::default();
        let mut scanner = Scanner::new(body);
        scanner.object(|scanner, name| {
            if !seen.is_new(body, name) {
                return Err(unread("The body has a member twice."));
            }
            let value = scanner.value()?;
            found.note(body, &name.name(body), value)
        })?;
        scanner.end()?;
        let user_id = found.user_id.ok_or_else(|| invalid("A user_id is required.", "user_id"))?;
        Ok(Self {
            user_id,
            role: found.role,
            ttl: found.ttl.unwrap_or(TTL),
            tier: found.tier,
            session_id: found.session_id,
        })
    }
}

impl Found {
    fn note(&mut self, body: &[u8], name: &[u8], value: Value) -> Result<(), Box<Denial>> {
        if value.kind == Json::Null {
            return Ok(());
        }
        match name {
            b"user_id" => self.user_id = Some(user_id(body, value)?),
            b"role" => self.role = Some(role(body, value)?),
            b"ttl" => self.ttl = Some(ttl(body, value)?),
            b"tier" => self.tier = Some(tier(body, value)?),
            b"session_id" => self.session_id = Some(session_id(body, value)?),
            _ => {}
        }
        Ok(())
    }
}

fn user_id(body: &[u8], value: Value) -> Result<Box<str>, Box<Denial>> {
    let name = string(body, value, "The user_id must be a string.", "user_id")?;
    end_user::check(&name).map_err(|message| invalid(message, "user_id"))?;
    Ok(name)
}

fn role(body: &[u8], value: Value) -> Result<Role, Box<Denial>> {
    let word = string(body, value, "The role must be a string.", "role")?;
    Role::parse(&word).ok_or_else(|| invalid("There is no such role.", "role"))
}

fn ttl(body: &[u8], value: Value) -> Result<u32, Box<Denial>> {
    let seconds = value.whole_number(body).filter(|seconds| (TTL_MIN..=LIFE_MAX).contains(seconds));
    seconds.and_then(|seconds| u32::try_from(seconds).ok()).ok_or_else(|| {
        invalid("The ttl must be a whole number of seconds from 60 to 86400.", "ttl")
    })
}

fn tier(body: &[u8], value: Value) -> Result<TierClaim, Box<Denial>> {
    if value.kind == Json::Number {
        let number = value.whole_number(body);
        let number = number.ok_or_else(|| invalid("The project has no such tier.", "tier"))?;
        return Ok(TierClaim::Number(number));
    }
    string(body, value, "The tier must be a number or a name.", "tier").map(TierClaim::Name)
}

fn session_id(body: &[u8], value: Value) -> Result<Box<str>, Box<Denial>> {
    let session = string(body, value, "The session_id must be a string.", "session_id")?;
    if end_user::is_name(&session) {
        return Ok(session);
    }
    Err(invalid("A session_id has 1 to 255 characters and no control characters.", "session_id"))
}

/// Half a surrogate pair is no text, and is refused like any other wrong value.
fn string(
    body: &[u8],
    value: Value,
    message: &'static str,
    member: &'static str,
) -> Result<Box<str>, Box<Denial>> {
    let found = value.string().ok_or_else(|| invalid(message, member))?;
    serde_json::from_slice(found.quoted().of(body)).map_err(|_| invalid(message, member))
}

/// A refusal of one member.
pub(super) fn invalid(message: &'static str, member: &'static str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Invalid, message).param(member))
}

/// A refusal of the whole body.
fn unread(message: &'static str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Invalid, message))
}

const TTL: u32 = 3600;
const TTL_MIN: u64 = 60;
