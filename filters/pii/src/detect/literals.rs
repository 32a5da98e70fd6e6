//! Looking for many words at once.
//!
//! The vectorised searcher deals its patterns into buckets, and looks closer wherever each of four bytes
//! fits any pattern of one bucket: the first of one, the second of another. How often it does so in vain
//! is what it costs. So of each word the four bytes are looked for that are rarest in texts, and patterns
//! that are alike share a bucket.

use aho_corasick::{AhoCorasick, Input, Span, packed};

/// Bytes of a pattern, as many as the searcher tells candidates by.
const ANCHOR: usize = 4;
/// Buckets of the searcher when it has few patterns, and when it has many.
const FEW: (usize, usize) = (32, 8);
const MANY: usize = 16;

/// How much of a text is looked at at a time where it is copied: what stays near.
const PIECE: usize = 4096;
/// The longest word that is found in letters large or small.
pub(crate) const SMALL_MAX: usize = 32;

/// Words to be looked for, each of at least four bytes.
pub(crate) struct Literals {
    words: Vec<Box<[u8]>>,
    /// By pattern: the words that it gives away, each with the place of the pattern in it.
    given: Vec<Vec<(usize, usize)>>,
    finder: Finder,
}

/// Vectorised where the processor can, and an automaton where it cannot.
enum Finder {
    Packed(packed::Searcher),
    Automaton(Option<AhoCorasick>),
}

impl Literals {
    /// Words by their numbers; those of fewer than four bytes are never found.
    pub(crate) fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let words: Vec<Box<[u8]>> = words.into_iter().map(|word| word.as_bytes().into()).collect();
        let (anchors, given) = dealt(&words);
        let packed = packed::Config::new().heuristic_pattern_limits(false).builder();
        let finder = match packed.clone().extend(&anchors).build() {
            Some(searcher) => Finder::Packed(searcher),
            None => Finder::Automaton(AhoCorasick::new(&anchors).ok()),
        };
        Self { words, given, finder }
    }

    /// Tells each word that stands wholly behind `from`: its number, and where it begins.
    #[inline]
    pub(crate) fn each(&self, text: &[u8], from: usize, mut tell: impl FnMut(usize, usize)) {
        let mut at = from;
        while let Some((pattern, place)) = self.next(text, at) {
            for (word, before) in self.given.get(pattern).into_iter().flatten() {
                let start = place.checked_sub(*before).filter(|start| *start >= from);
                let stands = |start: &usize| {
                    let rest = text.get(*start..).unwrap_or_default();
                    self.words.get(*word).is_some_and(|word| rest.starts_with(word))
                };
                if let Some(start) = start.filter(stands) {
                    tell(*word, start);
                }
            }
            at = place + 1;
        }
    }

    /// The same in letters large or small, for words in small ones of at most [`SMALL_MAX`] bytes. One that
    /// stands where two pieces of the text meet is told twice.
    pub(crate) fn each_small(&self, text: &[u8], from: usize, mut tell: impl FnMut(usize, usize)) {
        let mut small = [0; PIECE];
        let mut at = from;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let len = rest.len().min(PIECE);
            for (to, from) in small.iter_mut().zip(rest) {
                *to = from.to_ascii_lowercase();
            }
            let piece = small.get(..len).unwrap_or_default();
            self.each(piece, 0, |word, start| tell(word, at + start));
            at += if len < rest.len() { PIECE - SMALL_MAX } else { len };
        }
    }

    /// The bytes of a word.
    pub(crate) fn len_of(&self, word: usize) -> usize {
        self.words.get(word).map_or(0, |word| word.len())
    }

    fn next(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        let found = match &self.finder {
            Finder::Packed(searcher) => {
                searcher.find_in(text, Span { start: at, end: text.len() })?
            }
            Finder::Automaton(words) => words.as_ref()?.find(Input::new(text).range(at..))?,
        };
        Some((found.pattern().as_usize(), found.start()))
    }
}

type Anchor = [u8; ANCHOR];

