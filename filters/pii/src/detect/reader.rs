//! Reading a text that may not be all there yet.

use std::cell::Cell;
use wide::u8x16;

/// Bytes that are looked at in one step.
const LANES: usize = 16;

/// A text, and whether anybody has looked past its end. What was decided without looking past the end
/// stays decided, whatever comes: this is what makes a stream's findings those of the whole text.
pub(crate) struct Reader<'t> {
    text: &'t [u8],
    touched: Cell<bool>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, touched: Cell::new(false) }
    }

    pub(crate) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// The byte at `at`, or 0 past the end, which is then noted.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> u8 {
        match self.text.get(at) {
            Some(byte) => *byte,
            None => {
                self.touched.set(true);
                0
            }
        }
    }

    /// The byte before `at`, or 0 at the beginning.
    #[inline]
    pub(crate) fn before(&self, at: usize) -> u8 {
        at.checked_sub(1).and_then(|at| self.text.get(at)).copied().unwrap_or(0)
    }

    /// The bytes from `start` to `end`, as far as they are there.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'t [u8] {
        if end > self.text.len() {
            self.touched.set(true);
        }
        self.text.get(start..end.min(self.text.len())).unwrap_or_default()
    }

    /// Whether `word` stands at `at`; looks past the end only while the text still agrees.
    pub(crate) fn says(&self, at: usize, word: &[u8]) -> bool {
        word.iter().enumerate().all(|(n, byte)| self.at(at + n) == *byte)
    }

    /// The end of the run of bytes from `at` on that fit, at most `most` of them.
    #[inline]
    pub(crate) fn run(&self, at: usize, most: usize, fits: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let near = rest.get(..most).unwrap_or(rest);
        match near.iter().position(|byte| !fits(*byte)) {
            Some(len) => at + len,
            None => {
                if near.len() < most {
                    self.touched.set(true);
                }
                at + near.len()
            }
        }
    }

    /// The start of the run of bytes before `at` that fit, at most `most` of them.
    #[inline]
    pub(crate) fn run_back(&self, at: usize, most: usize, fits: impl Fn(u8) -> bool) -> usize {
        let near = self.text.get(at.saturating_sub(most)..at).unwrap_or_default();
        let other = near.iter().rposition(|byte| !fits(*byte));
        at - near.len() + other.map_or(0, |other| other + 1)
    }

    /// The end of the run of letters and digits from `at` on, at most `most` of them. Nearly all runs are
    /// short, so it is found without a branch for each byte.
    #[inline]
    pub(crate) fn alnum_end(&self, at: usize, most: usize) -> usize {
        match self.lanes(at).map(|bytes| ones(digits(bytes) | letters(bytes))) {
            Some(len @ ..LANES) => at + len.min(most),
            _ => self.run(at, most, is_alnum),
        }
    }

    /// The start of the run of letters and digits before `at`, at most `most` of them.
    #[inline]
    pub(crate) fn alnum_start(&self, at: usize, most: usize) -> usize {
        let bytes = at.checked_sub(LANES).and_then(|first| self.lanes(first));
        let mask = bytes.map(|bytes| (digits(bytes) | letters(bytes)) << (32 - LANES));
        match mask.map(|mask| mask.leading_ones() as usize) {
            Some(len @ ..LANES) => at - len.min(most),
            _ => self.run_back(at, most, is_alnum),
        }
    }

    /// The end of the run of digits from `at` on, at most `most` of them.
    #[inline]
    pub(crate) fn digit_end(&self, at: usize, most: usize) -> usize {
        match self.lanes(at).map(|bytes| ones(digits(bytes))) {
            Some(len @ ..LANES) => at + len.min(most),
            _ => self.run(at, most, |byte| byte.is_ascii_digit()),
        }
    }

    /// The end of the run of letters or of digits from `at` on, at most `most` of them, and whether it is
    /// of letters.
    #[inline]
    pub(crate) fn same_end(&self, at: usize, most: usize) -> (usize, bool) {
        let lens = self.lanes(at).map(|bytes| (ones(digits(bytes)), ones(letters(bytes))));
        match lens {
            Some((digits @ ..LANES, letters @ ..LANES)) => {
                (at + digits.max(letters).min(most), letters > 0)
            }
            _ if self.at(at).is_ascii_alphabetic() => {
                (self.run(at, most, |byte| byte.is_ascii_alphabetic()), true)
            }
            _ => (self.run(at, most, |byte| byte.is_ascii_digit()), false),
        }
    }

    #[inline]
    fn lanes(&self, at: usize) -> Option<u8x16> {
        let rest = self.text.get(at..)?;
        rest.first_chunk::<LANES>().map(|bytes| u8x16::new(*bytes))
    }

    /// Whether anybody looked past the end since the last question.
    pub(crate) fn was_touched(&self) -> bool {
        self.touched.replace(false)
    }
}

/// Which bytes are digits, a bit each.
#[inline]
fn digits(bytes: u8x16) -> u32 {
    let digits = bytes - u8x16::splat(b'0');
    digits.min(u8x16::splat(9)).simd_eq(digits).to_bitmask()
}

/// Which bytes are letters.
#[inline]
fn letters(bytes: u8x16) -> u32 {
    let letters = (bytes | u8x16::splat(0x20)) - u8x16::splat(b'a');
    letters.min(u8x16::splat(25)).simd_eq(letters).to_bitmask()
}

/// How many bits from the lowest one on are set.
#[inline]
fn ones(mask: u32) -> usize {
    mask.trailing_ones() as usize
}

/// Letters and digits of ASCII: asked of more bytes than anything else, so by a table.
#[expect(clippy::indexing_slicing, reason = "worked out when it is compiled")]
static ALNUM: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// Letters and digits of ASCII.
#[inline]
pub(crate) fn is_alnum(byte: u8) -> bool {
    ALNUM.get(usize::from(byte)).copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::{Reader, is_alnum};

    #[test]
    fn runs_end_where_a_byte_for_each_says() {
        let text: Vec<u8> =
            (0..400u32).map(|n| b"ab1Z09-9 \xc3@[`{/:"[(n * n / 7 % 17) as usize]).collect();
        let text = [&text[..], &[b'7'; 40], &[b'q'; 40], &text[..30]].concat();
        for len in [0, 1, 15, 16, 17, 200, text.len()] {
            let reader = Reader::new(&text[..len]);
            let touching = |end: usize| (end, reader.was_touched());
            for (at, most) in (0..=len).flat_map(|at| [1, 3, 20, 32, 80].map(|most| (at, most))) {
                let digit = |byte: u8| byte.is_ascii_digit();
                let letter = |byte: u8| byte.is_ascii_alphabetic();
                assert_eq!(
                    touching(reader.alnum_end(at, most)),
                    touching(reader.run(at, most, is_alnum))
                );
                assert_eq!(reader.alnum_start(at, most), reader.run_back(at, most, is_alnum));
                assert_eq!(
                    touching(reader.digit_end(at, most)),
                    touching(reader.run(at, most, digit))
                );
                let (end, letters) = reader.same_end(at, most);
                let wanted = if letters {
                    reader.run(at, most, letter)
                } else {
                    reader.run(at, most, digit)
                };
                assert_eq!((end, letters), (wanted, letter(reader.at(at))));
                let _ = reader.was_touched();
            }
        }
    }
}
