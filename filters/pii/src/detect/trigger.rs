//! Finding the bytes that anything personal begins at or is hung up on: digits, `@`, `<`, `_` and `-`.
//!
//! 64 bytes a step. A block without any is passed over by four comparisons; only blocks with some
//! become bit masks.

use wide::u8x16;

const BLOCK: usize = 64;

/// The bytes of a text that are worth a look, in order.
pub(crate) struct Triggers<'t> {
    text: &'t [u8],
    /// Where the current block begins.
    base: usize,
    /// Its bytes that are worth a look and not yet told.
    mask: u64,
}

#[inline]
fn hits(block: &[u8; 16]) -> u8x16 {
    let bytes = u8x16::new(*block);
    let digits = bytes - u8x16::splat(b'0');
    let is_digit = digits.min(u8x16::splat(9)).simd_eq(digits);
    let signs = bytes.simd_eq(u8x16::splat(b'@')) | bytes.simd_eq(u8x16::splat(b'<'));
    // Most secrets' beginnings end with one of these.
    let joints = bytes.simd_eq(u8x16::splat(b'_')) | bytes.simd_eq(u8x16::splat(b'-'));
    is_digit | signs | joints
}

fn block_mask(block: &[u8; BLOCK]) -> u64 {
    let lanes = block.as_chunks::<16>().0.iter().enumerate();
    lanes.fold(0, |mask, (n, lane)| mask | u64::from(hits(lane).to_bitmask()) << (n * 16))
}

impl<'t> Triggers<'t> {
    pub(crate) fn new(text: &'t [u8], from: usize) -> Self {
        let mut triggers = Self { text, base: from, mask: 0 };
        triggers.load();
        triggers
    }

    /// The next one at or after `from`.
    #[inline]
    pub(crate) fn next(&mut self, from: usize) -> Option<usize> {
        loop {
            if from >= self.base + BLOCK {
                // Far on: what lies between was read by somebody already.
                self.base = from;
                self.load();
            } else if from > self.base {
                self.mask &= u64::MAX << (from - self.base);
            }
            if self.mask != 0 {
                return Some(self.base + self.mask.trailing_zeros() as usize);
            }
            if self.base + BLOCK >= self.text.len() {
                return None;
            }
            self.base += BLOCK;
            self.skip();
            self.load();
        }
    }

    /// Passes over blocks with nothing in them.
    fn skip(&mut self) {
        let rest = self.text.get(self.base..).unwrap_or_default();
        for block in rest.as_chunks::<BLOCK>().0 {
            let [a, b, c, d] = block.as_chunks::<16>().0 else { return };
            if (hits(a) | hits(b) | hits(c) | hits(d)).to_bitmask() != 0 {
                return;
            }
            self.base += BLOCK;
        }
    }

    fn load(&mut self) {
        let rest = self.text.get(self.base..).unwrap_or_default();
        self.mask = match rest.first_chunk::<BLOCK>() {
            Some(block) => block_mask(block),
            None => {
                let mut block = [0; BLOCK];
                for (to, from) in block.iter_mut().zip(rest) {
                    *to = *from;
                }
                block_mask(&block)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Triggers;

    #[test]
    fn every_digit_at_sign_and_bracket_is_told() {
        for len in [0, 1, 15, 63, 64, 65, 127, 128, 129, 1000] {
            let text: Vec<u8> = (0..len).map(|n| b"a\xff/:0\x80z9 @?_Z<-="[n * 7 % 16]).collect();
            for from in [0, 1, 7, 64, 70] {
                let mut found = Vec::new();
                let mut triggers = Triggers::new(&text, from);
                let mut at = from;
                while let Some(next) = triggers.next(at) {
                    found.push(next);
                    at = next + 1;
                }
                let wanted: Vec<_> = (from..len)
                    .filter(|at| text[*at].is_ascii_digit() || b"@<_-".contains(&text[*at]))
                    .collect();
                assert_eq!(found, wanted, "{len} {from}");
            }
        }
    }
}
