//! Edits, and the splice that carries them out.

use super::wire::{Joiner, Wire};
use super::{Member, Outline};
use crate::json::Span;
use bytes::Bytes;
use smallvec::SmallVec;

#[derive(Debug, Clone)]
struct Edit {
    span: Span,
    with: Bytes,
}

/// What is to be different from the client's bytes.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    /// Sorted by their starts: a prompt may have as many as it has texts, and each text is looked up.
    replaced: SmallVec<[Edit; 4]>,
    dropped: SmallVec<[Span; 4]>,
    appended: SmallVec<[Bytes; 2]>,
}

impl Edits {
    /// Writes `with` in place of `span`; an empty span inserts. The later of two edits of one
    /// span wins, and an edit inside of another edit's span is void.
    pub fn replace(&mut self, span: Span, with: Bytes) {
        let upto = self.replaced.partition_point(|edit| edit.span.start <= span.start);
        let here = self.replaced.iter_mut().take(upto).rev();
        let mut here = here.take_while(|edit| edit.span.start == span.start);
        match here.find(|edit| edit.span == span && !span.is_empty()) {
            Some(edit) => edit.with = with,
            None => self.replaced.insert(upto, Edit { span, with }),
        }
    }

    /// Leaves a top-level member out, with the comma that goes with it.
    pub fn drop_member(&mut self, member: &Member) {
        self.dropped.push(member.whole);
    }

    /// Adds a member (`"name":value`) at the end of the top-level object.
    pub fn append(&mut self, member: Bytes) {
        self.appended.push(member);
    }

    /// How many bytes are written, at most; what they stand for is not taken off.
    pub(super) fn added(&self) -> usize {
        let replaced = self.replaced.iter().map(|edit| edit.with.len());
        let appended = self.appended.iter().map(|member| member.len() + 1);
        replaced.chain(appended).fold(0, usize::saturating_add)
    }

    /// Whether nothing is to be different.
    pub fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.dropped.is_empty() && self.appended.is_empty()
    }

    /// The bytes that stand for `span`, where it was edited.
    pub(super) fn at(&self, span: Span) -> Option<&Bytes> {
        let from = self.replaced.partition_point(|edit| edit.span.start < span.start);
        let here = self.replaced.iter().skip(from).take_while(|edit| edit.span.start == span.start);
        here.into_iter().find(|edit| edit.span == span).map(|edit| &edit.with)
    }
}

/// All edits of a splice as cuts in the order of the body.
pub(super) struct Cuts {
    cuts: SmallVec<[Edit; 8]>,
}

impl Cuts {
    pub(super) fn new(outline: &Outline, filters: &Edits, dialect: &Edits) -> Self {
        let mut cuts = Self { cuts: SmallVec::new() };
        // What comes first wins where two cuts meet: the dialect has the last word.
        for edits in [dialect, filters] {
            cuts.cuts.extend(edits.replaced.iter().cloned());
        }
        let dropped = |member: &Member| {
            dialect.dropped.contains(&member.whole) || filters.dropped.contains(&member.whole)
        };
        cuts.drop_members(outline, dropped);
        let kept = outline.members.iter().any(|member| !dropped(member));
        cuts.append(outline, filters.appended.iter().chain(&dialect.appended), kept);
        cuts
    }

    fn push(&mut self, start: u32, end: u32, with: Bytes) {
        self.cuts.push(Edit { span: Span { start, end }, with });
    }

    /// A dropped member takes the comma before it along, or the one after it while none was kept.
    fn drop_members(&mut self, outline: &Outline, dropped: impl Fn(&Member) -> bool) {
        let mut kept_end = None;
        for (at, member) in outline.members.iter().enumerate() {
            if !dropped(member) {
                kept_end = Some(member.whole.end);
                continue;
            }
            let previous = at.checked_sub(1).and_then(|at| outline.members.get(at));
            match (kept_end, previous, outline.members.get(at + 1)) {
                (Some(_), Some(previous), _) => {
                    self.push(previous.whole.end, member.whole.end, Bytes::new());
                }
                (_, _, Some(next)) => {
                    self.push(member.whole.start, next.whole.start, Bytes::new());
                }
                _ => self.push(member.whole.start, member.whole.end, Bytes::new()),
            }
        }
    }

    fn append<'a>(
        &mut self,
        outline: &Outline,
        members: impl Iterator<Item = &'a Bytes>,
        mut follows: bool,
    ) {
        let mut added = Vec::new();
        for member in members {
            if follows {
                added.push(b',');
            }
            added.extend_from_slice(member);
            follows = true;
        }
        if !added.is_empty() {
            let brace = outline.root.end.saturating_sub(1);
            self.push(brace, brace, added.into());
        }
    }

    pub(super) fn insert_messages(&mut self, outline: &Outline, before: usize, json: Vec<u8>) {
        let Some(list) = outline.list.filter(|_| !json.is_empty()) else { return };
        let mut json = json;
        let at = match (outline.messages.get(before), outline.messages.last()) {
            (Some(message), _) => {
                json.push(b',');
                message.span.start
            }
            (None, Some(last)) => {
                json.insert(0, b',');
                last.span.end
            }
            (None, None) => list.start + 1,
        };
        self.push(at, at, json.into());
    }

    pub(super) fn join(mut self, body: &Bytes) -> Wire {
        // Stable, so that cuts at one place keep their order; what is laid in goes before what is
        // replaced there.
        self.cuts.sort_by_key(|cut| (cut.span.start, !cut.span.is_empty()));
        let added = self.cuts.iter().map(|cut| cut.with.len()).sum();
        let mut joiner = Joiner::new(body, added);
        let mut at = 0;
        for cut in &self.cuts {
            let span = cut.span.range();
            if span.start < at {
                continue;
            }
            joiner.keep(at, span.start);
            joiner.add(&cut.with);
            at = span.end;
        }
        joiner.keep(at, body.len());
        joiner.finish()
    }
}

/// `text` with the replacements of `edits`; for stretches that are no object of their own.
pub(super) fn splice_plain(text: &Bytes, edits: &Edits) -> Vec<u8> {
    let cuts = Cuts { cuts: edits.replaced.iter().cloned().collect() };
    cuts.join(text).to_vec()
}
