//! Reading a text that may not be all there yet.

use std::cell::Cell;

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
        let mut end = at;
        while end - at < most && fits(self.at(end)) {
            end += 1;
        }
        end
    }

    /// The start of the run of bytes before `at` that fit, at most `most` of them.
    #[inline]
    pub(crate) fn run_back(&self, at: usize, most: usize, fits: impl Fn(u8) -> bool) -> usize {
        let mut start = at;
        while at - start < most && start > 0 && fits(self.before(start)) {
            start -= 1;
        }
        start
    }

    /// Whether anybody looked past the end since the last question.
    pub(crate) fn was_touched(&self) -> bool {
        self.touched.replace(false)
    }
}

/// Letters and digits of ASCII.
#[inline]
pub(crate) fn is_alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}
