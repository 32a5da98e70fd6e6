//! Regular expressions of a project's own.
//!
//! Each is compiled twice: as a search over whole texts, and as an automaton that is walked from one
//! place, at most 256 bytes, and that knows when nothing can match any more. Only with the second can a
//! stream tell what to hold.

use super::scan::{CERTAIN, Candidate};
use crate::config::PatternConfig;
use crate::entity::EntityId;
use crate::error::ConfigError;
use regex::bytes::{Regex, RegexBuilder};
use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::start;
use regex_automata::util::syntax;

pub(crate) const PATTERNS_MAX: usize = 200;
/// Longer matches are cut here.
pub(crate) const MATCH_MAX: usize = 256;
/// What a compiled pattern may weigh.
const SIZE_MAX: usize = 1 << 20;
const REGEX_MAX: usize = 1024;

/// A compiled pattern.
pub(crate) struct Pattern {
    entity: EntityId,
    search: Regex,
    walk: dense::DFA<Vec<u32>>,
}

/// What a walk from one place found.
struct Walk {
    end: Option<usize>,
    /// Whether more text could change that.
    alive: bool,
}

impl Pattern {
    pub(crate) fn new(
        config: &PatternConfig,
        entity: EntityId,
        path: &str,
    ) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| ConfigError::new(format!("{path}.regex"), problem);
        if config.regex.len() > REGEX_MAX {
            return Err(wrong("a pattern has at most 1024 bytes"));
        }
        let search = RegexBuilder::new(&config.regex)
            .unicode(false)
            .size_limit(SIZE_MAX)
            .dfa_size_limit(SIZE_MAX)
            .build()
            .map_err(|error| wrong(&told(&error)))?;
        if search.is_match(b"") {
            return Err(wrong("it matches nothing at all"));
        }
        let walk = dense::Builder::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Anchored)
                    .dfa_size_limit(Some(SIZE_MAX))
                    .determinize_size_limit(Some(SIZE_MAX)),
            )
            .build(&config.regex)
            .map_err(|_| wrong("compiled, it is larger than 1 MiB"))?;
        Ok(Self { entity, search, walk })
    }

    /// Walks from `at`.
    fn walk(&self, text: &[u8], at: usize) -> Walk {
        let mut walk = Walk { end: None, alive: false };
        let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
        let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
        let Ok(mut state) = self.walk.start_state(&config) else { return walk };
        let window = text.get(at..text.len().min(at + MATCH_MAX)).unwrap_or_default();
        for (n, byte) in window.iter().enumerate() {
            state = self.walk.next_state(state, *byte);
            if self.walk.is_special_state(state) {
                if self.walk.is_match_state(state) {
                    // A match is told one byte late.
                    walk.end = Some(at + n);
                } else if self.walk.is_dead_state(state) || self.walk.is_quit_state(state) {
                    return walk;
                }
            }
        }
        // The byte behind the window, or the text's end, tells whether a match ends with it.
        let last = match text.get(at + window.len()) {
            Some(byte) => self.walk.next_state(state, *byte),
            None => self.walk.next_eoi_state(state),
        };
        if self.walk.is_match_state(last) {
            walk.end = Some(at + window.len());
        }
        walk.alive = at + window.len() == text.len();
        walk
    }

    /// The first match from `from` on.
    fn next(&self, text: &[u8], from: usize) -> Option<Candidate> {
        let mut at = from;
        while let Some(found) = self.search.find_at(text, at) {
            let start = found.start();
            if let Some(end) = self.walk(text, start).end.filter(|end| *end > start) {
                let (start, end) = on_characters(text, start, end);
                let score = CERTAIN - 1;
                return Some(Candidate {
                    anchor: start,
                    start,
                    end,
                    entity: self.entity,
                    score,
                    certain: end,
                    open: None,
                });
            }
            at = start + 1;
            if at > text.len() {
                return None;
            }
        }
        None
    }

    /// The first place from `from` on where a match may still come about.
    fn open(&self, text: &[u8], from: usize) -> Option<usize> {
        let first = from.max(text.len().saturating_sub(MATCH_MAX));
        (first..text.len()).find(|at| self.walk(text, *at).alive)
    }
}

/// A pattern's bytes need not be characters; a placeholder's place must be.
fn on_characters(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let inside = |at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut span = (start, end);
    while inside(span.0) && span.0 > 0 {
        span.0 -= 1;
    }
    while inside(span.1) {
        span.1 += 1;
    }
    span
}

fn told(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "compiled, it is larger than 1 MiB".to_owned(),
        _ => "it is no regular expression over bytes (look-around, back-references and Unicode \
              classes are none)"
            .to_owned(),
    }
}

/// The patterns of a project, during one pass: each with its next match.
pub(crate) struct Matches<'p, 't> {
    patterns: &'p [Pattern],
    text: &'t [u8],
    next: Vec<Option<Candidate>>,
    asked: bool,
}

impl<'p, 't> Matches<'p, 't> {
    pub(crate) fn new(patterns: &'p [Pattern], text: &'t [u8]) -> Self {
        Self { patterns, text, next: Vec::new(), asked: false }
    }

    /// The leftmost match from `from` on, the longest of those; `from` never goes back.
    pub(crate) fn from(&mut self, from: usize) -> Option<Candidate> {
        if self.patterns.is_empty() {
            return None;
        }
        if !self.asked {
            self.asked = true;
            self.next = self.patterns.iter().map(|pattern| pattern.next(self.text, from)).collect();
        }
        for (next, pattern) in self.next.iter_mut().zip(self.patterns) {
            if next.is_some_and(|next| next.anchor < from) {
                *next = pattern.next(self.text, from);
            }
        }
        self.next
            .iter()
            .flatten()
            .min_by_key(|one| (one.anchor, usize::MAX - one.end, one.entity))
            .copied()
    }

    /// Nothing from here on is decided.
    pub(crate) fn pending(&self, from: usize) -> usize {
        let open = self.patterns.iter().filter_map(|pattern| pattern.open(self.text, from));
        open.min().unwrap_or(usize::MAX)
    }
}
