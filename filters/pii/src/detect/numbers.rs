//! What a digit is part of.

use super::dates::is_month;
use super::phones;
use super::reader::{Reader, is_alnum};
use super::rows::Row;
use super::scan::Scan;
use super::shapes::{Fit, Gap, Key, RUN_MAX, SHAPES};
use super::tokens;
use crate::entity::Entity;
use smallvec::SmallVec;

/// A longer run of letters and digits is no value but a blob.
pub(crate) const TOKEN_MAX: usize = 80;
/// Letters that may stand before a number, with a sign between.
const PREFIX_MAX: usize = 4;

/// Asks what the digit at `at` is part of; returns where to look on.
pub(crate) fn digit(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let start = scan.text.run_back(at, TOKEN_MAX, is_alnum);
    let end = scan.text.run(at, TOKEN_MAX, is_alnum);
    if end - start >= TOKEN_MAX {
        // Not past the end: what comes makes it only longer.
        let _ = scan.text.was_touched();
        return blob_end(scan.text.text(), end);
    }
    shapes(scan, start);
    scan.asked(start);
    tokens::token(scan, start, end, at);
    scan.asked(start);
    dialled(scan, start);
    scan.asked(start);
    prefixed(scan, start);
    end.max(at + 1)
}

fn blob_end(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| is_alnum(**byte)).count()
}

/// The letters and digits of some runs, in capitals.
struct Compact {
    bytes: [u8; 64],
    len: usize,
}

impl Default for Compact {
    fn default() -> Self {
        Self { bytes: [0; 64], len: 0 }
    }
}

impl Compact {
    #[inline]
    fn append(&mut self, run: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(run) {
            *to = from.to_ascii_uppercase();
        }
        self.len += run.len();
    }

