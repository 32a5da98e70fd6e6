//! From the runs of a number to the rows that it fits: one look-up a run.

use super::rows::{ROWS, Row};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Runs that a shape may have.
const RUNS_MAX: u32 = 14;
/// Characters that a run may have.
pub(crate) const RUN_MAX: usize = 31;

/// What stands between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing, or the beginning.
    None,
    Blank,
    Dash,
    Dot,
    Slash,
    Colon,
    Parenthesis,
    Comma,
}

/// The runs so far, as a number: nine bits for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Key {
    bits: u128,
    runs: u32,
}

impl Key {
    /// The key with one more run; `None` when no shape has that many.
    #[inline]
    pub(crate) fn with(self, gap: Gap, letters: bool, len: usize) -> Option<Self> {
        if len > RUN_MAX || self.runs == RUNS_MAX {
            return None;
        }
        let run = len as u128 | u128::from(letters) << 5 | (gap as u128) << 6;
        Some(Self { bits: self.bits | run << (9 * self.runs), runs: self.runs + 1 })
    }

    #[inline]
    fn hash(self) -> u64 {
        let folded = (self.bits as u64) ^ ((self.bits >> 64) as u64).rotate_left(29);
        folded.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u128,
    first: u16,
    count: u16,
    /// The gaps that may follow, and the runs behind them.
    gaps: u8,
    runs: u64,
}

/// What is known of some runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    first: u16,
    count: u16,
    gaps: u8,
    runs: u64,
}

/// A bit for a run of a class and length.
fn run_bit(letters: bool, len: usize) -> u64 {
    1 << (len & RUN_MAX | usize::from(letters) << 5)
}

impl Fit {
    /// Whether longer shapes begin like this, with this gap next.
    #[inline]
    pub(crate) fn goes_on(self, gap: Gap) -> bool {
        self.gaps >> (gap as u8) & 1 == 1
    }

    /// Whether longer shapes begin like this, with this run next.
    #[inline]
    pub(crate) fn leads_to(self, letters: bool, len: usize) -> bool {
        len <= RUN_MAX && self.runs & run_bit(letters, len) != 0
    }

    /// The rows with exactly these runs.
    pub(crate) fn rows(self) -> impl Iterator<Item = &'static Row> {
        let from = usize::from(self.first);
        let numbers = SHAPES.lists.get(from..from + usize::from(self.count)).unwrap_or_default();
        numbers.iter().filter_map(|number| ROWS.get(usize::from(*number)))
    }

    pub(crate) fn is_any(self) -> bool {
        self.count > 0
    }
}

/// What is gathered of a beginning before the table is laid out.
#[derive(Default)]
struct Node {
    rows: Vec<u16>,
    gaps: u8,
    runs: u64,
}

/// All shapes.
pub(crate) struct Shapes {
    slots: Vec<Slot>,
    shift: u32,
    lists: Vec<u16>,
}

pub(crate) static SHAPES: LazyLock<Shapes> = LazyLock::new(Shapes::build);

impl Shapes {
    /// What begins with these runs; `None` when nothing does.
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<Fit> {
        let mut at = (key.hash() >> self.shift) as usize;
        loop {
            let slot = self.slots.get(at)?;
            if slot.key == key.bits {
                let Slot { first, count, gaps, runs, .. } = *slot;
                return Some(Fit { first, count, gaps, runs });
            }
            if slot.key == 0 {
                return None;
            }
            at = (at + 1) % self.slots.len();
        }
    }

    fn build() -> Self {
        let mut nodes: HashMap<Key, Node> = HashMap::new();
        for (number, row) in (0..).zip(ROWS) {
            for shape in row.shapes.split('|').flat_map(spellings) {
                let runs = runs_of(&shape);
                let mut key = Some(Key::default());
                for (n, (gap, letters, len)) in runs.iter().enumerate() {
                    key = key.and_then(|key| key.with(*gap, *letters, *len));
                    let node = key.map(|key| nodes.entry(key).or_default());
                    match (node, runs.get(n + 1)) {
                        (Some(node), Some((gap, letters, len))) => {
                            node.gaps |= 1 << (*gap as u8);
                            node.runs |= run_bit(*letters, *len);
                        }
                        (Some(node), None) if !node.rows.contains(&number) => {
                            node.rows.push(number)
                        }
                        _ => {}
                    }
                }
            }
        }
        let size = (nodes.len() * 4).next_power_of_two();
        let shift = 64 - size.trailing_zeros();
        let mut shapes = Self { slots: vec![Slot::default(); size], shift, lists: Vec::new() };
        for (key, node) in nodes {
            shapes.insert(key, &node);
        }
        shapes
    }

    fn insert(&mut self, key: Key, node: &Node) {
        let narrow = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let slot = Slot {
            key: key.bits,
            first: narrow(self.lists.len()),
            count: narrow(node.rows.len()),
            gaps: node.gaps,
            runs: node.runs,
        };
        self.lists.extend_from_slice(&node.rows);
        let mut at = (key.hash() >> self.shift) as usize;
        let size = self.slots.len();
        while let Some(place) = self.slots.get_mut(at) {
            if place.key == 0 {
                *place = slot;
                return;
            }
            at = (at + 1) % size;
        }
    }
}

/// A shape with each `~` as a blank and as a dash.
fn spellings(shape: &str) -> Vec<String> {
    if shape.contains('~') {
        return vec![shape.replace('~', " "), shape.replace('~', "-")];
    }
    vec![shape.to_owned()]
}

/// A shape's runs: the gap before each, whether it is of letters, and its length.
fn runs_of(shape: &str) -> Vec<(Gap, bool, usize)> {
    let mut runs = Vec::new();
    let mut gap = Gap::None;
    let mut rest = shape;
    while !rest.is_empty() {
        let letters = rest.starts_with('a');
        rest = rest.trim_start_matches('a');
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (len, tail) = rest.split_at_checked(digits).unwrap_or_default();
        runs.push((gap, letters, len.parse().unwrap_or(usize::MAX)));
        let mut tail = tail.chars();
        gap = match tail.next() {
            Some(' ') => Gap::Blank,
            Some('-') => Gap::Dash,
            Some('.') => Gap::Dot,
            Some('/') => Gap::Slash,
            Some(':') => Gap::Colon,
            Some(')') => Gap::Parenthesis,
            Some(',') => Gap::Comma,
            _ => Gap::None,
        };
        rest = tail.as_str();
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{Gap, Key, SHAPES, runs_of, spellings};
    use crate::detect::rows::ROWS;

    #[test]
    fn every_shape_leads_to_its_row() {
        for row in ROWS {
            for shape in row.shapes.split('|').flat_map(spellings) {
                let runs = runs_of(&shape);
                let mut key = Key::default();
                for (n, (gap, letters, len)) in runs.iter().enumerate() {
                    key = key.with(*gap, *letters, *len).unwrap();
                    let found = SHAPES.find(key).unwrap();
                    match runs.get(n + 1) {
                        Some((gap, letters, len)) => {
                            assert!(
                                found.goes_on(*gap) && found.leads_to(*letters, *len),
                                "{shape}"
                            );
                        }
                        None => {
                            assert!(found.rows().any(|found| found.entity == row.entity), "{shape}")
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn other_runs_lead_nowhere() {
        let key = Key::default().with(Gap::None, true, 30).unwrap();
        assert!(SHAPES.find(key).is_none());
        assert!(Key::default().with(Gap::None, true, 32).is_none());
    }
}
