//! Numbers and texts as bytes: numbers in groups of seven bits, the lowest first, texts by their length.

use crate::embedded::accounts::key::Key;

/// Writes.
pub(super) trait Writing {
    fn put_number(&mut self, number: u64);
    fn put_text(&mut self, text: &str);
    fn put_key(&mut self, key: Key);
}

impl Writing for Vec<u8> {
    fn put_number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }

    fn put_text(&mut self, text: &str) {
        self.put_number(text.len() as u64);
        self.extend_from_slice(text.as_bytes());
    }

    fn put_key(&mut self, key: Key) {
        self.extend_from_slice(&key.to_bytes());
    }
}

/// Reads, as far as there is something.
pub(super) struct Reading<'a>(pub(super) &'a [u8]);

impl<'a> Reading<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        str::from_utf8(self.bytes(length)?).ok()
    }

    pub(super) fn key(&mut self) -> Option<Key> {
        let (key, rest) = self.0.split_first_chunk::<16>()?;
        self.0 = rest;
        Some(Key::from_bytes(*key))
    }
}
