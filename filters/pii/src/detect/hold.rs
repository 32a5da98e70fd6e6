//! What of a text's end may be the beginning of something that nothing has given away yet.

use super::dates::is_month;
use super::email::is_local;
use super::labels::FOREIGN_LABELS;
use super::numbers::TOKEN_MAX;

/// How far back such a beginning may lie.
const HOLD_MAX: usize = TOKEN_MAX + 1;

/// A literal of which no part but the whole is told, and that is no run.
const WEBHOOK: &[u8] = b"hooks.slack.com/services/";
/// Written-out signs of addresses.
const SIGNS: &[&[u8]] = &[b"[at]", b"(at)", b"[AT]", b"(AT)"];

fn is_run(byte: u8) -> bool {
    is_local(byte) || matches!(byte, b'/' | b':' | b'&' | b'#' | b'=' | b'~')
}

/// The start of the last part of `text` that is not decided; never before `from`.
pub(crate) fn undecided(text: &[u8], from: usize) -> usize {
    let byte = |at: usize| at.checked_sub(1).and_then(|at| text.get(at)).copied().unwrap_or(0);
    let run = |end: usize, most: usize, fits: &dyn Fn(u8) -> bool| {
        let mut start = end;
        while end - start < most && start > from && fits(byte(start)) {
            start -= 1;
        }
        start
    };
    let sign = (1..4).rev().find(|len| {
        SIGNS.iter().any(|sign| sign.get(..*len).is_some_and(|head| text.ends_with(head)))
    });
    let mut end = text.len() - sign.unwrap_or(0);
    if end > from && byte(end) == b' ' {
        end -= 1;
    }
    let mut start = run(end, HOLD_MAX, &is_run);
    // Not within a character.
    while start < end && matches!(text.get(start), Some(0x80..=0xbf)) {
        start += 1;
    }
    if start == end && sign.is_none() {
        end = text.len();
        start = end;
    }
    // `(415) …`, and capitals or a month before a number.
    while start > from && matches!(byte(start), b'(' | b'[') && text.len() - start < HOLD_MAX {
        start -= 1;
    }
    let word = run(end, 12, &|byte| byte.is_ascii_alphabetic());
    let month = is_month(text.get(word..end).unwrap_or_default());
    if month {
        start = start.min(word);
    }
    start = start.min(before_number(text, start, from));
    let hook = (16..WEBHOOK.len())
        .find(|len| WEBHOOK.get(..*len).is_some_and(|head| text.ends_with(head)));
    start.min(text.len() - hook.unwrap_or(0).max(begun_label(text))).max(from)
}

/// How many bytes at the end are the beginning of a label of another script.
fn begun_label(text: &[u8]) -> usize {
    if text.last().is_none_or(u8::is_ascii) {
        return 0;
    }
    let begun = |label: &&str| {
        let ends = label.char_indices().map(|(at, _)| at).skip(1);
        ends.filter(|end| label.as_bytes().get(..*end).is_some_and(|head| text.ends_with(head)))
            .max()
    };
    FOREIGN_LABELS.iter().filter_map(begun).max().unwrap_or(0)
}

/// The start of capitals, with one blank behind them, that stand before the run at `start`.
fn before_number(text: &[u8], start: usize, from: usize) -> usize {
    let Some(blank) = start.checked_sub(1).filter(|at| text.get(*at) == Some(&b' ')) else {
        return start;
    };
    let before = text.get(from.min(blank)..blank).unwrap_or_default();
    let letters =
        before.iter().rev().take(12).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = before.get(before.len() - letters..).unwrap_or_default();
    let capitals = (1..=4).contains(&letters) && word.iter().all(u8::is_ascii_uppercase);
    if capitals || is_month(word) {
        return blank - letters;
    }
    start
}
