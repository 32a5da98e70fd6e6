//! Text that already reads like a placeholder.

use super::reader::Reader;

/// Characters of a placeholder's suffix.
pub(crate) const SUFFIX: usize = 8;
/// The shortest name of a built-in kind, with its bracket.
const NAME_MIN: usize = 4;
/// The longest name.
pub(crate) const NAME_MAX: usize = 40;

pub(crate) fn is_base32(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte)
}

/// Where `<NAME_SUFFIX>` or `<NAME>` that begins at `open` ends; `known` says which names there are.
pub(crate) fn end(text: &Reader<'_>, open: usize, known: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let close = text.run(open + 1, NAME_MAX + 1 + SUFFIX, inside);
    if text.at(close) != b'>' || close - open < NAME_MIN {
        return None;
    }
    let word = text.slice(open + 1, close);
    // Types and tags are written in both cases, or have no `_`; names are not.
    let large = word.iter().any(u8::is_ascii_uppercase);
    if large && word.iter().any(u8::is_ascii_lowercase) && !word.contains(&b'_') {
        return None;
    }
    let word = word.to_ascii_uppercase();
    let named = match word.split_at_checked(word.len().saturating_sub(SUFFIX + 1)) {
        Some((name, [b'_', suffix @ ..])) => {
            suffix.iter().all(|byte| is_base32(*byte)) && known(name)
        }
        _ => false,
    };
    (named || known(&word)).then_some(close + 1)
}
