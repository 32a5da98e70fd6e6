//! Addresses of wallets: base58check, bech32 and EIP-55.

use sha2::{Digest, Sha256};

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Bitcoin's old addresses: a version, twenty bytes, and four of a double SHA-256.
pub(crate) fn base58check(text: &[u8]) -> bool {
    let mut bytes = [0u8; 25];
    for byte in text {
        let Some(value) = BASE58.iter().position(|known| known == byte) else { return false };
        let mut carry = value;
        for place in bytes.iter_mut().rev() {
            let sum = usize::from(*place) * 58 + carry;
            *place = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let (body, check) = bytes.split_at(21);
    let digest = Sha256::digest(Sha256::digest(body));
    matches!(body.first(), Some(0 | 5)) && digest.starts_with(check)
}

/// BIP 173 and BIP 350: the checksums of bech32 and bech32m, for Bitcoin's main network.
pub(crate) fn bech32(text: &[u8]) -> bool {
    const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let lower = text.iter().any(u8::is_ascii_lowercase);
    if lower && text.iter().any(u8::is_ascii_uppercase) {
        return false;
    }
    let step = |check: u32, value: u32| {
        let top = check >> 25;
        let next = (check & 0x1ff_ffff) << 5 ^ value;
        let turns = GENERATORS.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        turns.fold(next, |next, (_, generator)| next ^ generator)
    };
    // The prefix "bc": high bits, a nought, low bits.
    let mut check = [3, 3, 0, 2, 3].iter().fold(1, |check, value| step(check, *value));
    for byte in text.iter().skip(3) {
        let byte = byte.to_ascii_lowercase();
        let Some(value) = CHARSET.iter().position(|known| *known == byte) else { return false };
        check = step(check, u32::try_from(value).unwrap_or(0));
    }
    matches!(check, 1 | 0x2bc8_30a3)
}

/// ERC-55: the case of each letter says a bit of the address's Keccak-256. An address in one case
/// carries no check: `None`.
pub(crate) fn eip55(hex: &[u8]) -> Option<bool> {
    let upper = hex.iter().any(u8::is_ascii_uppercase);
    if !(upper && hex.iter().any(u8::is_ascii_lowercase)) {
        return None;
    }
    let digest = keccak_256(&hex.to_ascii_lowercase());
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let fits = |(byte, nibble): (&u8, u8)| {
        byte.is_ascii_digit() || byte.is_ascii_uppercase() == (nibble >= 8)
    };
    Some(hex.iter().zip(nibbles).all(fits))
}

/// Keccak-256 as it was before SHA-3 changed the padding, for one block: at most 135 bytes.
fn keccak_256(text: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 136];
    for (to, from) in block.iter_mut().zip(text.iter().chain([&1])) {
        *to = *from;
    }
    if let Some(last) = block.last_mut() {
        *last |= 0x80;
    }
    let mut state = [0u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    keccak_f(&mut state);
    let mut digest = [0u8; 32];
    for (to, lane) in digest.as_chunks_mut::<8>().0.iter_mut().zip(state) {
        *to = lane.to_le_bytes();
    }
    digest
}

#[rustfmt::skip]
const ROUNDS: [u64; 24] = [
    0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808a, 0x8000_0000_8000_8000,
    0x0000_0000_0000_808b, 0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009,
    0x0000_0000_0000_008a, 0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000a,
    0x0000_0000_8000_808b, 0x8000_0000_0000_008b, 0x8000_0000_0000_8089, 0x8000_0000_0000_8003,
    0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800a, 0x8000_0000_8000_000a,
    0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
];

/// Where each lane goes and by how much it turns, following the permutation from lane 1 on.
#[rustfmt::skip]
const TURNS: [(usize, u32); 24] = [
    (10, 1), (7, 3), (11, 6), (17, 10), (18, 15), (3, 21), (5, 28), (16, 36), (8, 45), (21, 55),
    (24, 2), (4, 14), (15, 27), (23, 41), (19, 56), (13, 8), (12, 25), (2, 43), (20, 62), (14, 18),
    (22, 39), (9, 61), (6, 20), (1, 44),
];

/// FIPS 202, section 3.3.
fn keccak_f(state: &mut [u64; 25]) {
    let lane = |state: &[u64; 25], at: usize| state.get(at).copied().unwrap_or(0);
    for round in ROUNDS {
        let column =
            |state: &[u64; 25], x: usize| (0..5).fold(0, |sum, y| sum ^ lane(state, x + 5 * y));
        let sums: [u64; 5] = std::array::from_fn(|x| column(state, x));
        let sum = |x: usize| sums.get(x % 5).copied().unwrap_or(0);
        for (at, value) in state.iter_mut().enumerate() {
            *value ^= sum(at % 5 + 4) ^ sum(at % 5 + 1).rotate_left(1);
        }
        let mut carried = lane(state, 1);
        for (to, by) in TURNS {
            if let Some(place) = state.get_mut(to) {
                carried = std::mem::replace(place, carried.rotate_left(by));
            }
        }
        let before = *state;
        for (at, value) in state.iter_mut().enumerate() {
            let row = at / 5 * 5;
            *value ^= !lane(&before, row + (at + 1) % 5) & lane(&before, row + (at + 2) % 5);
        }
        if let Some(first) = state.first_mut() {
            *first ^= round;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{base58check, bech32, eip55};

    #[test]
    fn published_addresses_are_right_and_changed_ones_are_wrong() {
        assert!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"));
        assert!(base58check(b"3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"));
        assert!(!base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"));
        assert!(bech32(b"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"));
        assert!(!bech32(b"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp"));
        assert!(bech32(b"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"));
        // From EIP-55.
        assert_eq!(eip55(b"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), Some(true));
        assert_eq!(eip55(b"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"), Some(false));
        assert_eq!(eip55(b"5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), None);
    }
}
