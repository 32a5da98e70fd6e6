//! Check digits, dates and number ranges.
//!
//! Each check takes a value without separators, in capitals, whose shape fits already. The rules are
//! those of the issuing offices as python-stdnum and Presidio state them; sums that several use are
//! here, the rest lies by region.

pub(crate) mod americas;
pub(crate) mod asia;
pub(crate) mod banking;
pub(crate) mod europe;
pub(crate) mod wallets;

/// The digit at `at`; 0 for what is none, shapes having made sure that there is one.
pub(crate) fn digit(text: &[u8], at: usize) -> u32 {
    match text.get(at) {
        Some(byte @ b'0'..=b'9') => u32::from(byte - b'0'),
        _ => 0,
    }
}

/// The number that `len` digits from `at` on spell.
pub(crate) fn number(text: &[u8], at: usize, len: usize) -> u64 {
    (at..at + len).fold(0, |sum, at| sum * 10 + u64::from(digit(text, at)))
}

/// The digits times their weights, added up.
pub(crate) fn weighted(text: &[u8], weights: &[u32]) -> u32 {
    weights.iter().enumerate().map(|(at, weight)| digit(text, at) * weight).sum()
}

/// ISO/IEC 7812-1, annex B.
pub(crate) fn luhn(text: &[u8]) -> bool {
    luhn_sum(text).is_multiple_of(10) && text.iter().any(|byte| *byte != b'0')
}

pub(crate) fn luhn_sum(text: &[u8]) -> u32 {
    const DOUBLED: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let value = |byte: &u8| usize::from(byte.wrapping_sub(b'0'));
    let doubled = |byte: &u8| DOUBLED.get(value(byte)).copied().unwrap_or(0);
    let pairs = text.rchunks_exact(2);
    let first = pairs.remainder().first().map_or(0, |byte| value(byte) as u32);
    let sums = pairs.map(|pair| match pair {
        [left, right] => doubled(left) + value(right) as u32,
        _ => 0,
    });
    first + sums.sum::<u32>()
}

/// ISO/IEC 7064, mod 11,10.
pub(crate) fn mod_11_10(text: &[u8]) -> bool {
    let mut product = 10;
    let last = text.len().saturating_sub(1);
    for at in 0..last {
        let sum = (digit(text, at) + product) % 10;
        product = if sum == 0 { 20 } else { sum * 2 } % 11;
    }
    (digit(text, last) + product) % 10 == 1
}

/// The dihedral check of Verhoeff (1969).
pub(crate) fn verhoeff(text: &[u8]) -> bool {
    const TIMES: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const TURN: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let at = |table: &[[u8; 10]], row: usize, column: usize| {
        table.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0)
    };
    let sum = text.iter().rev().enumerate().fold(0u8, |sum, (n, byte)| {
        let turned = at(&TURN, n % 8, usize::from(byte.wrapping_sub(b'0')));
        at(&TIMES, usize::from(sum), usize::from(turned))
    });
    sum == 0
}

/// Whether all characters are one and the same.
pub(crate) fn uniform(text: &[u8]) -> bool {
    text.first().is_some_and(|first| text.iter().all(|byte| byte == first))
}

/// A letter's or digit's number, `A` being 10.
pub(crate) fn base36(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    }
}

/// The character at `at`, or a blank.
pub(crate) fn letter(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(b' ')
}

/// Whether the calendar has this day; a year of two digits may be of any century.
pub(crate) fn is_date(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        || year == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    day >= 1 && day <= days
}

/// Whether six digits from `at` on are a year, a month and a day.
pub(crate) fn yymmdd(text: &[u8], at: usize) -> bool {
    is_date(number(text, at, 2), number(text, at + 2, 2), number(text, at + 4, 2))
}

/// Whether six digits from `at` on are a day, a month and a year.
pub(crate) fn ddmmyy(text: &[u8], at: usize) -> bool {
    is_date(number(text, at + 4, 2), number(text, at + 2, 2), number(text, at, 2))
}

#[cfg(test)]
mod tests;
