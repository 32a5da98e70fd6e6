//! The beginnings of terms. Where there are few of them they are looked for together, and most of a text is
//! passed over without a look at each of its words.

use super::literals::Literals;
use std::hash::Hasher;

/// More are looked up word by word.
const HEADS_MAX: usize = 64;

pub(crate) fn hash(head: u64) -> u64 {
    (head ^ head >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Heads are hashed already; an attacker does not choose a project's terms.
#[derive(Default)]
pub(crate) struct HeadHasher(u64);

impl Hasher for HeadHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = hash(self.0 ^ u64::from(*byte)));
    }
    fn write_u64(&mut self, head: u64) {
        self.0 = hash(head);
    }
}

/// Heads of terms in small letters, each of at least four bytes.
pub(crate) struct Heads {
    heads: Vec<u64>,
    literals: Literals,
}

impl Heads {
    /// `None` where words are better looked up one by one: many heads, or a short one.
    pub(crate) fn new(heads: impl Iterator<Item = u64>) -> Option<Self> {
        let mut heads: Vec<u64> = heads.take(HEADS_MAX + 1).collect();
        heads.sort_unstable();
        let bytes: Vec<_> = heads.iter().map(|head| head.to_le_bytes()).collect();
        let words = bytes.iter().map(|bytes| {
            let word = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            std::str::from_utf8(word).ok().filter(|word| word.len() >= 4)
        });
        let words: Vec<&str> = words.collect::<Option<_>>()?;
        let literals = Literals::new(words);
        (heads.len() <= HEADS_MAX).then_some(Self { heads, literals })
    }

    /// Tells each place behind `from` where the bytes of a head stand, in letters large or small.
    pub(crate) fn each(&self, text: &[u8], from: usize, mut tell: impl FnMut(u64, usize)) {
        self.literals.each_small(text, from, |head, start| {
            tell(self.heads.get(head).copied().unwrap_or_default(), start);
        });
    }
}