/// The patterns in the order in which the searcher deals them well, and what each gives away.
fn dealt(words: &[Box<[u8]>]) -> (Vec<Anchor>, Vec<Vec<(usize, usize)>>) {
    let mut anchors: Vec<Anchor> = Vec::new();
    let mut chosen = Vec::with_capacity(words.len());
    for word in words {
        // Those that differ in the size of their first letter alone are found by the rest.
        let twin = words.iter().any(|other| {
            other != word && other.get(1..) == word.get(1..) && other.eq_ignore_ascii_case(word)
        });
        let place = rarest(word, twin, &anchors);
        let anchor = place.and_then(|place| word.get(place..)?.first_chunk().copied());
        chosen.push(place.zip(anchor));
        if let Some(anchor) = anchor.filter(|anchor| !anchors.contains(anchor)) {
            anchors.push(anchor);
        }
    }
    let anchors = in_buckets(anchors);
    let of = |anchor: &Anchor| {
        let all = chosen.iter().enumerate();
        let own = all.filter_map(|(word, chosen)| Some((word, (*chosen)?)));
        own.filter(|(_, (_, own))| own == anchor).map(|(word, (place, _))| (word, place)).collect()
    };
    let given = anchors.iter().map(of).collect();
    (anchors, given)
}

/// Where the four bytes of a word begin that are looked for: those that another word has already, or the
/// rarest. `tail`: the first letter is left out.
fn rarest(word: &[u8], tail: bool, known: &[Anchor]) -> Option<usize> {
    let cost = |window: &[u8]| {
        let shared = known.iter().any(|known| known == window);
        let odds: f32 = window.iter().map(|byte| commonness(*byte)).product();
        if shared { 0.0 } else { odds }
    };
    let all = word.windows(ANCHOR).map(cost).enumerate();
    let all = all.skip(usize::from(tail && word.len() > ANCHOR));
    all.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(place, _)| place)
}

/// How many of a thousand bytes of a text are this one, roughly: letters and signs of prose and code.
fn commonness(byte: u8) -> f32 {
    const LETTERS: [f32; 26] = [
        60., 12., 24., 30., 95., 17., 16., 38., 56., 2., 7., 35., 20., 55., 58., 17., 2., 50., 52.,
        72., 23., 9., 15., 4., 15., 2.,
    ];
    let letter = |byte: u8| {
        let number = usize::from(byte.to_ascii_lowercase().wrapping_sub(b'a'));
        LETTERS.get(number).copied().unwrap_or(1.)
    };
    match byte {
        b' ' => 160.,
        b'a'..=b'z' => letter(byte),
        b'A'..=b'Z' => letter(byte) / 20.,
        b'.' | b',' | b'\n' | b'_' => 12.,
        b'0'..=b'9' | b'-' | b'(' | b')' | b':' | b'"' | b'/' | b';' | b'=' => 5.,
        0x80.. => 0.2,
        _ => 1.,
    }
}

/// What a bucket's patterns let through at one place: sets of halves of bytes.
#[derive(Clone, Copy, Default)]
struct Halves {
    low: u16,
    high: u16,
}

impl Halves {
    fn add(&mut self, byte: u8) {
        self.low |= 1 << (byte & 15);
        self.high |= 1 << (byte >> 4);
    }

    /// How many of a thousand bytes fit.
    fn odds(self) -> f32 {
        let high = (0..16).filter(|half| self.high >> half & 1 == 1);
        let low = |high: u8| (0..16).map(move |half| high << 4 | half);
        let all = high.flat_map(low).filter(|byte| self.low >> (byte & 15) & 1 == 1);
        all.map(commonness).sum()
    }
}

/// How often four bytes fit a bucket.
fn odds<'a>(bucket: impl IntoIterator<Item = &'a Anchor>) -> f32 {
    let mut halves = [Halves::default(); ANCHOR];
    for anchor in bucket {
        halves.iter_mut().zip(anchor).for_each(|(halves, byte)| halves.add(*byte));
    }
    halves.into_iter().map(Halves::odds).product()
}

