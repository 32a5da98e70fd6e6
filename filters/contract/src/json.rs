//! JSON as bytes and spans: read once, never rebuilt.
//!
//! A [`Scanner`] walks a text in one pass, checks that it is well formed and hands out [`Span`]s into
//! the bytes. Nothing is copied and nothing becomes a tree, so that what no filter edits can leave
//! exactly as it came, whatever its number spellings, unknown members or order.
//!
//! ```
//! use behest_contract::json::{Scanner, Malformed};
//!
//! let text = br#"{"model":"m", "n": 1.50e+0}"#;
//! let mut scanner = Scanner::new(text);
//! let mut number = None;
//! scanner.object(|scanner, key| {
//!     let value = scanner.value()?;
//!     if key.is(text, b"n") {
//!         number = Some(value.span.of(text).to_vec());
//!     }
//!     Ok::<(), Malformed>(())
//! })?;
//! scanner.end()?;
//! assert_eq!(number.as_deref(), Some(&b"1.50e+0"[..]));
//! # Ok::<(), Malformed>(())
//! ```

mod scan;
mod seen;
mod string;

pub use scan::{Kind, Scanner, Value};
pub use seen::Seen;

use std::borrow::Cow;
use std::fmt;

/// Nesting that is accepted; the outermost value counts as one. CONTRACT 5.
pub const DEPTH_MAX: usize = 64;

/// A stretch of bytes: `start..end`, offsets into the text that it was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// A span from offsets that lie below 4 GiB; larger ones saturate and then name nothing.
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// The bytes that the span names, or nothing where it lies outside of `text`.
    pub fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.range()).unwrap_or_default()
    }

    /// As a range of offsets.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it covers no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A JSON string in place: the span lies between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Str {
    /// The bytes between the quotes.
    pub span: Span,
    /// Whether they hold a backslash, so that [`Str::decode`] has work to do.
    pub escaped: bool,
}

impl Str {
    /// The span with both quotes.
    pub fn quoted(&self) -> Span {
        Span { start: self.span.start.saturating_sub(1), end: self.span.end.saturating_add(1) }
    }

    /// Whether the decoded string is `name`.
    pub fn is(&self, text: &[u8], name: &[u8]) -> bool {
        self.name(text).as_ref() == name
    }

    /// The string's bytes as it reads. What is compared with names of ASCII need not be a `str`.
    pub fn name<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if self.escaped {
            return Cow::Owned(string::decode(self.span.of(text)).into_bytes());
        }
        Cow::Borrowed(self.span.of(text))
    }

    /// The string as it reads, borrowed where it holds no escape. An unpaired surrogate, which JSON
    /// allows and Unicode does not, reads as U+FFFD.
    pub fn decode<'t>(&self, text: &'t [u8]) -> Cow<'t, str> {
        if self.escaped {
            return Cow::Owned(string::decode(self.span.of(text)));
        }
        let raw = self.span.of(text);
        // The common case, much faster than the lossy one looks at it.
        std::str::from_utf8(raw).map_or_else(|_| String::from_utf8_lossy(raw), Cow::Borrowed)
    }
}

/// `text` as a JSON string, with its quotes.
pub fn quote(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    string::encode(text, &mut out);
    out
}

/// Appends `text` to `out` as a JSON string, with its quotes.
pub fn quote_into(text: &str, out: &mut Vec<u8>) {
    string::encode(text, out);
}

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// Offset at which reading stopped.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

/// The text of a JSON string that stands alone, quotes included.
pub(crate) fn decode_quoted(quoted: &[u8]) -> String {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    string::decode(inside)
}
