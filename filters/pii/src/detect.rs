//! The engine: what of a text is personal, or a secret.

pub(crate) mod context;
mod dates;
mod deny;
mod email;
pub(crate) mod fold;
mod heads;
mod hold;
mod labels;
mod links;
pub(crate) mod literals;
pub(crate) mod lookalike;
mod numbers;
mod pattern;
mod phones;
mod probes;
pub(crate) mod reader;
mod rows;
mod scan;
mod secrets;
mod select;
mod shapes;
pub(crate) mod tail;
mod tokens;
mod trigger;
mod vocabulary;
mod words;

pub(crate) use deny::DenyIndex;
pub(crate) use scan::Candidate;
pub(crate) use select::Decided;

use crate::config::PiiConfig;
use crate::entity::{Entity, EntityId, EntitySet};
use crate::error::ConfigError;
pub(crate) use context::Context;
use context::words_of_name;
use fold::{Folded, is_disguised};
use pattern::{Matches, PATTERNS_MAX, Pattern};
use scan::{CERTAIN, Scan, Wanted};
use trigger::Triggers;

/// Something personal or secret in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub entity: EntityId,
    /// Offset of its first byte.
    pub start: usize,
    /// Offset after its last byte.
    pub end: usize,
    /// Confidence, of 100.
    pub score: u8,
}

/// Bytes before a place that what begins there may hang on.
pub(crate) const LOOK_BACK: usize = 192;

/// How much of a long text is decided at a time.
const STRETCH: usize = 16 * 1024;

/// Finds what a configuration asks for. Built once, shared by all requests.
pub struct Detector {
    entities: EntitySet,
    threshold: u8,
    /// The names of the detector's own kinds, from [`EntityId::OWN`] on.
    names: Vec<Box<str>>,
    patterns: Vec<Pattern>,
    deny: Option<DenyIndex>,
    lookalikes: bool,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("entities", &self.entities).finish_non_exhaustive()
    }
}

impl Detector {
    /// Compiles a configuration, or tells everything that is wrong with it.
    pub fn new(config: &PiiConfig) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let entities = wanted_entities(config, &mut errors);
        let mut names = Names::default();
        let mut patterns = Vec::new();
        if config.patterns.len() > PATTERNS_MAX {
            errors.push(ConfigError::new("patterns", "at most 200 patterns"));
        }
        for (n, pattern) in config.patterns.iter().enumerate().take(PATTERNS_MAX) {
            let path = format!("patterns[{n}]");
            match names.add(&pattern.name, &path).and_then(|id| Pattern::new(pattern, id, &path)) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => errors.push(error),
            }
        }
        let mut lists = Vec::new();
        for (n, list) in config.deny_lists.iter().enumerate() {
            match names.add(&list.name, &format!("deny_lists[{n}]")) {
                Ok(id) => lists.push((list.clone(), id)),
                Err(error) => errors.push(error),
            }
        }
        let deny = DenyIndex::new(&lists, "deny_lists").unwrap_or_else(|more| {
            errors.extend(more);
            None
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        let threshold = config.threshold.max(1);
        Ok(Self { entities, threshold, names: names.0, patterns, deny, lookalikes: true })
    }

    /// The name of a kind.
    pub fn name(&self, entity: EntityId) -> &str {
        match entity.builtin() {
            Some(entity) => entity.name(),
            None if entity == EntityId::LOOKALIKE => "TEXT",
            None => {
                let own = usize::from(entity.0).checked_sub(usize::from(EntityId::OWN));
                own.and_then(|own| self.names.get(own)).map_or("", |name| name)
            }
        }
    }

    /// The detector's own kinds, in the order of the configuration: patterns first.
    pub(crate) fn own(&self) -> impl Iterator<Item = EntityId> {
        (EntityId::OWN..).take(self.names.len()).map(EntityId)
    }

    /// What a text holds, in order and without overlaps.
    pub fn find(&self, text: &str, context: Context<'_>) -> Vec<Finding> {
        let mut findings = self.find_all(text, context, false);
        findings.retain(|finding| finding.entity != EntityId::LOOKALIKE);
        findings
    }

    /// The same with text that reads like a placeholder; `escapes` reads JSON's first.
    pub(crate) fn find_all(&self, text: &str, context: Context<'_>, escapes: bool) -> Vec<Finding> {
        let named = words_of_name(context.name);
        let finding = |one: &Candidate, start, end| {
            let score = one.score.min(100);
            Finding { entity: one.entity, start, end, score }
        };
        if is_disguised(text, escapes) {
            let folded = Folded::new(text, escapes, 0);
            let found = self.decide_all(&folded.text, named);
            let mut near = 0;
            let back = |one: &Candidate| {
                let start = folded.start_after(one.start, &mut near);
                finding(one, start, folded.end_after(one.end, &mut near))
            };
            return found.iter().map(back).collect();
        }
        let found = self.decide_all(text.as_bytes(), named);
        found.iter().map(|one| finding(one, one.start, one.end)).collect()
    }

    /// Decides a whole text, a stretch at a time: several looks at what lies in the nearest cache cost
    /// less than one at what does not.
    fn decide_all(&self, text: &[u8], named: EntitySet) -> Vec<Candidate> {
        let mut findings: Vec<Candidate> = Vec::new();
        let (mut from, mut stretch) = (0, STRETCH);
        loop {
            let upto = text.len().min(from + stretch);
            let part = text.get(..upto).unwrap_or_default();
            let decided = self.decide(part, from, named, upto == text.len());
            findings.extend_from_slice(&decided.findings);
            if upto == text.len() {
                return findings;
            }
            if let (Some(mut tail), Some(last)) = (decided.open, findings.last_mut()) {
                let (eaten, _) = tail.eat(text.get(upto..).unwrap_or_default());
                last.end = upto + eaten;
                (from, stretch) = (last.end, STRETCH);
            } else if decided.settled > from {
                (from, stretch) = (decided.settled, STRETCH);
            } else {
                stretch *= 2;
            }
        }
    }

    /// What of `text` is decided, from `from` on. `whole`: nothing comes after it.
    pub(crate) fn decide(
        &self,
        text: &[u8],
        from: usize,
        named: EntitySet,
        whole: bool,
    ) -> Decided {
        let wanted = Wanted { entities: self.entities, threshold: self.threshold, named };
        let mut candidates = Vec::new();
        let mut scan = Scan::new(text, from, wanted, &mut candidates);
        self.triggers(&mut scan, from);
        probes::literals(&mut scan, from);
        probes::urls(&mut scan, from);
        if self.entities.contains(Entity::GENERIC_SECRET) {
            probes::secret_labels(&mut scan, from);
        }
        if let Some(deny) = &self.deny {
            deny.find(&mut scan, from);
        }
        let mut own = Matches::new(&self.patterns, text);
        let mut pending = usize::MAX;
        if !whole {
            pending = scan
                .pending
                .min(hold::undecided(text, from))
                .min(own.pending(from))
                .min(text.len());
        }
        select::select(&mut candidates, from, pending, text.len(), |at| own.from(at))
    }

    /// Digits, `@`, `<`, `_` and `-`.
    fn triggers(&self, scan: &mut Scan<'_, '_>, from: usize) {
        let mut triggers = Triggers::new(scan.text.text(), from);
        let mut at = from;
        while let Some(found) = triggers.next(at) {
            at = match scan.text.text().get(found) {
                Some(b'@') => {
                    probes::mail(scan, found, found + 1);
                    found + 1
                }
                Some(b'<') => {
                    self.lookalike(scan, found);
                    found + 1
                }
                Some(b'_' | b'-') => {
                    probes::joint(scan, found);
                    found + 1
                }
                _ => {
                    probes::encoded_sign(scan, found);
                    numbers::digit(scan, found)
                }
            };
        }
    }

    fn lookalike(&self, scan: &mut Scan<'_, '_>, open: usize) {
        let known = |name: &[u8]| {
            let own = self.names.iter().any(|own| own.as_bytes() == name);
            own || name == b"TEXT"
                || std::str::from_utf8(name).is_ok_and(|name| Entity::named(name).is_some())
        };
        if self.lookalikes
            && let Some(end) = lookalike::end(&scan.text, open, known)
        {
            scan.push(Candidate {
                anchor: open,
                start: open,
                end,
                entity: EntityId::LOOKALIKE,
                score: CERTAIN + 1,
                certain: end,
                open: None,
            });
        }
        scan.asked(open);
    }
}

