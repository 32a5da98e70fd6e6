//! The words that speak for values, laid out to be told from all others at once.

use super::words::WORDS;
use crate::entity::EntitySet;
use std::sync::LazyLock;

/// A word of Latin letters that something begins with: what follows it, and what that speaks for.
pub(super) struct Phrase {
    word: &'static str,
    /// Further words, each with the blank before it.
    rest: &'static str,
    pub(super) meaning: EntitySet,
}

/// Phrases of Latin letters, found by their first words.
pub(super) struct Phrases {
    /// Bits of the hashes that there are: nearly all words of a text are told by it that they are none.
    filter: [u64; FILTER / 64],
    /// Sorted by the first word's key.
    list: Vec<(u64, Phrase)>,
    /// By a key's hash, where its phrases begin; 0 for nowhere.
    places: Vec<u16>,
}

const PLACES: usize = 2048;
const FILTER: usize = 8192;
const SMALL: u64 = 0x2020_2020_2020_2020;

/// The first eight letters of a word in small letters, and its length.
pub(super) fn key(word: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
    key_of(u64::from_le_bytes(first), word.len())
}

/// The same from eight bytes of the text, of which the first `len` are the word.
#[inline]
pub(super) fn key_of(bytes: u64, len: usize) -> u64 {
    let unused = 64 - 8 * len.min(8) as u32;
    ((bytes | SMALL) & u64::MAX >> unused) ^ (len as u64) << 59
}

#[inline]
fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline]
fn place(key: u64) -> usize {
    (hash(key) >> 53) as usize
}

/// The word and the bit of a key in a filter.
#[inline]
fn filter_bit(key: u64) -> (usize, u64) {
    let bit = hash(key) >> 51;
    ((bit / 64) as usize, 1 << (bit % 64))
}

/// Every word of the table with all that it speaks for.
fn vocabulary() -> Vec<(&'static str, EntitySet)> {
    let mut spoken: Vec<(&'static str, EntitySet)> = Vec::new();
    for (entity, words) in WORDS {
        for word in words.split('|') {
            match spoken.iter_mut().find(|(known, _)| *known == word) {
                Some((_, set)) => set.insert(*entity),
                None => spoken.push((word, [*entity].into_iter().collect())),
            }
        }
    }
    spoken
}

pub(super) static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let latin = vocabulary().into_iter().filter(|(word, _)| word.is_ascii());
    let phrase = |(words, meaning): (&'static str, EntitySet)| {
        let (word, rest) = words.split_at(words.find(' ').unwrap_or(words.len()));
        (key(word.as_bytes()), Phrase { word, rest, meaning })
    };
    let mut list: Vec<_> = latin.map(phrase).collect();
    list.sort_by_key(|(key, _)| (place(*key), *key));
    let (mut places, mut filter) = (vec![0; PLACES], [0; FILTER / 64]);
    for (number, (key, _)) in (1..).zip(&list) {
        if let Some(at) = places.get_mut(place(*key)).filter(|at| **at == 0) {
            *at = number;
        }
        let (at, bit) = filter_bit(*key);
        if let Some(bits) = filter.get_mut(at) {
            *bits |= bit;
        }
    }
    Phrases { filter, list, places }
});

impl Phrases {
    #[inline]
    pub(super) fn may_have(&self, key: u64) -> bool {
        let (at, bit) = filter_bit(key);
        self.filter.get(at).is_some_and(|bits| bits & bit != 0)
    }

    /// Those whose first word may have this key.
    pub(super) fn with(&self, key: u64) -> impl Iterator<Item = &Phrase> {
        let at = place(key);
        let from = usize::from(self.places.get(at).copied().unwrap_or(0));
        let list = from.checked_sub(1).and_then(|from| self.list.get(from..)).unwrap_or_default();
        let same = list.iter().take_while(move |(other, _)| place(*other) == at);
        same.filter(move |(other, _)| *other == key).map(|(_, phrase)| phrase)
    }
}

