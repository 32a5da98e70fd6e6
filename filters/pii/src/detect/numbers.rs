//! What a digit is part of.

use super::dates::{self, is_month};
use super::phones;
use super::reader::{Reader, is_alnum};
use super::rows::Row;
use super::scan::Scan;
use super::shapes::{Fit, Gap, Place, RUN_MAX, SHAPES};
use super::tokens;
use crate::entity::Entity;
use smallvec::SmallVec;

/// A longer run of letters and digits is no value but a blob.
pub(crate) const TOKEN_MAX: usize = 80;
/// Letters that may stand before a number, with a sign between.
const PREFIX_MAX: usize = 4;

/// Asks what the digit at `at` is part of; returns where to look on.
pub(crate) fn digit(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let start = scan.text.alnum_start(at, TOKEN_MAX);
    let end = scan.text.alnum_end(at, TOKEN_MAX);
    if end - start >= TOKEN_MAX {
        // Not past the end: what comes makes it only longer.
        let _ = scan.text.was_touched();
        return blob_end(scan.text.text(), end);
    }
    shapes(scan, start);
    scan.asked(start);
    if tokens::may_be_any(&scan.text, start, end) {
        tokens::token(scan, start, end, at);
    }
    scan.asked(start);
    let silent = scan.is_silent(start);
    if !silent || matches!(scan.text.before(start), b'+' | b'(') {
        dialled(scan, start);
        scan.asked(start);
    }
    if !silent {
        written_date(scan, start);
        scan.asked(start);
    }
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
    /// Up to where the text was read.
    upto: usize,
}

impl Compact {
    fn at(start: usize) -> Self {
        Self { bytes: [0; 64], len: 0, upto: start }
    }