/// Patterns so ordered that those with the same remainder by the number of buckets are alike: one after the
/// other, the most common first, into the bucket that it makes least of a burden.
fn in_buckets(mut anchors: Vec<Anchor>) -> Vec<Anchor> {
    let count = if anchors.len() > FEW.0 { MANY } else { FEW.1 };
    anchors.sort_unstable();
    anchors.sort_by(|one, other| odds([other]).total_cmp(&odds([one])));
    let room = |bucket: usize| anchors.len() / count + usize::from(bucket < anchors.len() % count);
    let mut buckets: Vec<Vec<Anchor>> = vec![Vec::new(); count];
    for anchor in &anchors {
        let burden = |bucket: &Vec<Anchor>| odds(bucket.iter().chain([anchor])) - odds(bucket);
        let open = buckets.iter_mut().enumerate().filter(|(n, bucket)| bucket.len() < room(*n));
        let best = open.min_by(|(_, one), (_, other)| burden(one).total_cmp(&burden(other)));
        if let Some((_, bucket)) = best {
            bucket.push(*anchor);
        }
    }
    let rows = 0..=anchors.len() / count;
    rows.flat_map(|row| buckets.iter().filter_map(move |bucket| bucket.get(row))).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{AhoCorasick, Finder, Literals, PIECE, SMALL_MAX};

    const WORDS: [&str; 12] = [
        "system:",
        "system prompt",
        "[system]",
        "prompt",
        "#system",
        "abab",
        "bababa",
        "abcabcd",
        "bcab",
        "SWIFT",
        "Swift",
        "zzzz",
    ];

    /// By looking at every place.
    fn plainly(text: &[u8], from: usize) -> Vec<(usize, usize)> {
        let at = |start: usize| {
            let words = WORDS.iter().enumerate();
            let here = words.filter(move |(_, word)| text[start..].starts_with(word.as_bytes()));
            here.map(move |(n, _)| (start, n))
        };
        (from..text.len()).flat_map(at).collect()
    }

    #[test]
    fn every_word_is_told_once_wherever_it_stands() {
        let packed = Literals::new(WORDS);
        let (anchors, _) = super::dealt(&packed.words);
        let automaton = Finder::Automaton(AhoCorasick::new(anchors).ok());
        let plain = Literals { finder: automaton, ..Literals::new(WORDS) };
        let mut seed = 1u32;
        let pieces = [
            "ab", "abc", "d", "system", ":", " prompt", "[", "]", "#", "SWI", "FT", "Swift", "z",
            "\n",
        ];
        for len in (0..120).chain([1000]) {
            let text: String = (0..len)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    pieces[(seed >> 16) as usize % pieces.len()]
                })
                .collect();
            for from in [0, 1, 5].map(|from| text.len().min(from)) {
                for literals in [&packed, &plain] {
                    let mut found = Vec::new();
                    literals.each(text.as_bytes(), from, |word, start| found.push((start, word)));
                    found.sort_unstable();
                    assert_eq!(found, plainly(text.as_bytes(), from), "{text}");
                }
            }
        }
        assert_eq!(packed.len_of(0), 7);
    }

    #[test]
    fn words_in_small_letters_are_told_in_large_ones_too_across_all_pieces() {
        let literals = Literals::new(["project", "zeph"]);
        let least = PIECE - 2 * SMALL_MAX;
        for far in (least..PIECE + 2).chain([2 * PIECE - SMALL_MAX - 3]) {
            let text = format!("{}pROject ZEPHyr", " ".repeat(far));
            let mut found = Vec::new();
            literals.each_small(text.as_bytes(), 1, |word, start| found.push((word, start)));
            found.dedup();
            assert!(found.contains(&(0, far)) && found.contains(&(1, far + 8)), "{found:?}");
        }
    }

    #[test]
    fn words_that_are_too_short_are_not_found() {
        let mut found = Vec::new();
        Literals::new(["abc", "abcd"]).each(b"abcd", 0, |word, _| found.push(word));
        assert_eq!(found, [1]);
    }
}
