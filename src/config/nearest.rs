//! "Did you mean": the known name that a mistyped one is nearest to.

/// Longer texts are no typing mistakes of a field or a name, and would cost time.
const LETTERS_MAX: usize = 64;

/// The candidate that differs least from `text`, if it differs little.
pub(super) fn nearest<'a>(
    text: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (text.chars().count() / 3).clamp(1, 3);
    let near = |candidate: &'a str| {
        if is_longer_form(text, candidate) || is_longer_form(candidate, text) {
            return Some((0, candidate));
        }
        let distance = distance(&text.to_lowercase(), &candidate.to_lowercase())?;
        (distance <= allowed).then_some((distance, candidate))
    };
    candidates
        .filter_map(near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether one word is another with something behind it, as `warning` is of `warn`.
fn is_longer_form(long: &str, short: &str) -> bool {
    short.len() >= 4 && long.starts_with(short)
}

/// How many letters must be put in, taken out or changed, two swapped neighbours counting as one.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().max(b.len()) > LETTERS_MAX {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&row, j) + usize::from(x != y);
            let mut best = changed.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied()
}
