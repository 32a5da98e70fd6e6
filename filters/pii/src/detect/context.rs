//! What speaks for a value beside it: the words before it, and the name of the member that holds it.

use super::words::WORDS;
use crate::entity::EntitySet;
use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
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
    /// Sorted by the first word's key.
    list: Vec<(u64, Phrase)>,
    /// By a key's hash, where its phrases begin; 0 for nowhere.
    places: Vec<u16>,
}

const PLACES: usize = 2048;

/// The first eight letters of a word in small letters, and its length.
fn key(word: &[u8]) -> u64 {
    let first = match word.first_chunk::<8>() {
        Some(first) => u64::from_le_bytes(*first) | 0x2020_2020_2020_2020,
        None => word.iter().rev().fold(0, |key, byte| key << 8 | u64::from(byte | 0x20)),
    };
    first ^ (word.len() as u64) << 59
}

fn place(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53) as usize
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
    let mut places = vec![0; PLACES];
    for (number, (key, _)) in (1..).zip(&list) {
        if let Some(at) = places.get_mut(place(*key)).filter(|at| **at == 0) {
            *at = number;
        }
    }
    Phrases { list, places }
});

impl Phrases {
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
        let word = text.get(start..end)?;
        let after = end + self.rest.len();
        let rest = text.get(end..after)?;
        let follows =
            rest.iter().zip(self.rest.bytes()).all(|(byte, wanted)| folded(*byte) == wanted);
        let joined = !self.rest.is_empty() && text.get(after).is_some_and(u8::is_ascii_alphabetic);
        (word.eq_ignore_ascii_case(self.word.as_bytes()) && follows && !joined).then_some(after)
    }
}

/// Words that hold letters of other scripts. Most texts never need them.
struct Foreign {
    words: AhoCorasick,
    /// What each word speaks for, and whether it must stand alone (beyond Latin none need).
    meanings: Vec<(EntitySet, bool)>,
}

static FOREIGN: LazyLock<Option<Foreign>> = LazyLock::new(|| {
    let foreign = vocabulary().into_iter().filter(|(word, _)| !word.is_ascii());
    let (words, meanings): (Vec<_>, Vec<_>) = foreign.unzip();
    let alone = |word: &&str| word.chars().next().is_some_and(|first| u32::from(first) < 0x370);
    let meanings = meanings.into_iter().zip(words.iter().map(alone)).collect();
    let words = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::Standard)
        .prefilter(false)
        .build(words)
        .ok()?;
    Some(Foreign { words, meanings })
});

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
    foreign: Heard,
}

/// What was read of a text by the automaton.
#[derive(Default)]
struct Heard {
    read: Vec<u8>,
    state: Option<OverlappingState>,
    spoken: Vec<Spoken>,
}

impl Words {
    /// What the words before `at` speak for, those that lie within reach.
    pub(crate) fn before(&mut self, text: &[u8], at: usize) -> EntitySet {
        let first = at.saturating_sub(REACH);
        if !self.begun || first < self.from || first > self.upto {
            (self.begun, self.from, self.upto, self.spoken_upto) = (true, first, first, first);
            self.spoken.clear();
            self.foreign = Heard::default();
        }
        self.read_to(text, at);
        let mut set = EntitySet::default();
        let near = self.spoken.iter().rev().take_while(|one| one.start >= first);
        near.filter(|one| one.end <= at).for_each(|one| set.join(&one.meaning));
        let near = self.foreign.spoken.iter().rev().take_while(|one| one.end + REACH > at);
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
        while here < at {
            let letters = letter_mask(text.get(here..).unwrap_or_default());
            let mut starts = letters & !(letters << 1);
            let block = here;
            here += BLOCK;
            while starts != 0 {
                let bit = starts.trailing_zeros() as usize;
                starts &= starts - 1;
                let start = block + bit;
                if start >= at {
                    break;
                }
                let mut end = start + (!(letters >> bit)).trailing_zeros() as usize;
                if end >= block + BLOCK {
                    end = word_end(text, start);
                    here = end;
                }
                self.word(text, start, end);
            }
        }
        if self.foreign.state.is_some() || !unread.is_ascii() {
            self.foreign.hear(text, self.from, at);
        }
        self.upto = at.max(self.spoken_upto);
    }

    fn word(&mut self, text: &[u8], start: usize, end: usize) {
        self.spoken_upto = end;
        for phrase in PHRASES.with(key(text.get(start..end).unwrap_or_default())) {
            if let Some(end) = phrase.end(text, start, end) {
                self.spoken.push(Spoken { start, end, meaning: phrase.meaning });
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

impl Heard {
    /// Hears on, from where it stopped or from `from`, to `at`.
    fn hear(&mut self, text: &[u8], from: usize, at: usize) {
        let Some(foreign) = FOREIGN.as_ref() else { return };
        let state = self.state.get_or_insert_with(OverlappingState::start);
        let more = text.get(from + self.read.len()..at).unwrap_or_default();
        self.read.extend(more.iter().map(|byte| folded(*byte)));
        let joins =
            |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
        loop {
            foreign.words.find_overlapping(&self.read, state);
            let Some(found) = state.get_match() else { return };
            let (start, end) = (from + found.start(), from + found.end());
            let Some((meaning, alone)) = foreign.meanings.get(found.pattern().as_usize()) else {
                continue;
            };
            // What follows is told by the text, not by what was read of it.
            if !(*alone && (joins(start.checked_sub(1)) || joins(Some(end)))) {
                self.spoken.push(Spoken { start, end, meaning: *meaning });
            }
        }
    }
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
