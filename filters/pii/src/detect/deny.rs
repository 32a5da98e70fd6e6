//! Words and phrases of a project's own, thousands of them.
//!
//! Terms begin where a word does. The first six bytes of each word are looked up in a bitmap that most
//! words are not in; what is in is compared in full. Terms that do not begin with ASCII go to an
//! automaton.

use super::heads::{HeadHasher, Heads, hash};
use super::reader::Reader;
use super::scan::{Candidate, Scan};
use crate::config::DenyListConfig;
use crate::entity::EntityId;
use crate::error::ConfigError;
use aho_corasick::AhoCorasick;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use wide::u8x16;

pub(crate) const TERMS_MAX: usize = 100_000;
const TERM_MAX: usize = 256;
/// Bytes of a word that are looked up.
const HEAD: usize = 6;
/// Signs between two words that count as one blank.
const BETWEEN_MAX: usize = 4;
/// A block, and what the head of a word at its end may take of the next.
const WINDOW: usize = 64 + 8;
/// A longer word is none.
const WORD_MAX: usize = 64;

struct Term {
    /// In small letters, words parted by one blank.
    text: Box<[u8]>,
    entity: EntityId,
}

/// All terms of a project.
pub(crate) struct DenyIndex {
    bitmap: Vec<u64>,
    shift: u32,
    /// Bit n: a term's head has n bytes. Most words of a text are short, and most terms' are not.
    lengths: u8,
    by_head: HashMap<u64, SmallVec<[u32; 2]>, BuildHasherDefault<HeadHasher>>,
    /// The heads themselves, where they are few.
    few: Option<Heads>,
    terms: Vec<Term>,
    foreign: Option<Foreign>,
}

