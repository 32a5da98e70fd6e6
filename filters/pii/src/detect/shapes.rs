//! From the runs of a number to the rows that it fits: one look-up a run.

use super::rows::{ROWS, Row};
use crate::entity::EntitySet;
use std::collections::HashMap;
use std::ptr;
use std::sync::LazyLock;

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

/// The runs so far, as a place in the tree of shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place(u16);

/// What is known of some runs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fit {
    /// The runs that may follow.
    runs: u64,
    /// Where its rows are listed: those that count without a word, then those that do not.
    first: u16,
    bare: u8,
    told: u8,
    /// The gaps that may follow.
    gaps: u8,
}

/// A number below 64 for a run of a class and length.
#[inline]
fn run_number(letters: bool, len: usize) -> usize {
    len & RUN_MAX | usize::from(letters) << 5
}

impl Fit {
    /// Whether longer shapes begin like this, with this gap next.
    #[inline]
    pub(crate) fn goes_on(&self, gap: Gap) -> bool {
        self.gaps >> (gap as u8) & 1 == 1
    }

    /// Whether longer shapes begin like this, with this run next.
    #[inline]
    pub(crate) fn leads_to(&self, letters: bool, len: usize) -> bool {
        len <= RUN_MAX && self.runs >> run_number(letters, len) & 1 == 1
    }

    /// Whether rows have exactly these runs.
    #[inline]
    pub(crate) fn is_any(&self) -> bool {
        self.bare | self.told != 0
    }
}

/// A way from one place to the next.
#[derive(Debug, Clone, Copy, Default)]
struct Branch {
    /// Where it leaves and by which run; 0 for none.
    key: u32,
    to: Place,
}

#[inline]
fn branch_key(from: Place, gap: Gap, letters: bool, len: usize) -> u32 {
    u32::from(from.0) << 9 | (gap as u32) << 6 | run_number(letters, len) as u32
}

/// All shapes. The tree is small, for it is asked for every run of digits.
pub(crate) struct Shapes {
    branches: Vec<Branch>,
    shift: u32,
    /// By place.
    fits: Vec<Fit>,
    /// By place, the kinds of its rows that need a word.
    kinds: Vec<EntitySet>,
    /// The rows of all places, one list after another.
    lists: Vec<&'static Row>,
}

pub(crate) static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Sketch::default().finished());

impl Shapes {
    /// The beginning: no runs.
    pub(crate) fn root(&self) -> (Place, &Fit) {
        static NOTHING: Fit = Fit { runs: 0, first: 0, bare: 0, told: 0, gaps: 0 };
        (Place(0), self.fits.first().unwrap_or(&NOTHING))
    }

    /// What begins with one more run; `None` when nothing does.
    #[inline]
    pub(crate) fn step(
        &self,
        (from, fit): (Place, &Fit),
        gap: Gap,
        letters: bool,
        len: usize,
    ) -> Option<(Place, &Fit)> {
        if !fit.leads_to(letters, len) {
            return None;
        }
        let key = branch_key(from, gap, letters, len);
        let mut at = (key.wrapping_mul(0x9e37_79b9) >> self.shift) as usize;
        loop {
            let branch = self.branches.get(at)?;
            if branch.key == key {
                return Some((branch.to, self.fits.get(usize::from(branch.to.0))?));
            }
            if branch.key == 0 {
                return None;
            }
            at = (at + 1) % self.branches.len();
        }
    }

    /// The rows of a place that may count without a word.
    pub(crate) fn bare(&self, fit: &Fit) -> &[&'static Row] {
        let from = usize::from(fit.first);
        self.lists.get(from..from + usize::from(fit.bare)).unwrap_or_default()
    }

    /// Those that never do.
    pub(crate) fn told(&self, fit: &Fit) -> &[&'static Row] {
        let from = usize::from(fit.first) + usize::from(fit.bare);
        self.lists.get(from..from + usize::from(fit.told)).unwrap_or_default()
    }

    /// The kinds of those.
    #[inline]
    pub(crate) fn told_kinds(&self, place: Place) -> EntitySet {
        self.kinds.get(usize::from(place.0)).copied().unwrap_or_default()
    }
}

