//! What speaks for a value beside it: the words before it, and the name of the member that holds it.

use super::words::WORDS;
use crate::entity::EntitySet;
use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

/// Bytes before a value in which words count.
pub(crate) const REACH: usize = 72;

/// Bytes that are read ahead, and how near places must be for that.
const AHEAD: usize = 256;
const NEAR: usize = 12;

/// Where a text stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The name of the member that holds it.
    pub name: &'a str,
}

struct Vocabulary {
    words: AhoCorasick,
    /// What each word speaks for, and whether it must stand alone (words of other scripts need not).
    meanings: Vec<(EntitySet, bool)>,
}

/// Words of Latin letters, and those that hold others: most texts never need the second automaton, and
/// the first one is a quarter as large without them.
static VOCABULARIES: LazyLock<[Option<Vocabulary>; 2]> =
    LazyLock::new(|| [Vocabulary::new(str::is_ascii), Vocabulary::new(|word| !word.is_ascii())]);

impl Vocabulary {
    fn new(has: impl Fn(&str) -> bool) -> Option<Self> {
        let mut spoken: Vec<(&str, EntitySet)> = Vec::new();
        for (entity, words) in WORDS {
            for word in words.split('|').filter(|word| has(word)) {
                match spoken.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, set)) => set.insert(*entity),
                    None => spoken.push((word, [*entity].into_iter().collect())),
                }
            }
        }
        let words = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(spoken.iter().map(|(word, _)| *word))
            .ok()?;
        let alone = |word: &str| word.chars().next().is_some_and(|first| u32::from(first) < 0x370);
        let meanings = spoken.iter().map(|(word, set)| (*set, alone(word))).collect();
        Some(Self { words, meanings })
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
    /// Where reading began.
    from: usize,
    /// What was read, in small letters.
    read: Vec<u8>,
    /// Whether there was anything but ASCII in it.
    foreign: bool,
    states: Option<[OverlappingState; 2]>,
    /// The last place that asked.
    asked: usize,
    spoken: [Vec<Spoken>; 2],
}

impl Words {
    /// What the words before `at` speak for, those that lie within reach.
    pub(crate) fn before(&mut self, text: &[u8], at: usize) -> EntitySet {
        let first = at.saturating_sub(REACH);
        let end = self.from + self.read.len();
        if self.states.is_none() || first < self.from || first > end {
            self.from = first;
            self.read.clear();
            self.foreign = false;
            self.spoken.iter_mut().for_each(Vec::clear);
            self.states = Some([OverlappingState::start(), OverlappingState::start()]);
        }
        // Where one place asks right after another, many will.
        let ahead = if at < self.asked + NEAR { AHEAD } else { 0 };
        self.asked = at;
        self.read_to(text, at, ahead);
        let mut set = EntitySet::default();
        for spoken in &self.spoken {
            let near = spoken.iter().rev().take_while(|one| one.end + REACH > at);
            let within = near.filter(|one| one.start >= first && one.end <= at);
            within.for_each(|one| set.join(&one.meaning));
        }
        set
    }

    fn read_to(&mut self, text: &[u8], at: usize, ahead: usize) {
        let end = self.from + self.read.len();
        let Some(states) = &mut self.states else { return };
        if end >= at {
            return;
        }
        let more = text.get(end..text.len().min(at + ahead)).unwrap_or_default();
        self.read.extend(more.iter().map(|byte| folded(*byte)));
        self.foreign |= !more.is_ascii();
        let both = VOCABULARIES.iter().zip(states).zip(&mut self.spoken);
        for ((vocabulary, state), spoken) in both.take(1 + usize::from(self.foreign)) {
            if let Some(vocabulary) = vocabulary {
                vocabulary.hear(text, self.from, &self.read, state, spoken);
            }
        }
    }
}

impl Vocabulary {
    /// Notes the words in what was read of a text from `from` on.
    fn hear(
        &self,
        text: &[u8],
        from: usize,
        read: &[u8],
        state: &mut OverlappingState,
        spoken: &mut Vec<Spoken>,
    ) {
        let joins =
            |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
        loop {
            self.words.find_overlapping(read, state);
            let Some(found) = state.get_match() else { return };
            let (start, end) = (from + found.start(), from + found.end());
            let Some((meaning, alone)) = self.meanings.get(found.pattern().as_usize()) else {
                continue;
            };
            // What follows is told by the text, not by what was read of it.
            if !(*alone && (joins(start.checked_sub(1)) || joins(Some(end)))) {
                spoken.push(Spoken { start, end, meaning: *meaning });
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