/// Terms that do not begin with ASCII, in the spellings that are looked for.
struct Foreign {
    words: AhoCorasick,
    /// Sorted, to tell what may still become one.
    spellings: Vec<Box<str>>,
    entities: Vec<EntityId>,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn head_of(word: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(word.iter().take(HEAD)) {
        *to = from.to_ascii_lowercase();
    }
    u64::from_le_bytes(bytes)
}

/// A term in small letters with its words parted by one blank.
fn normal(term: &str) -> String {
    let lower = term.to_lowercase();
    let words = lower.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

impl DenyIndex {
    /// Compiles lists, each with its entity; `path` is where they stand in the configuration.
    pub(crate) fn new(
        lists: &[(DenyListConfig, EntityId)],
        path: &str,
    ) -> Result<Option<Self>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut terms = Vec::new();
        let mut foreign: Vec<(Box<str>, EntityId)> = Vec::new();
        for (list, (config, entity)) in lists.iter().enumerate() {
            for (n, term) in config.terms.iter().enumerate() {
                let text = normal(term);
                if text.is_empty() || term.len() > TERM_MAX {
                    let path = format!("{path}[{list}].terms[{n}]");
                    errors.push(ConfigError::new(
                        path,
                        "a term has 1 to 256 bytes and a letter or digit",
                    ));
                    continue;
                }
                let first = text.split(' ').next().unwrap_or_default();
                if first.bytes().take(HEAD).all(|byte| byte.is_ascii()) {
                    terms.push(Term { text: text.into_bytes().into(), entity: *entity });
                } else {
                    foreign.extend(spellings(term).into_iter().map(|text| (text, *entity)));
                }
            }
        }
        if terms.len() + foreign.len() / 3 > TERMS_MAX {
            errors.push(ConfigError::new(path, "more than 100,000 terms"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if terms.is_empty() && foreign.is_empty() {
            return Ok(None);
        }
        let foreign = Foreign::new(foreign).map_err(|error| vec![ConfigError::new(path, error)])?;
        Ok(Some(Self::compile(terms, foreign)))
    }

    fn compile(terms: Vec<Term>, foreign: Option<Foreign>) -> Self {
        let bits = (terms.len().max(32) * 16).next_power_of_two();
        let mut index = Self {
            bitmap: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
            lengths: 0,
            by_head: HashMap::default(),
            few: None,
            terms,
            foreign,
        };
        for (number, term) in (0..).zip(&index.terms) {
            let word = term.text.split(|byte| *byte == b' ').next().unwrap_or_default();
            let head = head_of(word);
            index.lengths |= 1 << word.len().min(HEAD);
            let bit = hash(head) >> index.shift;
            if let Some(word) = index.bitmap.get_mut((bit / 64) as usize) {
                *word |= 1 << (bit % 64);
            }
            index.by_head.entry(head).or_default().push(number);
        }
        index.few = Heads::new(index.by_head.keys().copied());
        index
    }

    fn may_have(&self, head: u64) -> bool {
        let bit = hash(head) >> self.shift;
        self.bitmap.get((bit / 64) as usize).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// Proposes every term that begins at or after `from`.
    pub(crate) fn find(&self, scan: &mut Scan<'_, '_>, from: usize) {
        match &self.few {
            _ if self.terms.is_empty() => {}
            Some(few) => self.few(few, scan, from),
            None => self.words(scan, from),
        }
        if let Some(foreign) = &self.foreign {
            foreign.find(scan, from);
        }
    }

    fn few(&self, few: &Heads, scan: &mut Scan<'_, '_>, from: usize) {
        let text = scan.text.text();
        few.each(text, from, |head, at| {
            if !is_word(scan.text.before(at)) && head_of(word_at(text, at)) == head {
                self.verify(scan, head, at);
            }
        });
        let last = scan.text.run_back(text.len(), WORD_MAX, is_word);
        let begun = text.len() - last < HEAD || self.may_have(head_of(word_at(text, last)));
        if last < text.len() && begun && !is_word(scan.text.before(last)) {
            self.wait_for_word(scan, last);
        }
    }

    fn words(&self, scan: &mut Scan<'_, '_>, from: usize) {
        let text = scan.text.text();
        let mut before = u64::from(is_word(scan.text.before(from)));
        let mut base = from;
        while base < text.len() {
            let rest = text.get(base..).unwrap_or_default();
            let mask = word_mask(rest);
            let starts = mask & !(mask << 1 | before);
            before = mask >> 63;
            let mut likely = match rest.first_chunk::<WINDOW>() {
                Some(window) => self.likely(window, mask, starts),
                None => starts,
            };
            while likely != 0 {
                let at = base + likely.trailing_zeros() as usize;
                likely &= likely - 1;
                let head = head_of(word_at(text, at));
                if self.may_have(head) {
                    self.verify(scan, head, at);
                }
                if at + WORD_MAX > text.len() {
                    self.wait_for_word(scan, at);
                }
            }
            base += 64;
        }
    }

    /// Of the words that start in a block, those whose heads the bitmap has, and those that reach the
    /// block's end: of them it is not known here how long they are.
    fn likely(&self, window: &[u8; WINDOW], mask: u64, starts: u64) -> u64 {
        // A run that reaches the last bit.
        let mut likely = starts & !(u64::MAX >> (!mask).leading_zeros().min(HEAD as u32));
        let mut starts = starts & self.fitting(mask);
        while starts != 0 {
            let bit = starts.trailing_zeros() & 63;
            starts &= starts - 1;
            let len = (!(mask >> bit)).trailing_zeros().min(HEAD as u32);
            let part = window.get(bit as usize..bit as usize + 8);
            let part = part.and_then(|part| part.first_chunk::<8>()).copied().unwrap_or_default();
            let head = (u64::from_le_bytes(part) | 0x2020_2020_2020_2020) & ((1 << (len * 8)) - 1);
            likely |= u64::from(self.may_have(head)) << bit;
        }
        likely
    }

    /// Bits that a run begins at or lies behind which is as long as some term's head.
    fn fitting(&self, mask: u64) -> u64 {
        let (mut fitting, mut run) = (0, mask);
        for len in 1..HEAD as u32 {
            let next = run & mask >> len;
            if self.lengths >> len & 1 == 1 {
                fitting |= run & !next;
            }
            run = next;
        }
        if self.lengths >> HEAD & 1 == 1 { fitting | run } else { fitting }
    }

    fn verify(&self, scan: &mut Scan<'_, '_>, head: u64, at: usize) {
        for number in self.by_head.get(&head).into_iter().flatten() {
            let Some(term) = self.terms.get(*number as usize) else { continue };
            if let Some(end) = term_end(&scan.text, at, &term.text) {
                scan.push(Candidate {
                    anchor: at,
                    start: at,
                    end,
                    entity: term.entity,
                    score: 100,
                    certain: end,
                    open: None,
                });
            }
            scan.asked(at);
        }
    }

    /// A word that is not all there may become another.
    fn wait_for_word(&self, scan: &mut Scan<'_, '_>, at: usize) {
        let end = scan.text.run(at, WORD_MAX, is_word);
        let head = scan.text.slice(at, end.min(at + HEAD).min(scan.text.text().len()));
        if !head.is_ascii() {
            let _ = scan.text.was_touched();
        }
        scan.asked(at);
    }
}

fn word_at(text: &[u8], at: usize) -> &[u8] {
    let rest = text.get(at..).unwrap_or_default();
    let len = rest.iter().take(HEAD).take_while(|byte| is_word(**byte)).count();
    rest.get(..len).unwrap_or_default()
}

/// Which of the first 64 bytes belong to words.
fn word_mask(text: &[u8]) -> u64 {
    let mut padded = [b' '; 64];
    let block = match text.first_chunk::<64>() {
        Some(block) => block,
        None => {
            for (to, from) in padded.iter_mut().zip(text) {
                *to = *from;
            }
            &padded
        }
    };
    let mut mask = 0;
    for (n, lane) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*lane);
        let digits = bytes - u8x16::splat(b'0');
        let letters = (bytes | u8x16::splat(0x20)) - u8x16::splat(b'a');
        let is_digit = digits.min(u8x16::splat(9)).simd_eq(digits);
        let is_letter = letters.min(u8x16::splat(25)).simd_eq(letters);
        let is_high = bytes.max(u8x16::splat(0x80)).simd_eq(bytes);
        mask |= u64::from((is_digit | is_letter | is_high).to_bitmask()) << (n * 16);
    }
    mask
}

/// Where a term that begins at `at` ends, if it does stand there.
fn term_end(text: &Reader<'_>, at: usize, term: &[u8]) -> Option<usize> {
    let mut at = at;
    for byte in term {
        if *byte == b' ' {
            let next = text.run(at, BETWEEN_MAX, |byte| !is_word(byte) && byte != 0);
            if next == at {
                return None;
            }
            at = next;
        } else if text.at(at).to_ascii_lowercase() == *byte {
            at += 1;
        } else {
            return None;
        }
    }
    (!is_word(text.at(at))).then_some(at)
}

/// How a term of another script is looked for: as it is, small, large, and with a capital.
fn spellings(term: &str) -> Vec<Box<str>> {
    let lower = term.trim().to_lowercase();
    let mut chars = lower.chars();
    let capital: String =
        chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
    let mut all: Vec<Box<str>> = vec![
        term.trim().into(),
        lower.as_str().into(),
        lower.to_uppercase().into(),
        capital.into(),
    ];
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether a character's script parts words by blanks.
fn parts_words(character: char) -> bool {
    character.is_alphabetic() && u32::from(character) < 0x0e00
}

impl Foreign {
    fn new(mut spelt: Vec<(Box<str>, EntityId)>) -> Result<Option<Self>, String> {
        if spelt.is_empty() {
            return Ok(None);
        }
        spelt.sort_unstable();
        spelt.dedup();
        let (spellings, entities): (Vec<_>, Vec<_>) = spelt.into_iter().unzip();
        let words = AhoCorasick::new(spellings.iter().map(|text| text.as_bytes()))
            .map_err(|_| "the terms are too many to be compiled".to_owned())?;
        Ok(Some(Self { words, spellings, entities }))
    }

    fn find(&self, scan: &mut Scan<'_, '_>, from: usize) {
        let text = scan.text.text();
        for found in self.words.find_overlapping_iter(text.get(from..).unwrap_or_default()) {
            let (start, end) = (from + found.start(), from + found.end());
            let number = found.pattern().as_usize();
            let (Some(entity), Some(term)) =
                (self.entities.get(number), self.spellings.get(number))
            else {
                continue;
            };
            let first = term.chars().next().is_some_and(parts_words);
            let last = term.chars().next_back().is_some_and(parts_words);
            let inside =
                first && is_word(scan.text.before(start)) || last && is_word(scan.text.at(end));
            if !inside {
                scan.push(Candidate {
                    anchor: start,
                    start,
                    end,
                    entity: *entity,
                    score: 100,
                    certain: end,
                    open: None,
                });
            }
            scan.asked(start);
        }
        self.wait(scan, from);
    }

    /// What at the end may still become a term.
    fn wait(&self, scan: &mut Scan<'_, '_>, from: usize) {
        let text = scan.text.text();
        for at in from.max(text.len().saturating_sub(TERM_MAX))..text.len() {
            let tail = text.get(at..).unwrap_or_default();
            let next = self.spellings.partition_point(|term| term.as_bytes() < tail);
            if self.spellings.get(next).is_some_and(|term| term.as_bytes().starts_with(tail)) {
                scan.pending = scan.pending.min(at);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