    /// Those of the text up to `end`; empty for what is longer than any value.
    fn read_to(&mut self, text: &Reader<'_>, end: usize) -> &[u8] {
        let more = text.slice(self.upto, end).iter().filter(|byte| is_alnum(**byte));
        for byte in more {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte.to_ascii_uppercase();
            }
            self.len += 1;
        }
        self.upto = end;
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// A row that fits, and where its value ends.
struct Fitting {
    row: &'static Row,
    end: usize,
    joined: bool,
}

type AllFitting = SmallVec<[Fitting; 4]>;

/// Reads runs from `start` on for as long as a shape begins like them, and proposes what fits.
fn shapes(scan: &mut Scan<'_, '_>, start: usize) {
    let shapes = &*SHAPES;
    let mut fitting = AllFitting::new();
    let mut compact = Compact::at(start);
    let mut here = shapes.root();
    let (mut at, mut gap) = (start, Gap::None);
    let (mut first_gap, mut last_gap) = (Gap::None, Gap::None);
    loop {
        let (end, letters) = scan.text.same_end(at, RUN_MAX + 1);
        let Some(found) = shapes.step(here, gap, letters, end - at) else { break };
        (here, at, gap) = (found, end, Gap::None);
        let (_, fit) = here;
        // The time of day that follows a date is none of its digits.
        let timed = last_gap == Gap::Dash
            && scan.text.at(at) == b'T'
            && scan.text.at(at + 1).is_ascii_digit()
            && scan.told(start, Entity::DATE_OF_BIRTH);
        if is_alnum(scan.text.at(at)) && !timed {
            if !fit.goes_on(Gap::None) {
                break;
            }
            continue;
        }
        if timed {
            dated(scan, (start, at), here, &mut compact);
            break;
        }
        if fit.is_any() {
            // A check digit in parentheses takes the second one along.
            let closed = last_gap == Gap::Parenthesis && scan.text.at(at) == b')';
            let end = at + usize::from(closed);
            fits(scan, (start, end, first_gap), here, &mut compact, &mut fitting);
        }
        let Some((sign, width)) = gap_at(&scan.text, at, fit) else { break };
        if !is_alnum(scan.text.at(at + width)) {
            break;
        }
        if first_gap == Gap::None {
            first_gap = sign;
            // The middle of a longer number: nothing of it counts without a word.
            if is_joined_before(&scan.text, start, sign) && !scan.told_anything(start) {
                break;
            }
        }
        (gap, last_gap, at) = (sign, sign, at + width);
    }
    propose(scan, start, &fitting);
}

/// Proposes a date before a time of day.
fn dated(
    scan: &mut Scan<'_, '_>,
    (start, end): (usize, usize),
    (_, fit): (Place, &Fit),
    compact: &mut Compact,
) {
    let mut rows = SHAPES.told(fit).iter().filter(|row| row.entity == Entity::DATE_OF_BIRTH);
    if rows.any(|row| (row.check)(compact.read_to(&scan.text, end))) {
        scan.propose(start, end, Entity::DATE_OF_BIRTH, 85);
    }
}

/// Notes the rows that fit what stands from `start` to `end`.
fn fits(
    scan: &mut Scan<'_, '_>,
    (start, end, gap): (usize, usize, Gap),
    (place, fit): (Place, &Fit),
    compact: &mut Compact,
    fitting: &mut AllFitting,
) {
    let shapes = &*SHAPES;
    // Most kinds count with a word only, and most numbers have none.
    let kinds = shapes.told_kinds(place).common(&scan.wanted.entities);
    let told: &[&'static Row] = match kinds.is_empty() || !scan.told_any(start, &kinds) {
        true => &[],
        false => shapes.told(fit),
    };
    let mut joined = None;
    for row in shapes.bare(fit).iter().chain(told) {
        let may = scan.wants(row.entity)
            && (row.bare >= scan.wanted.threshold || scan.told(start, row.entity));
        if may && (row.check)(compact.read_to(&scan.text, end)) {
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

/// What a byte between two runs stands for.
#[expect(clippy::indexing_slicing, reason = "worked out when it is compiled")]
static GAPS: [Gap; 128] = {
    let mut gaps = [Gap::None; 128];
    gaps[b' ' as usize] = Gap::Blank;
    gaps[b'-' as usize] = Gap::Dash;
    gaps[b'.' as usize] = Gap::Dot;
    gaps[b'/' as usize] = Gap::Slash;
    gaps[b':' as usize] = Gap::Colon;
    gaps[b'(' as usize] = Gap::Parenthesis;
    gaps[b')' as usize] = Gap::Parenthesis;
    gaps[b',' as usize] = Gap::Comma;
    gaps
};

/// What stands between two runs, and how long it is, if the shapes go on with it.
#[inline]
fn gap_at(text: &Reader<'_>, at: usize, fit: &Fit) -> Option<(Gap, usize)> {
    let byte = text.at(at);
    let gap = GAPS.get(usize::from(byte)).copied().unwrap_or(Gap::None);
    if gap == Gap::None || !fit.goes_on(gap) {
        return None;
    }
    match byte {
        b')' => Some((gap, 1 + usize::from(text.at(at + 1) == b' '))),
        b',' => (text.at(at + 1) == b' ').then_some((gap, 2)),
        _ => Some((gap, 1)),
    }
}

/// Whether a byte joins two groups of a number: the same sign if the value has one itself, any if not.
fn joins(gap: Gap, byte: u8) -> bool {
    match gap {
        Gap::Blank => byte == b' ',
        Gap::None => matches!(byte, b'-' | b'.' | b'/' | b'_' | b':' | b'+' | b'='),
        _ => matches!(byte, b'-' | b'.' | b'/' | b'_'),
    }
}

/// Whether what lies behind such a byte, and further on, is a group.
fn is_group(gap: Gap, byte: u8, further: u8) -> bool {
    match gap {
        Gap::Blank => byte.is_ascii_digit() && further.is_ascii_digit(),
        Gap::None => byte.is_ascii_digit(),
        _ => is_alnum(byte),
    }
}

/// Whether a further group of a longer number stands before the value.
fn is_joined_before(text: &Reader<'_>, start: usize, gap: Gap) -> bool {
    joins(gap, text.before(start))
        && start >= 2
        && is_group(gap, text.before(start - 1), text.before(start.saturating_sub(2)))
}

/// Whether the value is part of a longer number: a further group stands on either side.
fn is_joined(text: &Reader<'_>, start: usize, end: usize, gap: Gap) -> bool {
    is_joined_before(text, start, gap)
        || joins(gap, text.at(end)) && is_group(gap, text.at(end + 1), text.at(end + 2))
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
    // `(11) 91234-5678`
    let opened = before == b'(' && scan.text.at(scan.text.digit_end(start, 6)) == b')';
    let first = start - usize::from(opened);
    if scan.wanted.threshold <= 65
        && before != b'.'
        && goes_on(&scan.text, start)
        && scan.told(start, Entity::PHONE_NUMBER)
        && let Some(end) = phones::national(&scan.text, start)
    {
        scan.propose(first, end, Entity::PHONE_NUMBER, 65);
    }
    let asked = start - usize::from(before == b'(');
    scan.asked(asked);
}

/// Whether the digits from `start` on are many, or further ones follow after a sign.
fn goes_on(text: &Reader<'_>, start: usize) -> bool {
    let end = text.digit_end(start, 7);
    let next = text.run(end, 3, |byte| b" -./()".contains(&byte));
    end - start == 7 || next > end && text.at(next).is_ascii_digit()
}

/// Dates with words or signs in them.
fn written_date(scan: &mut Scan<'_, '_>, start: usize) {
    if !scan.wants(Entity::DATE_OF_BIRTH) {
        return;
    }
    let after = scan.text.digit_end(start, 5);
    // Most small numbers are followed by nothing that a day could be.
    let end = match after - start {
        1 | 2 if !scan.text.at(after + 1).is_ascii_digit() => dates::day_first(&scan.text, start),
        4 if scan.text.at(after) >= 0x80 => dates::signed(&scan.text, start),
        _ => None,
    };
    if let Some(end) = end
        && scan.told(start, Entity::DATE_OF_BIRTH)
    {
        scan.propose(start, end, Entity::DATE_OF_BIRTH, 85);
    }
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
    let month = is_month(letters);
    if capitals || month {
        shapes(scan, word);
        if month
            && scan.told(word, Entity::DATE_OF_BIRTH)
            && let Some(end) = dates::month_first(&scan.text, start)
        {
            scan.propose(word, end, Entity::DATE_OF_BIRTH, 85);
        }
        scan.asked(word);
    }
}
