//! Dates of birth.

use super::reader::{Reader, is_alnum};
use crate::checks::{is_date, number};

/// The last year that counts as one of birth. Not read from a clock: a finding must not depend on when
/// it is looked for.
const LAST_YEAR: u64 = 2035;

fn plausible(year: u64, month: u64, day: u64) -> bool {
    (1900..=LAST_YEAR).contains(&year) && is_date(year, month, day)
}

/// Digits of a date, whichever order they are in.
pub(crate) fn birth_date(text: &[u8]) -> bool {
    match text.len() {
        8 => {
            let forward = plausible(number(text, 0, 4), number(text, 4, 2), number(text, 6, 2));
            let (first, second) = (number(text, 0, 2), number(text, 2, 2));
            let year = number(text, 4, 4);
            forward || plausible(year, second, first) || plausible(year, first, second)
        }
        7 => {
            let year = number(text, 3, 4);
            let splits = [
                (number(text, 0, 1), number(text, 1, 2)),
                (number(text, 0, 2), number(text, 2, 1)),
            ];
            splits.iter().any(|(a, b)| plausible(year, *a, *b) || plausible(year, *b, *a))
        }
        6 => {
            let (a, b, c) = (number(text, 0, 2), number(text, 2, 2), number(text, 4, 2));
            let short = plausible(number(text, 2, 4), number(text, 0, 1), number(text, 1, 1));
            is_date(c, b, a) || is_date(c, a, b) || is_date(a, b, c) || short
        }
        _ => false,
    }
}

/// By their first three letters, which are told apart quickly, in small letters; the rest of each name,
/// parted by `|`.
#[rustfmt::skip]
const MONTHS: &[(&[u8; 3], &str)] = &[
    (b"jan", "uary|uar|vier"), (b"feb", "ruary|ruar|rero"), (b"mar", "ch|s|zo"), (b"apr", "il"),
    (b"may", "o"), (b"jun", "e|i|io"), (b"jul", "y|i|io"), (b"aug", "ust"), (b"sep", "t|tember|tembre|tiembre"),
    (b"oct", "ober|obre|ubre"), (b"nov", "ember|embre|iembre"), (b"dec", "ember|embre"), (b"mai", ""),
    (b"okt", "ober"), (b"dez", "ember"), (b"fev", "rier"), (b"avr", "il"), (b"jui", "n|llet"), (b"aou", "t"),
    (b"ene", "ro"), (b"abr", "il"), (b"ago", "sto"), (b"dic", "iembre"),
];

/// Whether a word is a month's name or its first three letters.
pub(crate) fn is_month(word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first_chunk::<3>() else { return false };
    let first = first.map(|byte| byte.to_ascii_lowercase());
    let Some((_, names)) = MONTHS.iter().find(|(known, _)| **known == first) else { return false };
    rest.is_empty() || names.split('|').any(|name| name.as_bytes().eq_ignore_ascii_case(rest))
}

/// Names of months in languages whose names are not told by three letters, in small letters.
#[rustfmt::skip]
const MORE_MONTHS: &[&str] = &[
    "märz", "jänner", "février", "août", "décembre", "aout", "gennaio", "febbraio", "aprile", "maggio",
    "giugno", "luglio", "settembre", "ottobre", "dicembre", "janeiro", "fevereiro", "março", "maio", "junho",
    "julho", "setembro", "outubro", "dezembro", "januari", "februari", "maart", "mei", "augustus", "augusti",
    "mars", "maj", "marts", "desember", "stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca",
    "sierpnia", "września", "października", "listopada", "grudnia", "января", "февраля", "марта", "апреля",
    "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря",
];

/// Bytes that the name of a month may have.
const NAME_MAX: usize = 24;

fn is_any_month(word: &[u8]) -> bool {
    let same = |name: &str| name.len() == word.len() && name.as_bytes().eq_ignore_ascii_case(word);
    let lower = || std::str::from_utf8(word).ok().map(str::to_lowercase);
    is_month(word)
        || MORE_MONTHS.iter().copied().any(same)
        || !word.is_ascii() && lower().is_some_and(|word| MORE_MONTHS.contains(&word.as_str()))
}

