//! An answer on its way out, in small pieces.
//!
//! A provider's answer comes in [`Frame`]s: one event of a stream, or the whole answer at once. A
//! frame keeps its payload's bytes as they came and says where in them the texts lie. Rooms see the
//! [`Delta`]s of a frame, one after the other; a frame whose deltas come through untouched leaves as
//! the bytes that came.

mod channel;

pub use channel::{Channel, ChannelKind, ReasoningName};

use crate::json::{self, Span, Str};
use bytes::Bytes;
use smallvec::SmallVec;
use std::borrow::Cow;

/// A piece of text.
#[derive(Debug, Clone)]
pub struct Text {
    /// What it is a piece of.
    pub channel: Channel,
    words: Words,
}

#[derive(Debug, Clone)]
enum Words {
    /// The inside of a JSON string, as it came.
    Came { raw: Bytes, escaped: bool },
    /// A room's own words.
    Written(Box<str>),
}

impl Text {
    /// The text at `place` of a payload.
    pub fn came(channel: Channel, payload: &Bytes, place: Str) -> Self {
        let range = place.span.range();
        let raw = if range.end <= payload.len() { payload.slice(range) } else { Bytes::new() };
        Self { channel, words: Words::Came { raw, escaped: place.escaped } }
    }

    /// A text of a room's own.
    pub fn written(channel: Channel, words: impl Into<Box<str>>) -> Self {
        Self { channel, words: Words::Written(words.into()) }
    }

    /// The same place with other words.
    #[must_use]
    pub fn with(&self, words: impl Into<Box<str>>) -> Self {
        Self::written(self.channel, words)
    }

    /// How many bytes it has as it came, its escapes as they were spelt.
    pub fn len(&self) -> usize {
        match &self.words {
            Words::Came { raw, .. } => raw.len(),
            Words::Written(words) => words.len(),
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether these are the provider's bytes.
    pub fn is_untouched(&self) -> bool {
        matches!(self.words, Words::Came { .. })
    }

    /// Whether this is the very text that stands at `place` of `payload`: not a copy, and not one
    /// that a room held back from an earlier payload.
    pub fn stands_at(&self, payload: &Bytes, place: Str) -> bool {
        let there = place.span.of(payload);
        matches!(&self.words, Words::Came { raw, .. }
            if std::ptr::eq(raw.as_ptr(), there.as_ptr()) && raw.len() == there.len())
    }

    /// The text as it reads.
    pub fn read(&self) -> Cow<'_, str> {
        match &self.words {
            Words::Came { raw, escaped } => {
                let span = Span::new(0, raw.len());
                Str { span, escaped: *escaped }.decode(raw)
            }
            Words::Written(words) => Cow::Borrowed(words),
        }
    }

    /// Appends the inside of a JSON string that says this text.
    pub fn spell(&self, out: &mut Vec<u8>) {
        match &self.words {
            Words::Came { raw, .. } => out.extend_from_slice(raw),
            Words::Written(words) => {
                let quoted = json::quote(words);
                out.extend_from_slice(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
        }
    }
}

/// What the provider says was used. CONTRACT 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written, the reasoning's included.
    pub completion_tokens: u64,
    /// Of the tokens read, those that came from a cache.
    pub cached_tokens: u64,
    /// Of the tokens written, those that were thought.
    pub reasoning_tokens: u64,
}

/// One thing that happens in an answer.
#[derive(Debug, Clone)]
pub enum Delta {
    /// Some text.
    Text(Text),
    /// This choice says no more: what a room still holds of it must leave now.
    Finish {
        /// The index of the choice.
        choice: u32,
    },
    /// What was used.
    Usage(Usage),
    /// The answer is over.
    End,
}

/// A text's place within a frame.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What the text is a piece of.
    pub channel: Channel,
    /// Where its characters stand in the payload.
    pub place: Str,
}

/// One event of a stream, or a whole answer.
///
/// The payload is JSON in the shape of OpenAI's chat completions, which is what most providers and
/// most clients speak: other dialects write it so.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The event's JSON.
    pub payload: Bytes,
    /// The texts in it.
    pub parts: SmallVec<[Part; 1]>,
    /// What happens, in order; a `Text` for each part is among it.
    pub deltas: SmallVec<[Delta; 2]>,
    /// The value of `choices`, where there is one.
    pub choices: Option<Span>,
    /// Whether `choices` is there and empty.
    pub no_choices: bool,
    /// The member `usage`, name and value, where there is one.
    pub usage: Option<Span>,
    /// Whether it holds more than its parts: a role, a tool's name, a finish, usage, …
    pub says_more: bool,
}

/// What comes out of a decoder.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are frames, and a box for each costs more"
)]
pub enum Decoded {
    /// A piece of the answer.
    Frame(Frame),
    /// The provider reports an error in place of a piece.
    Error,
}
