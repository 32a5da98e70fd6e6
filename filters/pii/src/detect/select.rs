//! From what may be to what is: leftmost first, and at one place the surest.

use super::scan::{CERTAIN, Candidate};
use super::tail::Tail;

/// What is decided of a text.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) findings: Vec<Candidate>,
    /// Everything before this is decided.
    pub(crate) settled: usize,
    /// The last finding goes on, as far as this.
    pub(crate) open: Option<Tail>,
}

/// Chooses among candidates from `from` on; nothing from `pending` on is decided. `own` finds the next
/// match of the project's patterns from a place on: it depends on the place, so it is asked late.
pub(crate) fn select(
    candidates: &mut [Candidate],
    from: usize,
    pending: usize,
    len: usize,
    mut own: impl FnMut(usize) -> Option<Candidate>,
) -> Decided {
    candidates.sort_unstable_by_key(|one| {
        (one.anchor, u8::MAX - one.score, usize::MAX - one.end, one.entity)
    });
    let mut decided = Decided { settled: pending.min(len), ..Decided::default() };
    let mut at = from;
    let mut rest = candidates.iter().copied().peekable();
    loop {
        while rest.next_if(|one| one.anchor < at).is_some() {}
        let next = match (rest.peek().copied(), own(at)) {
            (Some(built_in), Some(own)) if own.anchor < built_in.anchor => own,
            (Some(built_in), _) => built_in,
            (None, Some(own)) => own,
            (None, None) => return decided,
        };
        let first = next.anchor < pending || next.anchor == pending && next.score >= CERTAIN;
        if next.open.is_some() && first && pending != usize::MAX {
            decided.findings.push(next);
            (decided.settled, decided.open) = (len, next.open);
            return decided;
        }
        if next.anchor >= pending || next.end > pending {
            decided.settled = decided.settled.min(next.anchor);
            return decided;
        }
        decided.findings.push(next);
        at = next.end;
    }
}