    /// Empty for what is longer than any value.
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// A row that fits, and where its value ends.
struct Fitting {
    row: &'static Row,
    end: usize,
    joined: bool,
}

/// Reads runs from `start` on for as long as a shape begins like them, and proposes what fits.
fn shapes(scan: &mut Scan<'_, '_>, start: usize) {
    let mut fitting: SmallVec<[Fitting; 4]> = SmallVec::new();
    let mut compact = Compact::default();
    let (mut key, mut fit): (Key, Option<Fit>) = (Key::default(), None);
    let (mut at, mut gap) = (start, Gap::None);
    let (mut first_gap, mut last_gap) = (Gap::None, Gap::None);
    loop {
        let letters = scan.text.at(at).is_ascii_alphabetic();
        let end = if letters {
            scan.text.run(at, RUN_MAX + 1, |byte| byte.is_ascii_alphabetic())
        } else {
            scan.text.run(at, RUN_MAX + 1, |byte| byte.is_ascii_digit())
        };
        if fit.is_some_and(|fit| !fit.leads_to(letters, end - at)) {
            break;
        }
        let Some(next) = key.with(gap, letters, end - at) else { break };
        let Some(found) = SHAPES.find(next) else { break };
        compact.append(scan.text.slice(at, end));
        (key, at, gap, fit) = (next, end, Gap::None, Some(found));
        if is_alnum(scan.text.at(at)) {
            if !found.goes_on(Gap::None) {
                break;
            }
            continue;
        }
        if found.is_any() {
            // A check digit in parentheses takes the second one along.
            let closed = last_gap == Gap::Parenthesis && scan.text.at(at) == b')';
            let end = at + usize::from(closed);
            fits(scan, start, end, first_gap, found.rows(), compact.text(), &mut fitting);
        }
        let Some((sign, width)) = gap_at(&scan.text, at).filter(|(sign, _)| found.goes_on(*sign))
        else {
            break;
        };
        if !is_alnum(scan.text.at(at + width)) {
            break;
        }
        if first_gap == Gap::None {
            first_gap = sign;
        }
        (gap, last_gap, at) = (sign, sign, at + width);
    }
    propose(scan, start, &fitting);
}

fn fits(
    scan: &mut Scan<'_, '_>,
    start: usize,
    end: usize,
    gap: Gap,
    rows: impl Iterator<Item = &'static Row>,
    compact: &[u8],
    fitting: &mut SmallVec<[Fitting; 4]>,
) {
    let mut joined = None;
    for row in rows {
        // Most kinds count with a word only, and most numbers have none.
        let may = scan.wants(row.entity)
            && (row.bare >= scan.wanted.threshold || scan.told(start, row.entity));
        if may && (row.check)(compact) {
            let joined = *joined.get_or_insert_with(|| is_joined(&scan.text, start, end, gap));
            fitting.push(Fitting { row, end, joined });
        }
    }
}

/// Words are only looked up where they decide: for values that need them, and among several readings.
fn propose(scan: &mut Scan<'_, '_>, start: usize, fitting: &[Fitting]) {
    let sure = |one: &Fitting| !one.joined && one.row.bare >= scan.wanted.threshold;
    if let [one] = fitting
        && sure(one)
    {
        scan.propose(start, one.end, one.row.entity, one.row.bare);
        return;
    }
    for one in fitting {
        let bare = if one.joined { 0 } else { one.row.bare };
        let told = one.row.told > bare && scan.told(start, one.row.entity);
        let score = if told { one.row.told } else { bare };
        scan.propose(start, one.end, one.row.entity, score);
    }
}

/// What stands between two runs, and how long it is.
fn gap_at(text: &Reader<'_>, at: usize) -> Option<(Gap, usize)> {
    let blank = |width: usize| width + usize::from(text.at(at + width) == b' ');
    Some(match text.at(at) {
        b' ' => (Gap::Blank, 1),
        b'-' => (Gap::Dash, 1),
        b'.' => (Gap::Dot, 1),
        b'/' => (Gap::Slash, 1),
        b':' => (Gap::Colon, 1),
        b')' => (Gap::Parenthesis, blank(1)),
        b'(' => (Gap::Parenthesis, 1),
        b',' if text.at(at + 1) == b' ' => (Gap::Comma, 2),
        _ => return None,
    })
}

/// Whether the value is part of a longer number: a further group on either side, by the same sign if
/// the value has one itself, by any if it has none.
fn is_joined(text: &Reader<'_>, start: usize, end: usize, gap: Gap) -> bool {
    let sign = |byte: u8| match gap {
        Gap::Blank => byte == b' ',
        Gap::None => matches!(byte, b'-' | b'.' | b'/' | b'_' | b':' | b'+' | b'='),
        _ => matches!(byte, b'-' | b'.' | b'/' | b'_'),
    };
    let group = |byte: u8, further: u8| match gap {
        Gap::Blank => byte.is_ascii_digit() && further.is_ascii_digit(),
        Gap::None => byte.is_ascii_digit(),
        _ => is_alnum(byte),
    };
    let left = sign(text.before(start))
        && start >= 2
        && group(text.before(start - 1), text.before(start.saturating_sub(2)));
    left || sign(text.at(end)) && group(text.at(end + 1), text.at(end + 2))
}

/// Telephone numbers, which have too many shapes for the table.
fn dialled(scan: &mut Scan<'_, '_>, start: usize) {
    if !scan.wants(Entity::PHONE_NUMBER) || !scan.text.at(start).is_ascii_digit() {
        return;
    }
    let (before, further) = (scan.text.before(start), scan.text.before(start.saturating_sub(1)));
    let plus = match (before, further) {
        (b'+', _) => Some(start - 1),
        (b'(', b'+') => Some(start - 2),
        _ => None,
    };
    if let Some(plus) = plus.filter(|plus| !is_alnum(scan.text.before(*plus))) {
        if let Some(end) = phones::international(&scan.text, plus) {
            scan.propose(plus, end, Entity::PHONE_NUMBER, 80);
        }
        scan.asked(plus);
        return;
    }
    if before == b'(' {
        let open = start - 1;
        if let Some(end) = phones::parenthesised(&scan.text, open) {
            scan.propose(open, end, Entity::PHONE_NUMBER, 75);
        }
        scan.asked(open);
    }
    if scan.wanted.threshold <= 65
        && before != b'.'
        && goes_on(&scan.text, start)
        && scan.told(start, Entity::PHONE_NUMBER)
        && let Some(end) = phones::national(&scan.text, start)
    {
        scan.propose(start, end, Entity::PHONE_NUMBER, 65);
    }
}

/// Whether the digits from `start` on are many, or further ones follow after a sign.
fn goes_on(text: &Reader<'_>, start: usize) -> bool {
    let end = text.run(start, 7, |byte| byte.is_ascii_digit());
    let next = text.run(end, 3, |byte| b" -./()".contains(&byte));
    end - start == 7 || next > end && text.at(next).is_ascii_digit()
}

/// The same with the capitals or the month before it: `AB 12 34 56 C`, `March 12, 1980`.
fn prefixed(scan: &mut Scan<'_, '_>, start: usize) {
    if !matches!(scan.text.before(start), b' ' | b'-' | b'.') || start < 2 {
        return;
    }
    let word_end = start - 1;
    let word = scan.text.run_back(word_end, 10, |byte| byte.is_ascii_alphabetic());
    if word == word_end || is_alnum(scan.text.before(word)) {
        return;
    }
    let letters = scan.text.slice(word, word_end);
    let capitals = letters.len() <= PREFIX_MAX && letters.iter().all(u8::is_ascii_uppercase);
    if capitals || is_month(letters) {
        shapes(scan, word);
        scan.asked(word);
    }
}
