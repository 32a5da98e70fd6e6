//! Counting tokens for real, where a bound is not good enough.
//!
//! The vocabulary is 40 MB in the binary and 65 MB in memory, and takes some 70 ms to load: it is loaded
//! when it is first asked for, and where there is an offload port, never on the event loop. Counting is
//! linear in the text's length, whatever the text: 64 KiB take 1 to 3 ms.

use std::sync::OnceLock;

/// A text up to so many bytes is counted where it stands; a longer one is given to the offload port.
pub(crate) const INLINE_BYTES_MAX: usize = 64 * 1024;

/// What is told of a vocabulary that is not ours: twice our count. Published comparisons put the
/// vocabularies of the last years up to a half above `o200k_base` for the languages they were made
/// for. A bound in bytes stays above it all.
const OTHER_FACTOR: u64 = 2;

/// How a model's tokens are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// `o200k_base`, that of OpenAI's models since GPT-4o: counted exactly.
    O200k,
    /// Any other: counted with `o200k_base`, and twice that is told.
    #[default]
    Other,
}

static LOADED: OnceLock<&'static bpe_openai::Tokenizer> = OnceLock::new();

/// Whether counting needs no loading.
pub(crate) fn is_loaded() -> bool {
    LOADED.get().is_some()
}

/// How many tokens the texts come to, each by itself.
pub(crate) fn count<'t>(texts: impl IntoIterator<Item = &'t str>) -> u64 {
    let tokenizer = LOADED.get_or_init(bpe_openai::o200k_base);
    let each = texts.into_iter().map(|text| tokenizer.count(text) as u64);
    each.fold(0, u64::saturating_add)
}

impl Vocabulary {
    /// What so many tokens of ours may be of this vocabulary's.
    pub(crate) fn at_most(self, counted: u64) -> u64 {
        match self {
            Self::O200k => counted,
            Self::Other => counted.saturating_mul(OTHER_FACTOR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Vocabulary, count};

    #[test]
    fn each_text_is_counted_by_itself() {
        for (text, tokens) in [("", 0), ("hello world", 2), ("antidisestablishmentarianism", 6)] {
            assert_eq!(count([text]), tokens, "{text}");
        }
        assert_eq!(count(["hello world", "hello world"]), 4);
    }

    #[test]
    fn a_token_covers_at_least_a_byte() {
        for text in [
            "a",
            "\n\n\n",
            "漢字かな",
            "\u{1f600}\u{1f9d1}\u{200d}\u{1f680}",
            "\u{0}\u{7f}",
            "<|endoftext|>",
        ] {
            assert!(count([text]) <= text.len() as u64, "{text}");
        }
    }

    #[test]
    fn what_is_not_ours_is_told_with_a_margin() {
        assert_eq!((Vocabulary::O200k.at_most(7), Vocabulary::Other.at_most(7)), (7, 14));
        assert_eq!(Vocabulary::Other.at_most(u64::MAX), u64::MAX);
    }
}