impl Phrase {
    /// Where the phrase ends, if its first word stands from `start` to `end`.
    pub(super) fn end(&self, text: &[u8], start: usize, end: usize) -> Option<usize> {
        // Up to eight letters were compared by the key.
        let more = self.word.as_bytes().get(8..).unwrap_or_default();
        let same = end - start == self.word.len()
            && (more.is_empty() || text.get(start + 8..end)?.eq_ignore_ascii_case(more));
        if !same {
            return None;
        }
        if self.rest.is_empty() {
            return Some(end);
        }
        let after = end + self.rest.len();
        let rest = text.get(end..after)?;
        let follows =
            rest.iter().zip(self.rest.bytes()).all(|(byte, wanted)| folded(*byte) == wanted);
        let joined = text.get(after).is_some_and(u8::is_ascii_alphabetic);
        (follows && !joined).then_some(after)
    }
}

/// A word that holds letters of other scripts.
pub(super) struct Foreign {
    /// Its letters of ASCII are small.
    word: Box<[u8]>,
    /// Bytes before its first byte beyond ASCII.
    before: usize,
    pub(super) meaning: EntitySet,
    /// Whether it must stand alone (beyond Latin none need).
    alone: bool,
}

/// Such words by their first two bytes beyond ASCII.
pub(super) struct Foreigners {
    /// Bits of the pairs that there are, by their first and the end of their second byte.
    filter: [u64; 64],
    /// Sorted by them.
    pub(super) list: Vec<(u16, Foreign)>,
}

impl Foreigners {
    fn place(lead: u16) -> (usize, u64) {
        // The first byte lies from 0xc0 to 0xff, and six bits of the second one count.
        (usize::from(lead >> 8 & 0x3f), 1 << (lead & 0x3f))
    }

    #[inline]
    pub(super) fn may_have(&self, lead: u16) -> bool {
        let (at, bit) = Self::place(lead);
        lead >= 0xc000 && self.filter.get(at).is_some_and(|bits| bits & bit != 0)
    }
}

/// A word as it is, with a capital, and in capitals; letters of ASCII stay small, for they are read so.
fn spellings(word: &str) -> impl Iterator<Item = String> {
    let large = |letter: char| letter.to_uppercase().collect::<String>().to_ascii_lowercase();
    let mut rest = word.chars();
    let first: String = rest.next().into_iter().map(large).chain([rest.collect()]).collect();
    let mut all = vec![word.to_owned(), first, word.chars().map(large).collect()];
    all.sort_unstable();
    all.dedup();
    all.into_iter()
}

pub(super) static FOREIGN: LazyLock<Foreigners> = LazyLock::new(|| {
    let foreign = vocabulary().into_iter().filter(|(word, _)| !word.is_ascii());
    let foreign = foreign.flat_map(|(word, set)| spellings(word).map(move |word| (word, set)));
    let with_lead = foreign.filter_map(|(word, meaning)| {
        let before = word.bytes().position(|byte| byte >= 0x80)?;
        let lead = word.as_bytes().get(before..)?.first_chunk::<2>()?;
        let alone = word.chars().next().is_some_and(|first| u32::from(first) < 0x370);
        let lead = u16::from_be_bytes(*lead);
        Some((lead, Foreign { word: word.into_bytes().into(), before, meaning, alone }))
    });
    let mut list: Vec<_> = with_lead.collect();
    list.sort_by_key(|(lead, _)| *lead);
    let mut filter = [0; 64];
    for (lead, _) in &list {
        let (at, bit) = Foreigners::place(*lead);
        if let Some(bits) = filter.get_mut(at) {
            *bits |= bit;
        }
    }
    Foreigners { filter, list }
});

impl Foreign {
    /// Where the word stands, if its first byte beyond ASCII is at `at`; it begins no earlier than `from`.
    pub(super) fn stands(&self, text: &[u8], from: usize, at: usize) -> Option<(usize, usize)> {
        let start = at.checked_sub(self.before).filter(|start| *start >= from)?;
        let end = start + self.word.len();
        let said = text.get(start..end)?;
        let same = said.iter().zip(&self.word).all(|(byte, wanted)| folded(*byte) == *wanted);
        let joins =
            |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
        let inside = self.alone && (joins(start.checked_sub(1)) || joins(Some(end)));
        (same && !inside).then_some((start, end))
    }
}

pub(super) fn folded(byte: u8) -> u8 {
    match byte {
        b'-' | b'.' | b'_' | b'\n' => b' ',
        byte => byte.to_ascii_lowercase(),
    }
}