/// Whether a text holds any term of an index.
pub(crate) fn terms(index: &DenyIndex, text: &str) -> bool {
    if is_disguised(text, false) {
        return stands_in(index, &Folded::new(text, false, 0).text);
    }
    stands_in(index, text.as_bytes())
}

/// The same of a text that wears no disguise.
pub(crate) fn stands_in(index: &DenyIndex, bytes: &[u8]) -> bool {
    let wanted =
        Wanted { entities: EntitySet::default(), threshold: 1, named: EntitySet::default() };
    let mut candidates = Vec::new();
    index.find(&mut Scan::new(bytes, 0, wanted, &mut candidates), 0);
    !candidates.is_empty()
}

/// Which built-in kinds a configuration asks for.
fn wanted_entities(config: &PiiConfig, errors: &mut Vec<ConfigError>) -> EntitySet {
    let mut entities = EntitySet::default();
    if config.default_action.is_some() {
        Entity::ALL.iter().filter(|one| one.by_default()).for_each(|one| entities.insert(*one));
    }
    for name in config.entities.keys() {
        match Entity::named(name) {
            Some(entity) => entities.insert(entity),
            None => errors.push(ConfigError::new(format!("entities.{name}"), "no such entity")),
        }
    }
    entities
}

/// Names of a detector's own kinds.
#[derive(Default)]
struct Names(Vec<Box<str>>);

impl Names {
    fn add(&mut self, name: &str, path: &str) -> Result<EntityId, ConfigError> {
        let wrong = |problem: &str| Err(ConfigError::new(format!("{path}.name"), problem));
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = name.starts_with(|first: char| first.is_ascii_uppercase());
        if name.len() > lookalike::NAME_MAX || !begins || !name.bytes().all(fits) {
            return wrong("a name has 1 to 40 capitals, digits and `_`, a capital first");
        }
        if Entity::named(name).is_some()
            || name == "TEXT"
            || self.0.iter().any(|own| **own == *name)
        {
            return wrong("the name is taken");
        }
        let number = u16::try_from(self.0.len()).unwrap_or(u16::MAX / 2);
        self.0.push(name.into());
        Ok(EntityId(EntityId::OWN.saturating_add(number)))
    }
}
