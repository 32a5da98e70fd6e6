//! The series of one metric, found by their label values.
//!
//! Prometheus' own vectors hash label values one after the other without a mark between them, so that
//! `ab`, `c` and `a`, `bc` are one series to them. Here each series is registered by itself.

use parking_lot::RwLock;
use prometheus::core::Collector;
use prometheus::{Opts, Registry};

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
    known: RwLock<Vec<Known<T>>>,
}

struct Known<T> {
    hash: u64,
    values: Box<[Box<str>]>,
    /// `None` where a series could not be made, so that it is complained about once.
    series: Option<T>,
}

/// Multiplies word by word, as rustc's own hasher does. Values come from closed sets, so that there are few
/// of them and nobody can choose them to collide: a look-up goes through a list and compares one word each.
fn hash(values: &[&str]) -> u64 {
    let mixed =
        |hash: u64, word: u64| (hash ^ word).wrapping_mul(0xf135_7aea_2e62_a9c5).rotate_left(26);
    values.iter().fold(0, |hash, value| {
        let (words, rest) = value.as_bytes().as_chunks();
        let hash = words.iter().fold(hash, |hash, word| mixed(hash, u64::from_le_bytes(*word)));
        let last = rest.iter().fold(1, |last, byte| last << 8 | u64::from(*byte));
        mixed(hash, last)
    })
}

impl<T: Made> Series<T> {
    /// No series yet, but for a metric without labels, which is shown from the start.
    pub(super) fn new(registry: Registry, name: &str, help: &str, labels: &[&str]) -> Self {
        let opts = Opts::new(name, help);
        let series = Self { registry, opts, labels: owned(labels), known: RwLock::default() };
        if series.labels.is_empty() {
            series.with(&[], |_| ());
        }
        series
    }

    /// Does something to the series with these label values, which is made if need be.
    pub(super) fn with(&self, values: &[&str], act: impl FnOnce(&T)) {
        let hash = hash(values);
        let is_it = |known: &Known<T>| {
            known.hash == hash && known.values.iter().map(AsRef::as_ref).eq(values.iter().copied())
        };
        if let Some(known) = self.known.read().iter().find(|known| is_it(known)) {
            known.series.as_ref().map(act);
            return;
        }
        let mut all = self.known.write();
        if !all.iter().any(is_it) {
            let (values, series) = (owned(values), self.make(values));
            all.push(Known { hash, values, series });
        }
        all.iter().find(|known| is_it(known)).and_then(|known| known.series.as_ref()).map(act);
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

fn owned(texts: &[&str]) -> Box<[Box<str>]> {
    texts.iter().map(|text| (*text).into()).collect()
}
