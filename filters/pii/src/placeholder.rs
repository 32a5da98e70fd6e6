//! What stands for a value: `<EMAIL_ADDRESS_K7Q2M3AB>`.

use crate::detect::fold::Folded;
use crate::entity::{Entity, EntityId};
use crate::mac::Mac;
use std::fmt;
use std::sync::Arc;

/// Characters of a placeholder that tell one value from another. All have as many, so that none is the
/// beginning of another.
pub(crate) const SUFFIX: usize = 8;

/// Base 32 of RFC 4648: no digit that looks like a letter.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The end of a placeholder, without its bracket.
pub(crate) type Suffix = [u8; SUFFIX];

/// Whose values they are. Equal values of two owners have nothing in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The project.
    pub project: Arc<str>,
    /// The end user, where one is named.
    pub user: Option<Box<str>>,
}

/// Makes placeholders for one owner.
#[derive(Clone)]
pub(crate) struct Coiner {
    mac: Arc<dyn Mac>,
    owner: Owner,
}

impl Coiner {
    pub(crate) fn new(mac: Arc<dyn Mac>, owner: Owner) -> Self {
        Self { mac, owner }
    }

    /// The digest of a value; `again` is 0 but for the rare value whose suffix another one has.
    fn digest(&self, purpose: &[u8], name: &str, value: &[u8], again: u8) -> [u8; 32] {
        let user = self.owner.user.as_deref().unwrap_or_default();
        self.mac.mac(&[
            purpose,
            self.owner.tenant.as_bytes(),
            self.owner.project.as_bytes(),
            &[u8::from(self.owner.user.is_some())],
            user.as_bytes(),
            name.as_bytes(),
            value,
            &[again],
        ])
    }

    pub(crate) fn suffix(&self, name: &str, value: &[u8], again: u8) -> Suffix {
        base32(&self.digest(b"placeholder", name, value, again))
    }

    /// What stands for a value that is hashed.
    pub(crate) fn hash(&self, name: &str, value: &[u8]) -> String {
        let digest = self.digest(b"hash", name, value, 0);
        let first: [u8; SUFFIX] = base32(&digest);
        let second: [u8; SUFFIX] = base32(digest.get(16..).unwrap_or_default());
        format!("[{name}:{}{}]", spelt(&first), spelt(&second))
    }
}

fn base32<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let bits = bytes.iter().take(8).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    std::array::from_fn(|n| {
        let five = bits >> (59 - 5 * n) & 31;
        BASE32.get(five as usize).copied().unwrap_or(b'A')
    })
}

pub(crate) fn spelt(suffix: &Suffix) -> &str {
    std::str::from_utf8(suffix).unwrap_or_default()
}

pub(crate) fn placeholder(name: &str, suffix: &Suffix) -> String {
    format!("<{name}_{}>", spelt(suffix))
}

/// A value without what people vary in writing it, so that it has one placeholder however it is
/// written.
pub(crate) fn normal(entity: EntityId, value: &str, escapes: bool) -> Vec<u8> {
    let plain = Folded::new(value, escapes, 0).text;
    match entity.builtin() {
        Some(Entity::EMAIL_ADDRESS) => {
            let mut address = String::from_utf8_lossy(&plain).to_lowercase();
            for (written, sign) in [
                ("[at]", "@"),
                ("(at)", "@"),
                ("%40", "@"),
                ("&#64;", "@"),
                ("[dot]", "."),
                ("(dot)", "."),
            ] {
                address = address.replace(written, sign);
            }
            address.retain(|character| character != ' ');
            address.into_bytes()
        }
        Some(Entity::IP_ADDRESS | Entity::MAC_ADDRESS) => plain.to_ascii_lowercase(),
        Some(Entity::CRYPTO | Entity::DATE_OF_BIRTH) => plain,
        Some(entity) if entity.is_secret() => plain,
        Some(_) => {
            let kept = plain.iter().filter(|byte| byte.is_ascii_alphanumeric());
            kept.map(u8::to_ascii_uppercase).collect()
        }
        None if entity == EntityId::LOOKALIKE => plain,
        None => String::from_utf8_lossy(&plain).to_lowercase().into_bytes(),
    }
}

impl fmt::Debug for Coiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Coiner")
    }
}
