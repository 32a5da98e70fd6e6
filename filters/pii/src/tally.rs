//! How many of which kind were found, and what was done.

use crate::config::Action;
use std::collections::BTreeMap;

/// Counts of one request and direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<(Box<str>, Action), u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, name: &str, action: Action) {
        match self.counts.get_mut(&(name.into(), action)) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert((name.into(), action), 1)),
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many were found.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Each kind and action with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Action, u64)> {
        self.counts.iter().map(|((name, action), count)| (&**name, *action, *count))
    }

    /// The strongest action that any finding has.
    pub fn strongest(&self) -> Option<Action> {
        self.counts.keys().map(|(_, action)| *action).max()
    }
}
