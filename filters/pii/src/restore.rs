//! Putting values back, whatever a model did to their placeholders.
//!
//! Models change case, write blanks or dashes for `_`, drop or double brackets, set bold or code inside
//! of them, wrap lines. So letters are compared, and what stands between them is passed over.

use crate::detect::reader::{Reader, is_alnum};
use crate::vault::Vault;
use behest_contract::json;
use std::sync::Arc;

/// Bytes between two letters that may be passed over.
const NOISE_MAX: usize = 6;
const BRACKETS_MAX: usize = 4;
/// Backslashes of one escape: enough for four levels of JSON.
const SLASHES_MAX: usize = 8;

/// How a value is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As it is.
    Plain,
    /// As the inside of a JSON string: for the arguments of tools.
    Json,
}

/// Puts the values of one request back into a whole text.
#[derive(Debug, Clone)]
pub struct Restorer {
    vault: Arc<Vault>,
    spelling: Spelling,
    /// Bytes that a placeholder may begin with.
    begins: [u64; 4],
}

impl Restorer {
    /// A restorer for what a request held.
    pub fn new(vault: Arc<Vault>, spelling: Spelling) -> Self {
        let mut begins = [0u64; 4];
        let firsts = vault.spelt().iter().filter_map(|(letters, _)| letters.first());
        let firsts = firsts.flat_map(|byte| [byte.to_ascii_uppercase(), byte.to_ascii_lowercase()]);
        for byte in firsts.chain(*b"<[&\\") {
            if let Some(word) = begins.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        Self { vault, spelling, begins }
    }

    /// The text with its values; `None` if it holds no placeholder.
    pub fn restore(&self, text: &str) -> Option<String> {
        let mut stream = StreamRestorer::new(self.clone());
        let mut out = String::new();
        stream.push(text, &mut out);
        stream.finish(&mut out);
        (out != text).then_some(out)
    }

    fn may_begin(&self, byte: u8) -> bool {
        self.begins.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    /// The value whose placeholder begins at `at`, and where that ends.
    fn read(&self, text: &Reader<'_>, at: usize) -> Option<(usize, usize)> {
        let (mut here, mut brackets) = (at, 0);
        let kind = Bracket::at(text, here).map(|(kind, _)| kind);
        while let Some(kind) = kind.filter(|_| brackets < BRACKETS_MAX) {
            match Bracket::at(text, here) {
                Some((other, width)) if other == kind => {
                    here += width;
                    brackets += 1;
                }
                None if b"*`_ ".contains(&text.at(here)) && here - at < 12 => here += 1,
                _ => break,
            }
        }
        let mut letters: Vec<u8> = Vec::with_capacity(48);
        let mut range = self.vault.spelt();
        let mut end = here;
        loop {
            let byte = text.at(here);
            if is_alnum(byte) {
                letters.push(byte.to_ascii_uppercase());
                here += 1;
                end = here;
                range = narrowed(range, &letters);
                if let [(whole, entry), ..] = range
                    && **whole == *letters
                {
                    return self.closed(text, *entry, end, (kind, brackets));
                }
                if range.is_empty() {
                    return None;
                }
                continue;
            }
            if kind.is_some_and(|kind| kind.closes(text, here).is_some()) && !letters.is_empty() {
                // Without its suffix, which is enough where there is one value of its kind.
                let entry = self.vault.only(&letters)?;
                return self.closed(text, entry, end, (kind, brackets));
            }
            let noise = noise(text, here);
            if noise == 0 || letters.is_empty() || here + noise - end > NOISE_MAX {
                return None;
            }
            here += noise;
        }
    }

    /// A placeholder whose letters end at `end`, with the brackets that close it.
    fn closed(
        &self,
        text: &Reader<'_>,
        entry: usize,
        end: usize,
        (kind, brackets): (Option<Bracket>, usize),
    ) -> Option<(usize, usize)> {
        // A value that stood in brackets itself keeps them: it is found again at the inner one.
        if is_alnum(text.at(end)) || brackets > 1 && self.vault.was_bracketed(entry) {
            return None;
        }
        let (mut here, mut end, mut left) = (end, end, brackets);
        while let Some(kind) = kind.filter(|_| left > 0) {
            match kind.closes(text, here) {
                Some(width) => {
                    here += width;
                    end = here;
                    left -= 1;
                }
                None if b"*`_ \\".contains(&text.at(here)) && here - end < 4 => here += 1,
                None => break,
            }
        }
        Some((entry, end))
    }

    fn spell(&self, entry: usize, out: &mut String) {
        let value = self.vault.value(entry);
        if self.spelling == Spelling::Plain {
            out.push_str(value);
            return;
        }
        let quoted = json::quote(value);
        let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        out.push_str(std::str::from_utf8(inside).unwrap_or_default());
    }
}

/// The brackets of a placeholder. Round ones and braces are never its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Angle,
    Square,
}

impl Bracket {
    /// The opening bracket at `at`, and its width.
    fn at(text: &Reader<'_>, at: usize) -> Option<(Self, usize)> {
        if text.at(at) == b'[' {
            return Some((Self::Square, 1));
        }
        let angle = width(text, at, &[b"<", b"&lt;"]);
        let angle = angle.or_else(|| escaped(text, at, &[b"u003c", b"u003C"]));
        angle.map(|width| (Self::Angle, width))
    }

