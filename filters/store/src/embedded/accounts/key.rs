//! What counters and leases are called in memory, in the journal and in the database: 128 bits, instead
//! of names that may be long, and that may be somebody's.

use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A subject of a tenant, or a lease of a tenant. Its last byte is the tenant's, so that all that is a
/// tenant's lies in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::embedded) struct Key {
    rest: u64,
    first: u64,
}

/// How many places tenants are spread over.
pub(in crate::embedded) const PLACES: usize = 16;

impl Key {
    /// As it is stored.
    pub(in crate::embedded) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.first) << 64 | u128::from(self.rest)).to_le_bytes()
    }

    /// As it was stored.
    pub(in crate::embedded) fn from_bytes(bytes: [u8; 16]) -> Self {
        let number = u128::from_le_bytes(bytes);
        Self { first: (number >> 64) as u64, rest: number as u64 }
    }

    /// Which place it lies in: its tenant's.
    pub(in crate::embedded) fn place(self) -> usize {
        self.rest as usize % PLACES
    }

    /// A number to divide a place by.
    pub(in crate::embedded) fn part(self, parts: usize) -> usize {
        (self.rest >> 8) as usize % parts.max(1)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.first);
    }
}

/// Takes a [`Key`] for its own hash.
#[derive(Default)]
pub(in crate::embedded) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A map by keys.
pub(in crate::embedded) type KeyMap<T> = HashMap<Key, T, BuildHasherDefault<AsItIs>>;

/// Makes keys of names. The secret is the folder's: who does not know it cannot make names that meet.
pub(in crate::embedded) struct Keyer(SipHasher13);

impl Keyer {
    /// With the folder's secret.
    pub(in crate::embedded) fn new(secret: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(secret))
    }

    /// The names of one tenant.
    pub(in crate::embedded) fn tenant(&self, tenant: &str) -> TenantKeyer {
        let mut hasher = self.0;
        hasher.write_usize(tenant.len());
        hasher.write(tenant.as_bytes());
        TenantKeyer { hasher, place: hasher.finish128().h1 & 0xff }
    }
}

/// Makes keys of one tenant's names.
pub(in crate::embedded) struct TenantKeyer {
    hasher: SipHasher13,
    place: u64,
}

impl TenantKeyer {
    /// A subject's.
    pub(in crate::embedded) fn subject(&self, name: &str) -> Key {
        self.key(b's', name)
    }

    /// A lease's.
    pub(in crate::embedded) fn lease(&self, id: &str) -> Key {
        self.key(b'l', id)
    }

    fn key(&self, family: u8, name: &str) -> Key {
        let mut hasher = self.hasher;
        hasher.write_u8(family);
        hasher.write(name.as_bytes());
        let hash = hasher.finish128();
        Key { first: hash.h1, rest: hash.h2 & !0xff | self.place }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Keyer};

    #[test]
    fn names_are_told_apart_and_a_tenants_lie_together() {
        let keyer = Keyer::new(&[7; 16]);
        let (acme, other) = (keyer.tenant("acme"), keyer.tenant("acm"));
        let keys = [
            acme.subject("p:demo"),
            acme.subject("p:dem"),
            acme.lease("p:demo"),
            other.subject("ep:demo"),
            other.subject("p:demo"),
            Keyer::new(&[8; 16]).tenant("acme").subject("p:demo"),
        ];
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().filter(|other| *other == key).count(), 1, "{n}");
            assert_eq!(Key::from_bytes(key.to_bytes()), *key);
        }
        assert_eq!(keys[0].place(), keys[1].place());
        assert_eq!(keys[0].place(), keys[2].place());
        assert_eq!(keyer.tenant("acme").subject("p:demo"), keys[0]);
    }

    /// What is on a disk was made with these: they may never change.
    #[test]
    fn a_key_is_the_same_in_every_version() {
        const WANT: &str = "b02f268489970881eff5ed1c3fe013bf";
        let key = Keyer::new(&[1; 16]).tenant("t").subject("p:p");
        assert_eq!(format!("{:032x}", u128::from_be_bytes(key.to_bytes())), WANT);
    }
}
