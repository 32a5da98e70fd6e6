//! What speaks for a value beside it: the words before it, and the name of the member that holds it.

use super::vocabulary::{FOREIGN, PHRASES, Phrases, key, key_of};
use crate::entity::EntitySet;
use wide::u8x16;

/// Bytes before a value in which words count.
pub(crate) const REACH: usize = 72;

/// Where a text stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The name of the member that holds it.
    pub name: &'a str,
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
    /// Whether no word that was read speaks for anything, and none stands between the last place and `at`:
    /// from one number to the next.
    #[inline]
    pub(crate) fn are_none(&mut self, text: &[u8], at: usize) -> bool {
        let silent = self.begun && self.spoken.is_empty() && self.foreign.is_empty();
        let between = text.get(self.upto..at).filter(|between| silent && between.len() < 8);
        let none = between.is_some_and(|between| {
            between.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic())
        });
        if none {
            self.upto = at;
        }
        none
    }

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
        if self.spoken.is_empty() && self.foreign.is_empty() {
            return set;
        }
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
