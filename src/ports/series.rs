//! The series of one metric, found by their label values.
//!
//! Prometheus' own vectors hash label values one after the other without a mark between them, so that
//! `ab`, `c` and `a`, `bc` are one series to them. Here each series is registered by itself.

use parking_lot::RwLock;
use prometheus::core::Collector;
use prometheus::{Opts, Registry};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Stands between label values; no byte of a string has this value.
const MARK: u8 = 0xff;

/// A counter or histogram that can be made from its name and labels.
pub(super) trait Made: Collector + Clone + 'static {
    /// Makes one.
    fn made(opts: Opts) -> prometheus::Result<Self>;
}

/// All series of one name.
pub(super) struct Series<T> {
    registry: Registry,
    opts: Opts,
    labels: Box<[Box<str>]>,
    /// `None` where a series could not be made, so that it is complained about once.
    known: RwLock<HashMap<Key, Option<T>, BuildHasherDefault<WordHasher>>>,
}

type Key = SmallVec<[u8; 64]>;

/// Multiplies word by word, as rustc's own hasher does: keys are short, and from closed sets, so that
/// nobody can choose them to collide.
#[derive(Default)]
struct WordHasher(u64);

impl WordHasher {
    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0xf135_7aea_2e62_a9c5).rotate_left(26);
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
        self.word(last);
    }

    fn write_usize(&mut self, len: usize) {
        self.word(len as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<T: Made> Series<T> {
    /// No series yet, but for a metric without labels, which is shown from the start.
    pub(super) fn new(registry: Registry, name: &str, help: &str, labels: &[&str]) -> Self {
        let opts = Opts::new(name, help);
        let labels = labels.iter().map(|label| (*label).into()).collect();
        let series = Self { registry, opts, labels, known: RwLock::default() };
        if series.labels.is_empty() {
            series.with(&[], |_| ());
        }
        series
    }

    /// Does something to the series with these label values, which is made if need be.
    pub(super) fn with(&self, values: &[&str], act: impl FnOnce(&T)) {
        let key = key(values);
        if let Some(known) = self.known.read().get(&key) {
            known.as_ref().map(act);
            return;
        }
        let mut known = self.known.write();
        known.entry(key).or_insert_with(|| self.make(values)).as_ref().map(act);
    }

    fn make(&self, values: &[&str]) -> Option<T> {
        let made = self.register(values);
        if let Err(error) = &made {
            tracing::error!(metric = self.opts.name, ?values, %error, "a metric cannot be made");
        }
        made.ok()
    }

    fn register(&self, values: &[&str]) -> prometheus::Result<T> {
        if values.len() != self.labels.len() {
            let (expect, got) = (self.labels.len(), values.len());
            return Err(prometheus::Error::InconsistentCardinality { expect, got });
        }
        let pairs = self.labels.iter().zip(values);
        let labels = pairs.map(|(label, value)| (label.to_string(), (*value).to_owned())).collect();
        let one = T::made(self.opts.clone().const_labels(labels))?;
        self.registry.register(Box::new(one.clone()))?;
        Ok(one)
    }
}

fn key(values: &[&str]) -> Key {
    let mut key = Key::new();
    for value in values {
        key.extend_from_slice(value.as_bytes());
        key.push(MARK);
    }
    key
}