/// The end of the day at `at`, with what makes an ordinal of it: `12`, `12.`, `12th`.
fn day_end(text: &Reader<'_>, at: usize) -> Option<usize> {
    let end = text.digit_end(at, 3);
    let day = number(text.slice(at, end), 0, end - at);
    let ordinal = [&b"st"[..], b"nd", b"rd", b"th", b".", b"er", b"\xc2\xba"]
        .into_iter()
        .find(|sign| text.says(end, sign))
        .map_or(0, <[u8]>::len);
    (end - at <= 2 && (1..=31).contains(&day)).then_some(end + ordinal)
}

/// The end of a year that matters at `at`.
fn year_end(text: &Reader<'_>, at: usize) -> Option<usize> {
    let end = text.run(at, 5, is_alnum);
    let year = number(text.slice(at, end), 0, 4);
    let digits = text.slice(at, end).iter().all(u8::is_ascii_digit);
    (end - at == 4 && digits && (1900..=LAST_YEAR).contains(&year)).then_some(end)
}

/// Past the first of some words that stands at `at`, if any does.
fn past(text: &Reader<'_>, at: usize, words: &[&[u8]]) -> usize {
    words.iter().find(|word| text.says(at, word)).map_or(at, |word| at + word.len())
}

/// A date in words that begins with its day at `at`: `12. März 1980`, `12th of March, 1980`,
/// `12 de marzo de 1980`, `12-Mar-1980`.
pub(crate) fn day_first(text: &Reader<'_>, at: usize) -> Option<usize> {
    let day = day_end(text, at)?;
    let name = past(text, day, &[b" of ", b" de ", b" ", b"-", b"/"]);
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
    let end = text.run(name, NAME_MAX, letter);
    if end == name || !is_any_month(text.slice(name, end)) {
        return None;
    }
    let dot = past(text, end, &[b"."]);
    let year = past(text, dot, &[b", ", b" of ", b" de ", b" del ", b" ", b"-", b"/"]);
    (year > dot).then(|| year_end(text, year))?
}

/// One that begins with its month, whose day stands at `at`: `March 12th, 1980`.
pub(crate) fn month_first(text: &Reader<'_>, at: usize) -> Option<usize> {
    let day = day_end(text, at)?;
    let year = past(text, day, &[b", ", b" "]);
    (year > day).then(|| year_end(text, year))?
}

/// One of East Asia: `1980年3月12日`, `1980년 3월 12일`.
pub(crate) fn signed(text: &Reader<'_>, at: usize) -> Option<usize> {
    let mut here = at;
    for (most, signs) in [(4, ["年", "년"]), (2, ["月", "월"]), (2, ["日", "일"])] {
        let end = text.digit_end(here, 5);
        let sign = signs.iter().find(|sign| text.says(end, sign.as_bytes()))?;
        if end == here || end - here > most {
            return None;
        }
        here = end + sign.len();
        let next = past(text, here, &[b" "]);
        if text.at(next).is_ascii_digit() {
            here = next;
        }
    }
    Some(here)
}

/// A date with the month's name: `12 MARCH 1980` or `MARCH 12, 1980` without its blanks.
pub(crate) fn named_date(text: &[u8]) -> bool {
    let letters = text.iter().position(u8::is_ascii_alphabetic).unwrap_or(0);
    let name = text.get(letters..).unwrap_or_default();
    let name = name.split(u8::is_ascii_digit).next().unwrap_or_default();
    let before = number(text, 0, letters);
    let after = letters + name.len();
    let left = text.len() - after;
    let (day, year) = match left.checked_sub(4) {
        Some(0) => (before, number(text, after, 4)),
        Some(digits @ 1..=2) => (number(text, after, digits), number(text, after + digits, 4)),
        _ => return false,
    };
    is_month(name) && (1..=31).contains(&day) && (1900..=LAST_YEAR).contains(&year)
}

#[cfg(test)]
mod tests {
    use super::{birth_date, named_date};

    #[test]
    fn real_days_are_dates() {
        for date in ["19800312", "12031980", "03121980", "3121980", "311980", "120380"] {
            assert!(birth_date(date.as_bytes()), "{date}");
        }
        for date in ["19801312", "32131980", "17000101", "999999"] {
            assert!(!birth_date(date.as_bytes()), "{date}");
        }
        assert!(
            named_date(b"12MARCH1980") && named_date(b"MAR31980") && named_date(b"DEZEMBER241999")
        );
        assert!(!named_date(b"12MARCHES1980") && !named_date(b"32MARCH1980"));
    }
}
