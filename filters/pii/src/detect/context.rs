//! What speaks for a value beside it: the words before it, and the name of the member that holds it.

use super::words::WORDS;
use crate::entity::EntitySet;
use std::sync::LazyLock;
use wide::u8x16;

/// Bytes before a value in which words count.
pub(crate) const REACH: usize = 72;

/// Where a text stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The name of the member that holds it.
    pub name: &'a str,
}

/// A word of Latin letters that something begins with: what follows it, and what that speaks for.
struct Phrase {
    word: &'static str,
    /// Further words, each with the blank before it.
    rest: &'static str,
    meaning: EntitySet,
}

/// Phrases of Latin letters, found by their first words.
struct Phrases {
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
fn key(word: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
    key_of(u64::from_le_bytes(first), word.len())
}

/// The same from eight bytes of the text, of which the first `len` are the word.
#[inline]
fn key_of(bytes: u64, len: usize) -> u64 {
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

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
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
    fn may_have(&self, key: u64) -> bool {
        let (at, bit) = filter_bit(key);
        self.filter.get(at).is_some_and(|bits| bits & bit != 0)
    }

    /// Those whose first word may have this key.
    fn with(&self, key: u64) -> impl Iterator<Item = &Phrase> {
        let at = place(key);
        let from = usize::from(self.places.get(at).copied().unwrap_or(0));
        let list = from.checked_sub(1).and_then(|from| self.list.get(from..)).unwrap_or_default();
        let same = list.iter().take_while(move |(other, _)| place(*other) == at);
        same.filter(move |(other, _)| *other == key).map(|(_, phrase)| phrase)
    }
}

impl Phrase {
    /// Where the phrase ends, if its first word stands from `start` to `end`.
    fn end(&self, text: &[u8], start: usize, end: usize) -> Option<usize> {
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
struct Foreign {
    /// Its letters of ASCII are small.
    word: Box<[u8]>,
    /// Bytes before its first byte beyond ASCII.
    before: usize,
    meaning: EntitySet,
    /// Whether it must stand alone (beyond Latin none need).
    alone: bool,
}

/// Such words by their first two bytes beyond ASCII.
struct Foreigners {
    /// Bits of the pairs that there are, by their first and the end of their second byte.
    filter: [u64; 64],
    /// Sorted by them.
    list: Vec<(u16, Foreign)>,
}

impl Foreigners {
    fn place(lead: u16) -> (usize, u64) {
        // The first byte lies from 0xc0 to 0xff, and six bits of the second one count.
        (usize::from(lead >> 8 & 0x3f), 1 << (lead & 0x3f))
    }

    #[inline]
    fn may_have(&self, lead: u16) -> bool {
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

static FOREIGN: LazyLock<Foreigners> = LazyLock::new(|| {
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
    fn stands(&self, text: &[u8], from: usize, at: usize) -> Option<(usize, usize)> {
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

fn folded(byte: u8) -> u8 {
    match byte {
        b'-' | b'.' | b'_' | b'\n' => b' ',
        byte => byte.to_ascii_lowercase(),
    }
}

/// A word that speaks for something.
#[derive(Clone, Copy)]
struct Spoken {
    start: usize,
    end: usize,
    meaning: EntitySet,
}

/// The words of a text, read once however often it is asked for those before a place.
#[derive(Default)]
pub(crate) struct Words {
    /// Whether any were read.
    begun: bool,
    /// Where reading began.
    from: usize,
    /// Up to where words were read, and the end of the last one.
    upto: usize,
    spoken_upto: usize,
    spoken: Vec<Spoken>,
    foreign: Vec<Spoken>,
}

impl Words {
    /// What the words before `at` speak for, those that lie within reach.
    pub(crate) fn before(&mut self, text: &[u8], at: usize) -> EntitySet {
        let first = at.saturating_sub(REACH);
        if !self.begun || first < self.from || first > self.upto {
            (self.begun, self.from, self.upto, self.spoken_upto) = (true, first, first, first);
            self.spoken.clear();
            self.foreign.clear();
        }
        self.read_to(text, at);
        let mut set = EntitySet::default();
        let near = self.spoken.iter().rev().take_while(|one| one.start >= first);
        near.filter(|one| one.end <= at).for_each(|one| set.join(&one.meaning));
        let near = self.foreign.iter().rev().take_while(|one| one.end + REACH > at);
        let within = near.filter(|one| one.start >= first && one.end <= at);
        within.for_each(|one| set.join(&one.meaning));
        set
    }

    /// Reads the words that begin before `at`.
    fn read_to(&mut self, text: &[u8], at: usize) {
        let begun = self.upto;
        let unread = text.get(begun..at).unwrap_or_default();
        if unread.len() < 16
            && unread.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic())
        {
            // From one number to the next.
            self.upto = at.max(begun);
            return;
        }
        let mut here = begun;
        let before = here.checked_sub(1).and_then(|before| text.get(before));
        if here == self.from && before.is_some_and(u8::is_ascii_alphabetic) {
            // The rest of a word that began out of reach.
            here = word_end(text, here);
        }
        let phrases = &*PHRASES;
        while here < at {
            here = self.block(phrases, text, here, at);
        }
        if !unread.is_ascii() {
            self.hear(text, begun, at);
        }
        self.upto = at.max(self.spoken_upto);
    }

    /// Reads the words that begin in the 64 bytes from `base` on and before `at`; returns where to read on.
    fn block(&mut self, phrases: &Phrases, text: &[u8], base: usize, at: usize) -> usize {
        let rest = text.get(base..).unwrap_or_default();
        let letters = letter_mask(rest);
        let mut starts = letters & !(letters << 1);
        if let Some(ahead) = at.checked_sub(base).filter(|ahead| *ahead < BLOCK) {
            starts &= !(u64::MAX << ahead);
        }
        while starts != 0 {
            let bit = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let start = base + bit;
            let len = (!(letters >> bit)).trailing_zeros() as usize;
            if bit + len >= BLOCK {
                let end = word_end(text, start);
                self.spoken_upto = end;
                let key = key(text.get(start..end).unwrap_or_default());
                self.phrases(phrases, text, (start, end), key);
                return end;
            }
            let key = match rest.get(bit..).and_then(|rest| rest.first_chunk::<8>()) {
                Some(bytes) => key_of(u64::from_le_bytes(*bytes), len),
                None => key(rest.get(bit..bit + len).unwrap_or_default()),
            };
            self.spoken_upto = start + len;
            if phrases.may_have(key) {
                self.phrases(phrases, text, (start, start + len), key);
            }
        }
        base + BLOCK
    }

    /// Notes what begins with a word.
    #[inline(never)]
    fn phrases(&mut self, phrases: &Phrases, text: &[u8], (start, end): (usize, usize), key: u64) {
        for phrase in phrases.with(key) {
            if let Some(end) = phrase.end(text, start, end) {
                self.spoken.push(Spoken { start, end, meaning: phrase.meaning });
            }
        }
    }

    /// Hears the words of other scripts that have a letter of theirs between `begun` and `at`.
    fn hear(&mut self, text: &[u8], begun: usize, at: usize) {
        let foreign = &*FOREIGN;
        let unread = text.get(begun..at).unwrap_or_default();
        for (n, lead) in unread.iter().zip(unread.iter().skip(1)).enumerate() {
            let lead = u16::from_be_bytes([*lead.0, *lead.1]);
            if !foreign.may_have(lead) {
                continue;
            }
            let from = foreign.list.partition_point(|(known, _)| *known < lead);
            let rest = foreign.list.get(from..).unwrap_or_default();
            for (_, word) in rest.iter().take_while(|(known, _)| *known == lead) {
                if let Some((start, end)) = word.stands(text, self.from, begun + n) {
                    self.foreign.push(Spoken { start, end, meaning: word.meaning });
                }
            }
        }
    }
}

const BLOCK: usize = 64;

/// Which of the first 64 bytes are letters.
fn letter_mask(text: &[u8]) -> u64 {
    let mut padded = [0; BLOCK];
    let block = match text.first_chunk::<BLOCK>() {
        Some(block) => block,
        None => {
            for (to, from) in padded.iter_mut().zip(text) {
                *to = *from;
            }
            &padded
        }
    };
    let lanes = block.as_chunks::<16>().0.iter().enumerate();
    lanes.fold(0, |mask, (n, lane)| {
        let letters = (u8x16::new(*lane) | u8x16::splat(0x20)) - u8x16::splat(b'a');
        let are = letters.min(u8x16::splat(25)).simd_eq(letters);
        mask | u64::from(are.to_bitmask()) << (n * 16)
    })
}

fn word_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
}

/// What the words of a text speak for.
fn spoken(text: &[u8]) -> EntitySet {
    Words::default().before(text, text.len())
}

/// What a member's name speaks for; `cardNumber` reads as `card number`.
pub(crate) fn words_of_name(name: &str) -> EntitySet {
    if name.is_empty() || name.len() > REACH {
        return EntitySet::default();
    }
    let mut parted = Vec::with_capacity(name.len() + 8);
    let mut lower = false;
    for byte in name.bytes().take(REACH) {
        if byte.is_ascii_uppercase() && lower {
            parted.push(b' ');
        }
        lower = byte.is_ascii_lowercase();
        parted.push(byte);
    }
    let mut set = spoken(&parted);
    set.join(&spoken(name.as_bytes()));
    set
}

#[cfg(test)]
mod tests {
    use super::{Words, words_of_name};
    use crate::entity::Entity;

    #[test]
    fn words_count_whole_and_in_any_spelling() {
        let has = |text: &str, entity| {
            Words::default().before(text.as_bytes(), text.len()).contains(entity)
        };
        assert!(has("my SSN is ", Entity::US_SSN));
        assert!(has("social-security: ", Entity::US_SSN));
        assert!(has("routing_number = ", Entity::ABA_ROUTING_NUMBER));
        assert!(has("我的身份证是", Entity::CN_RESIDENT_ID));
        assert!(!has("a business ", Entity::CA_SIN));
        let far = format!("ssn {}", "x".repeat(80));
        assert!(!has(&far, Entity::US_SSN));
        assert!(words_of_name("cardNumber").contains(Entity::CREDIT_CARD));
        assert!(words_of_name("us_ssn").contains(Entity::US_SSN));
    }
}