    /// The width of the closing bracket at `at`, if there is one.
    fn closes(self, text: &Reader<'_>, at: usize) -> Option<usize> {
        match self {
            Self::Square => width(text, at, &[b"]"]),
            Self::Angle => width(text, at, &[b">", b"&gt;"])
                .or_else(|| escaped(text, at, &[b"u003e", b"u003E"])),
        }
    }
}

fn width(text: &Reader<'_>, at: usize, spellings: &[&[u8]]) -> Option<usize> {
    spellings.iter().find(|one| text.says(at, one)).map(|one| one.len())
}

/// The width of an escape: in JSON within JSON its backslash is escaped too, and all of them are its own.
fn escaped(text: &Reader<'_>, at: usize, spellings: &[&[u8]]) -> Option<usize> {
    let slashes = (at..at + SLASHES_MAX).take_while(|at| text.at(*at) == b'\\').count();
    let width = width(text, at + slashes, spellings).filter(|_| slashes > 0)?;
    Some(slashes + width)
}

/// The width of a character that may stand between two letters; 0 for any other.
fn noise(text: &Reader<'_>, at: usize) -> usize {
    match text.at(at) {
        b'_' | b'-' | b' ' | b'*' | b'`' | b'\\' | b'\n' => 1,
        // Odd dashes and characters without width: U+2010 to U+2015, U+200B to U+200D, U+2060.
        0xe2 => match (text.at(at + 1), text.at(at + 2)) {
            (0x80, 0x8b..=0x8d | 0x90..=0x95) | (0x81, 0xa0) => 3,
            _ => 0,
        },
        0xef if text.at(at + 1) == 0xbb && text.at(at + 2) == 0xbf => 3,
        0xc2 if text.at(at + 1) == 0xa0 => 2,
        _ => 0,
    }
}

type Spelt = (Box<[u8]>, usize);

/// Those that begin with the letters read so far.
fn narrowed<'v>(spelt: &'v [Spelt], letters: &[u8]) -> &'v [Spelt] {
    let from = spelt.partition_point(|(known, _)| known.as_ref() < letters);
    let rest = spelt.get(from..).unwrap_or_default();
    let count = rest.partition_point(|(known, _)| known.starts_with(letters));
    rest.get(..count).unwrap_or_default()
}

/// Puts values back into one channel of a stream.
#[derive(Debug, Clone)]
pub struct StreamRestorer {
    restorer: Restorer,
    /// What may be the beginning of a placeholder.
    held: String,
    /// The byte before it.
    before: u8,
}

impl StreamRestorer {
    /// At the beginning of a channel.
    pub fn new(restorer: Restorer) -> Self {
        Self { restorer, held: String::new(), before: 0 }
    }

    /// Takes a piece and appends what can leave.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        if self.restorer.vault.is_empty() {
            out.push_str(piece);
            return;
        }
        if self.held.is_empty() && piece.bytes().all(|byte| !self.restorer.may_begin(byte)) {
            self.before = piece.bytes().next_back().unwrap_or(self.before);
            out.push_str(piece);
            return;
        }
        let mut text = std::mem::take(&mut self.held);
        text.push_str(piece);
        let kept = self.run(&text, false, out);
        self.held = text.get(kept..).unwrap_or_default().to_owned();
    }

    /// Appends what was held: nothing more comes.
    pub fn finish(&mut self, out: &mut String) {
        let text = std::mem::take(&mut self.held);
        self.run(&text, true, out);
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Appends what is decided of `text`; returns where that ends.
    fn run(&mut self, text: &str, whole: bool, out: &mut String) -> usize {
        let bytes = text.as_bytes();
        let reader = Reader::new(bytes);
        let (mut at, mut kept) = (0, 0);
        while let Some(byte) = bytes.get(at).copied() {
            let before = if at == 0 { self.before } else { reader.before(at) };
            let inside = byte.is_ascii_alphanumeric() && is_alnum(before);
            if inside || !self.restorer.may_begin(byte) {
                at += 1;
                continue;
            }
            let found = self.restorer.read(&reader, at);
            if reader.was_touched() && !whole {
                break;
            }
            match found {
                Some((entry, end)) => {
                    out.push_str(text.get(kept..at).unwrap_or_default());
                    self.restorer.spell(entry, out);
                    (at, kept) = (end, end);
                }
                None => at += 1,
            }
        }
        out.push_str(text.get(kept..at).unwrap_or_default());
        if at > 0 {
            self.before = reader.before(at);
        }
        at
    }
}
