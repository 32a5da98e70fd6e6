//! The values of one request, by their placeholders.

use crate::placeholder::{SUFFIX, Suffix, placeholder};
use std::collections::HashMap;
use std::fmt;
use zeroize::Zeroizing;

/// What one request's placeholders stand for. It lives as long as the request, and wipes what it held.
#[derive(Default)]
pub struct Vault {
    entries: Vec<Entry>,
    /// The kinds' names, each once: there are few, and there may be a hundred thousand values.
    names: Vec<Box<str>>,
    /// By the placeholder's name and suffix.
    by_placeholder: HashMap<(NameAt, Suffix), usize>,
    /// By the placeholder's letters without brackets and `_`; sorted once all are there.
    spelt: Vec<(Box<[u8]>, usize)>,
}

/// The number of a name.
type NameAt = usize;

struct Entry {
    name: NameAt,
    suffix: Suffix,
    /// The value as it reads without what people vary.
    normal: Zeroizing<Vec<u8>>,
    /// The value as it was first written.
    value: Zeroizing<String>,
    /// Whether it ever stood in angle brackets: `Jane <jane@example.com>`.
    bracketed: bool,
}

/// A name's letters and digits.
fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric)
}

impl Vault {
    /// Whether nothing can be put back.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps a value; `suffix` makes the n-th suffix to try, should another value have the first.
    pub(crate) fn keep(
        &mut self,
        name: &str,
        normal: Vec<u8>,
        value: &str,
        suffix: impl Fn(u8) -> Suffix,
    ) -> String {
        let named = self.named(name).unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        for again in 0..=u8::MAX {
            let suffix = suffix(again);
            let known = self.by_placeholder.get(&(named, suffix));
            match known.and_then(|at| self.entries.get(*at)) {
                Some(entry) if *entry.normal == normal => return placeholder(name, &suffix),
                Some(_) => {}
                None => {
                    self.add(named, suffix, normal, value);
                    return placeholder(name, &suffix);
                }
            }
        }
        // 256 clashes of 40 bits each: the value goes without a way back.
        format!("[{name}]")
    }

    fn named(&self, name: &str) -> Option<NameAt> {
        self.names.iter().position(|known| **known == *name)
    }

    fn name(&self, entry: &Entry) -> &str {
        self.names.get(entry.name).map_or("", |name| name)
    }

    fn add(&mut self, named: NameAt, suffix: Suffix, normal: Vec<u8>, value: &str) {
        let at = self.entries.len();
        let name = self.names.get(named).map_or("", |name| name);
        self.spelt.push((letters(name).chain(suffix).collect(), at));
        self.by_placeholder.insert((named, suffix), at);
        self.entries.push(Entry {
            name: named,
            suffix,
            normal: Zeroizing::new(normal),
            value: Zeroizing::new(value.to_owned()),
            bracketed: false,
        });
    }

    /// Makes ready what values are looked up by: no more of them come.
    pub(crate) fn sorted(mut self) -> Self {
        self.spelt.sort_unstable();
        self
    }

    /// Notes that the value of a placeholder stood in angle brackets.
    pub(crate) fn note_brackets(&mut self, placeholder: &str) {
        let inside = placeholder.trim_matches(['<', '>']);
        let Some((name, suffix)) = inside.rsplit_once('_') else { return };
        let Ok(suffix) = Suffix::try_from(suffix.as_bytes()) else { return };
        let at = self.named(name).and_then(|named| self.by_placeholder.get(&(named, suffix)));
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(*at)) {
            entry.bracketed = true;
        }
    }

    pub(crate) fn was_bracketed(&self, at: usize) -> bool {
        self.entries.get(at).is_some_and(|entry| entry.bracketed)
    }

    /// All placeholders' letters, in order once the vault is sorted.
    pub(crate) fn spelt(&self) -> &[(Box<[u8]>, usize)] {
        &self.spelt
    }

    pub(crate) fn value(&self, at: usize) -> &str {
        self.entries.get(at).map_or("", |entry| &entry.value)
    }

    /// The one value of the kind with these letters, if there is just one.
    pub(crate) fn only(&self, name: &[u8]) -> Option<usize> {
        let from = self.spelt.partition_point(|(known, _)| known.as_ref() < name);
        let rest = self.spelt.get(from..).unwrap_or_default();
        let mut same =
            rest.iter().take_while(|(known, _)| known.starts_with(name)).filter(|(known, at)| {
                known.len() == name.len() + SUFFIX
                    && self
                        .entries
                        .get(*at)
                        .is_some_and(|entry| letters(self.name(entry)).eq(name.iter().copied()))
            });
        let (_, first) = same.next()?;
        same.next().is_none().then_some(*first)
    }

    /// The placeholders, for tests and for showing what was done.
    pub fn placeholders(&self) -> impl Iterator<Item = String> {
        self.entries.iter().map(|entry| placeholder(self.name(entry), &entry.suffix))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("values", &self.entries.len()).finish_non_exhaustive()
    }
}