/// A place before the table is laid out.
#[derive(Default)]
struct Node {
    rows: Vec<&'static Row>,
    gaps: u8,
    runs: u64,
}

/// The tree as it grows.
struct Sketch {
    nodes: Vec<Node>,
    branches: HashMap<u32, Place>,
}

impl Default for Sketch {
    fn default() -> Self {
        let mut sketch = Self { nodes: vec![Node::default()], branches: HashMap::new() };
        for row in ROWS {
            for shape in row.shapes.split('|').flat_map(spellings) {
                sketch.add(row, &shape);
            }
        }
        sketch
    }
}

impl Sketch {
    fn add(&mut self, row: &'static Row, shape: &str) {
        let mut place = Place(0);
        for (gap, letters, len) in runs_of(shape) {
            if let Some(node) = self.nodes.get_mut(usize::from(place.0)) {
                node.gaps |= 1 << (gap as u8);
                node.runs |= 1 << run_number(letters, len);
            }
            let key = branch_key(place, gap, letters, len);
            let next = Place(u16::try_from(self.nodes.len()).unwrap_or(u16::MAX));
            place = *self.branches.entry(key).or_insert(next);
            if place == next {
                self.nodes.push(Node::default());
            }
        }
        let node = self.nodes.get_mut(usize::from(place.0));
        if let Some(node) = node.filter(|node| !node.rows.iter().any(|one| ptr::eq(*one, row))) {
            node.rows.push(row);
        }
    }

    fn finished(self) -> Shapes {
        let size = (self.branches.len() * 3).next_power_of_two();
        let mut shapes = Shapes {
            branches: vec![Branch::default(); size],
            shift: 32 - size.trailing_zeros(),
            fits: Vec::new(),
            kinds: Vec::new(),
            lists: Vec::new(),
        };
        for node in self.nodes {
            shapes.settle(node);
        }
        for (key, to) in self.branches {
            shapes.insert(Branch { key, to });
        }
        shapes
    }
}

impl Shapes {
    /// Lays out the next place.
    fn settle(&mut self, mut node: Node) {
        node.rows.sort_by_key(|row| row.bare == 0);
        let bare = node.rows.iter().take_while(|row| row.bare > 0).count();
        let narrow = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        self.fits.push(Fit {
            runs: node.runs,
            first: u16::try_from(self.lists.len()).unwrap_or(u16::MAX),
            bare: narrow(bare),
            told: narrow(node.rows.len() - bare),
            gaps: node.gaps,
        });
        self.kinds.push(node.rows.iter().skip(bare).map(|row| row.entity).collect());
        self.lists.append(&mut node.rows);
    }

    fn insert(&mut self, branch: Branch) {
        let mut at = (branch.key.wrapping_mul(0x9e37_79b9) >> self.shift) as usize;
        let size = self.branches.len();
        while let Some(slot) = self.branches.get_mut(at) {
            if slot.key == 0 {
                *slot = branch;
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
    use super::{Gap, SHAPES, runs_of, spellings};
    use crate::detect::rows::ROWS;

    #[test]
    fn every_shape_leads_to_its_row() {
        for row in ROWS {
            for shape in row.shapes.split('|').flat_map(spellings) {
                let mut here = SHAPES.root();
                for (gap, letters, len) in runs_of(&shape) {
                    assert!(here.1.goes_on(gap) && here.1.leads_to(letters, len), "{shape}");
                    here = SHAPES.step(here, gap, letters, len).unwrap();
                }
                let (place, fit) = here;
                let mut all = SHAPES.bare(fit).iter().chain(SHAPES.told(fit));
                assert!(all.any(|found| found.entity == row.entity), "{shape}");
                assert!(row.bare > 0 || SHAPES.told_kinds(place).contains(row.entity), "{shape}");
            }
        }
    }

    #[test]
    fn other_runs_lead_nowhere() {
        assert!(SHAPES.step(SHAPES.root(), Gap::None, true, 30).is_none());
        assert!(SHAPES.step(SHAPES.root(), Gap::None, true, 32).is_none());
    }
}
