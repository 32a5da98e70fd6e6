//! Values that are cut over the parts of one message.
//!
//! Neighbouring parts are read once more as one text. What lies in one part only is found there; what
//! crosses a border is replaced in its first part and removed from the others.

use crate::detect::{Context, Finding};
use crate::redactor::{Blocked, Reading, Redactor};

/// How far from a border a value may reach.
const EDGE: usize = 600;

/// A stretch of one part within a joined text.
struct Piece {
    joined: usize,
    part: usize,
    from: usize,
    len: usize,
}

#[derive(Default)]
struct Joined {
    text: String,
    pieces: Vec<Piece>,
}

impl Joined {
    fn push(&mut self, part: usize, from: usize, text: &str) {
        self.pieces.push(Piece { joined: self.text.len(), part, from, len: text.len() });
        self.text.push_str(text);
    }
}

/// The borders between parts, each with what lies near; long parts only with their edges.
fn joined(parts: &[&str]) -> Vec<Joined> {
    let mut all = Vec::new();
    let mut now = Joined::default();
    for (n, part) in parts.iter().enumerate() {
        if part.len() <= 2 * EDGE {
            now.push(n, 0, part);
            continue;
        }
        let head = part.floor_char_boundary(EDGE);
        let tail = part.ceil_char_boundary(part.len() - EDGE);
        now.push(n, 0, part.get(..head).unwrap_or_default());
        all.push(std::mem::take(&mut now));
        now.push(n, tail, part.get(tail..).unwrap_or_default());
    }
    all.push(now);
    all.retain(|one| one.pieces.len() > 1);
    all
}

/// What is to be written over a stretch of a part.
struct Patch {
    start: usize,
    end: usize,
    with: String,
}

/// The parts as they may be sent; `None` for each that may be sent as it is.
pub(crate) fn redact(
    redactor: &mut Redactor,
    parts: &[&str],
    context: Context<'_>,
) -> Result<Vec<Option<String>>, Blocked> {
    let found: Vec<Vec<Finding>> =
        parts.iter().map(|part| redactor.find(part, context, Reading::Plain)).collect();
    let mut patches: Vec<Vec<Patch>> = parts.iter().map(|_| Vec::new()).collect();
    let mut blocked = false;
    for one in joined(parts) {
        for finding in redactor.find(&one.text, context, Reading::Plain) {
            if !crosses(&one, &finding) || is_taken(&one, &finding, &found) {
                continue;
            }
            let value = one.text.get(finding.start..finding.end).unwrap_or_default();
            match redactor.replacement(finding.entity, value, Reading::Plain) {
                Ok(Some(with)) => spread(&one, &finding, with, &mut patches),
                Ok(None) => {}
                Err(Blocked) => blocked = true,
            }
        }
    }
    let mut redacted = Vec::with_capacity(parts.len());
    for ((part, found), mut patches) in parts.iter().zip(found).zip(patches) {
        for finding in found {
            let value = part.get(finding.start..finding.end).unwrap_or_default();
            match redactor.replacement(finding.entity, value, Reading::Plain) {
                Ok(Some(with)) => {
                    let before = part.get(..finding.start).unwrap_or_default();
                    redactor.note_brackets(before, &with);
                    patches.push(Patch { start: finding.start, end: finding.end, with });
                }
                Ok(None) => {}
                Err(Blocked) => blocked = true,
            }
        }
        redacted.push(patched(part, patches));
    }
    if blocked { Err(Blocked) } else { Ok(redacted) }
}

/// The pieces that a finding touches, each with the finding's stretch of it.
fn touched<'j>(
    joined: &'j Joined,
    finding: &Finding,
) -> impl Iterator<Item = (&'j Piece, usize, usize)> {
    let (start, end) = (finding.start, finding.end);
    joined.pieces.iter().filter_map(move |piece| {
        let from = start.max(piece.joined);
        let to = end.min(piece.joined + piece.len);
        let place = |at: usize| piece.from + (at - piece.joined);
        (from < to).then(|| (piece, place(from), place(to)))
    })
}

fn crosses(joined: &Joined, finding: &Finding) -> bool {
    touched(joined, finding).count() > 1
}

/// Whether a part has a finding of its own there.
fn is_taken(joined: &Joined, finding: &Finding, found: &[Vec<Finding>]) -> bool {
    touched(joined, finding).any(|(piece, start, end)| {
        let own = found.get(piece.part).into_iter().flatten();
        own.into_iter().any(|own| own.start < end && start < own.end)
    })
}

fn spread(joined: &Joined, finding: &Finding, with: String, patches: &mut [Vec<Patch>]) {
    let mut with = Some(with);
    for (piece, start, end) in touched(joined, finding) {
        if let Some(patches) = patches.get_mut(piece.part) {
            patches.push(Patch { start, end, with: with.take().unwrap_or_default() });
        }
    }
}

fn patched(part: &str, mut patches: Vec<Patch>) -> Option<String> {
    if patches.is_empty() {
        return None;
    }
    patches.sort_by_key(|patch| patch.start);
    let mut out = String::with_capacity(part.len() + 64);
    let mut at = 0;
    for patch in patches.iter().filter(|patch| patch.start <= patch.end) {
        if patch.start < at {
            continue;
        }
        out.push_str(part.get(at..patch.start).unwrap_or_default());
        out.push_str(&patch.with);
        at = patch.end;
    }
    out.push_str(part.get(at..).unwrap_or_default());
    Some(out)
}
