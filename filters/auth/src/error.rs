//! What can go wrong: while keys are loaded ([`Error`]), and while one is presented ([`Refusal`]).
//!
//! None of these ever holds a key; keys are named by their public id.

use behest_contract::denial::{Denial, Kind};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why keys cannot be loaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// A declared key is shorter than 16 characters.
    ShortKey(Arc<str>),
    /// A declared key is longer than any header that is looked at.
    LongKey(Arc<str>),
    /// A declared key has characters that no credential in a header has.
    UnfitKey(Arc<str>),
    /// Two keys have one id.
    SameId(Arc<str>),
    /// Two keys have one secret.
    SameSecret(Arc<str>, Arc<str>),
    /// A stored hash is none of Argon2id, or asks for more work than a request may cost.
    UnfitHash(Arc<str>),
    /// Argon2id itself failed.
    Hash(argon2::password_hash::Error),
    /// The machine has no random bytes to give.
    NoRandom(getrandom::Error),
    /// `verified_for` is outside of one second to one day.
    VerifiedFor,
    /// `verify_at_once` is 0.
    VerifyAtOnce,
    /// No pair of keys could be made.
    NoKeyPair,
    /// A stored own key cannot be used.
    UnfitOwnKey(Arc<str>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortKey(id) => write!(f, "key `{id}` is shorter than 16 characters"),
            Self::LongKey(id) => write!(f, "key `{id}` is longer than 8192 characters"),
            Self::UnfitKey(id) => {
                write!(f, "key `{id}` holds a character that is no visible ASCII, or a comma")
            }
            Self::SameId(id) => write!(f, "two keys have the id `{id}`"),
            Self::SameSecret(id, other) => {
                write!(f, "keys `{id}` and `{other}` have the same secret")
            }
            Self::UnfitHash(id) => write!(f, "the stored hash of key `{id}` cannot be used"),
            Self::Hash(_) => f.write_str("hashing a key failed"),
            Self::NoRandom(_) => f.write_str("the machine gives no random bytes"),
            Self::VerifyAtOnce => f.write_str("`verify_at_once` must be at least 1"),
            Self::NoKeyPair => f.write_str("no pair of keys could be made"),
            Self::UnfitOwnKey(kid) => write!(f, "the stored own key `{kid}` cannot be used"),
            Self::VerifiedFor => f.write_str("`verified_for` must be from 1 second to 1 day"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Hash(source) => Some(source),
            Self::NoRandom(source) => Some(source),
            _ => None,
        }
    }
}

/// Everything that is wrong, not only the first thing. Never empty.
#[derive(Debug, Clone)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// `Ok` when there are none.
    pub(crate) fn none(errors: Vec<Error>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The errors, in the order of the keys.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.0.iter()
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// Why a presented key is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no key of ours.
    Unknown,
    /// It may be, but there is no room to verify it now.
    Busy,
}

impl From<Refusal> for Box<Denial> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => unauthenticated("unknown key"),
            Refusal::Busy => Box::new(
                Denial::new(Kind::Unavailable, "Too many credentials are being verified.")
                    .note("the offload refused or lost a verification")
                    .retry_after(BUSY_WAIT),
            ),
        }
    }
}

/// The one refusal of every credential problem: a client must not learn which it was.
pub(crate) fn unauthenticated(note: &str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Unauthenticated, "Invalid or missing credential.").note(note))
}

const BUSY_WAIT: Duration = Duration::from_secs(1);
