//! Sealing under the master key: XChaCha20-Poly1305, whose random nonces need no counter.
//!
//! A sealed value is `b1.` and the base64url of: the master key's number, the nonce, the ciphertext. The
//! place it belongs to is bound in as associated data, so that it opens nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behest_contract::seal::{Place, Seal, SealError};
use behest_contract::secret::Secret;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Says how the rest is to be read.
const FORMAT: &str = "b1.";
const NUMBER_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;

/// The master keys: the newest seals, all of them open.
pub struct Keyring {
    newest: MasterKey,
    older: Vec<MasterKey>,
}

/// One master key.
pub struct MasterKey {
    number: [u8; NUMBER_BYTES],
    cipher: XChaCha20Poly1305,
}

/// Why a text is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMasterKey;

impl fmt::Display for NoMasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a master key is 64 hexadecimal digits, not all of them the same")
    }
}

impl std::error::Error for NoMasterKey {}

impl MasterKey {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, NoMasterKey> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        let digits = text.as_bytes();
        let first = digits.first().ok_or(NoMasterKey)?;
        if digits.len() != 64 || digits.iter().all(|digit| digit == first) {
            return Err(NoMasterKey);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NoMasterKey)?;
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_hex).ok_or(NoMasterKey)?;
        }
        // Tells keys apart and nothing about them: the digest of another text than any that is sealed.
        let mut digest = Sha256::new();
        digest.update(b"behest master key number");
        digest.update(bytes.as_slice());
        let mut number = [0; NUMBER_BYTES];
        number.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        Ok(Self { number, cipher: XChaCha20Poly1305::new(&Key::from(*bytes)) })
    }
}

impl Keyring {
    /// A ring with the key that seals, and those before it.
    pub fn new(newest: MasterKey, older: Vec<MasterKey>) -> Self {
        Self { newest, older }
    }

    fn key(&self, number: &[u8]) -> Option<&MasterKey> {
        std::iter::once(&self.newest).chain(&self.older).find(|key| key.number == number)
    }
}

impl Seal for Keyring {
    fn seal(&self, place: Place<'_>, clear: &Secret) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let bound = bound_to(place, &self.newest.number);
        let payload = Payload { msg: clear.expose().as_bytes(), aad: &bound };
        let sealed = self.newest.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealError::Unopened)?;
        let whole = [self.newest.number.as_slice(), &nonce, &sealed].concat();
        Ok(format!("{FORMAT}{}", URL_SAFE_NO_PAD.encode(whole)))
    }

    fn open(&self, place: Place<'_>, sealed: &str) -> Result<Secret, SealError> {
        let (number, nonce, sealed) = parts(sealed).ok_or(SealError::Unopened)?;
        let key = self.key(&number).ok_or(SealError::Unopened)?;
        let bound = bound_to(place, &number);
        let payload = Payload { msg: &sealed, aad: &bound };
        let clear = key.cipher.decrypt(&XNonce::from(nonce), payload);
        let clear = Zeroizing::new(clear.map_err(|_| SealError::Unopened)?);
        let text = std::str::from_utf8(&clear).map_err(|_| SealError::Unopened)?;
        Ok(Secret::new(text))
    }

    fn is_outdated(&self, sealed: &str) -> bool {
        parts(sealed).is_some_and(|(number, _, _)| number != self.newest.number)
    }
}

type Parts = ([u8; NUMBER_BYTES], [u8; NONCE_BYTES], Vec<u8>);

fn parts(sealed: &str) -> Option<Parts> {
    let whole = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(FORMAT)?).ok()?;
    let (number, rest) = whole.split_first_chunk()?;
    let (nonce, rest) = rest.split_first_chunk()?;
    Some((*number, *nonce, rest.to_vec()))
}

/// Each part with its length, so that no two places are bound alike.
fn bound_to(place: Place<'_>, number: &[u8]) -> Vec<u8> {
    let Place { tenant, collection, record, field } = place;
    let mut bound = FORMAT.as_bytes().to_vec();
    for part in
        [number, tenant.as_bytes(), collection.as_bytes(), record.as_bytes(), field.as_bytes()]
    {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part);
    }
    bound
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("older", &self.older.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Keyring, MasterKey};
    use behest_contract::seal::{Place, Seal, SealError};
    use behest_contract::secret::Secret;

    const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const NEW: &str = "F00102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
    const PLACE: Place<'_> =
        Place { tenant: "acme", collection: "provider_keys", record: "acme/up", field: "key" };

    fn ring(newest: &str, older: &[&str]) -> Keyring {
        let older = older.iter().map(|text| MasterKey::parse(text).unwrap()).collect();
        Keyring::new(MasterKey::parse(newest).unwrap(), older)
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let ring = ring(OLD, &[]);
        let clear = Secret::new("sk-provider");
        let sealed = ring.seal(PLACE, &clear).unwrap();
        assert!(!sealed.contains("provider"));
        assert_ne!(sealed, ring.seal(PLACE, &clear).unwrap(), "no nonce is used twice");
        assert_eq!(ring.open(PLACE, &sealed), Ok(clear));
        for elsewhere in [
            Place { tenant: "evil", ..PLACE },
            Place { collection: "own_keys", ..PLACE },
            Place { record: "acme/other", ..PLACE },
            Place { field: "other", ..PLACE },
            Place { tenant: "acmeprovider_keys", collection: "", ..PLACE },
        ] {
            assert_eq!(ring.open(elsewhere, &sealed), Err(SealError::Unopened), "{elsewhere:?}");
        }
    }

    #[test]
    fn a_changed_value_does_not_open() {
        let ring = ring(OLD, &[]);
        let sealed = ring.seal(PLACE, &Secret::new("sk-provider")).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(ring.open(PLACE, &changed), Err(SealError::Unopened), "at {at}");
            assert_eq!(ring.open(PLACE, &sealed[..at]), Err(SealError::Unopened));
        }
    }

    #[test]
    fn a_new_master_key_seals_and_the_old_one_still_opens() {
        let sealed = ring(OLD, &[]).seal(PLACE, &Secret::new("x")).unwrap();
        assert_eq!(ring(NEW, &[]).open(PLACE, &sealed), Err(SealError::Unopened));
        let both = ring(NEW, &[OLD]);
        assert_eq!(both.open(PLACE, &sealed), Ok(Secret::new("x")));
        assert!(both.is_outdated(&sealed));
        let again = both.seal(PLACE, &Secret::new("x")).unwrap();
        assert!(!both.is_outdated(&again));
        assert_eq!(ring(OLD, &[]).open(PLACE, &again), Err(SealError::Unopened));
    }

    #[test]
    fn a_master_key_is_64_digits() {
        for bad in ["", "00", &OLD[1..], &format!("{OLD}0"), &"0".repeat(64), &"+1".repeat(32)] {
            assert!(MasterKey::parse(bad).is_err(), "{bad}");
        }
    }
}
