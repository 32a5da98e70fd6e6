//! One pass over a text: every trigger is asked what it could be part of.
//!
//! What is proposed at a place depends only on the text around that place, never on what was proposed
//! before; so a stream that is read piece by piece proposes what its whole text does.

use super::context::Words;
use super::reader::Reader;
use super::secrets::Hit;
use super::tail::Tail;
use crate::entity::{Entity, EntityId, EntitySet};

/// Higher than any confidence: a secret with its own beginning wins over whatever else begins there.
pub(crate) const CERTAIN: u8 = 101;

/// Something that may be a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Where what gave it away begins: its own start, or that of a label before it.
    pub(crate) anchor: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) entity: EntityId,
    pub(crate) score: u8,
    /// Up to where it was certain: what came after depends on nothing but its class.
    pub(crate) certain: usize,
    /// What may follow, where it reaches the end of the text.
    pub(crate) open: Option<Tail>,
}

/// What is looked for, as far as the pass must know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) entities: EntitySet,
    pub(crate) threshold: u8,
    /// What the name of the text's member speaks for.
    pub(crate) named: EntitySet,
}

/// A pass in progress.
pub(crate) struct Scan<'t, 'o> {
    pub(crate) text: Reader<'t>,
    pub(crate) wanted: Wanted,
    out: &'o mut Vec<Candidate>,
    /// Where the pass begins: what begins before it was decided earlier.
    from: usize,
    /// Nothing from here on is decided.
    pub(crate) pending: usize,
    /// The words of the text, as far as they were needed.
    words: Words,
    /// What those before the last place that asked speak for.
    told: Option<(usize, EntitySet)>,
}

impl<'t, 'o> Scan<'t, 'o> {
    pub(crate) fn new(
        text: &'t [u8],
        from: usize,
        wanted: Wanted,
        out: &'o mut Vec<Candidate>,
    ) -> Self {
        Self {
            text: Reader::new(text),
            from,
            wanted,
            out,
            pending: usize::MAX,
            words: Words::default(),
            told: None,
        }
    }

    #[inline]
    pub(crate) fn wants(&self, entity: Entity) -> bool {
        self.wanted.entities.contains(entity)
    }

    pub(crate) fn propose(&mut self, start: usize, end: usize, entity: Entity, score: u8) {
        if self.wants(entity) && score >= self.wanted.threshold {
            let entity = entity.into();
            self.out.push(Candidate {
                anchor: start,
                start,
                end,
                entity,
                score,
                certain: end,
                open: None,
            });
        }
    }

    pub(crate) fn propose_hit(&mut self, anchor: usize, hit: &Hit, score: u8) {
        if self.wants(hit.entity) {
            self.out.push(Candidate {
                anchor,
                start: hit.start,
                end: hit.end,
                certain: hit.certain,
                entity: hit.entity.into(),
                score,
                open: hit.open,
            });
        }
    }

    pub(crate) fn push(&mut self, candidate: Candidate) {
        self.out.push(candidate);
    }

    /// Ends the question of what begins at `anchor`: if its answer hung on what is not there yet, it
    /// is open.
    #[inline]
    pub(crate) fn asked(&mut self, anchor: usize) {
        if self.text.was_touched() && anchor >= self.from {
            self.pending = self.pending.min(anchor);
        }
    }

    /// Whether words before `at`, or the member's name, speak for an entity.
    #[inline]
    pub(crate) fn told(&mut self, at: usize, entity: Entity) -> bool {
        self.wanted.named.contains(entity) || self.words_before(at).contains(entity)
    }

    /// Whether it is known already that nothing speaks for anything: from one number to the next.
    #[inline]
    pub(crate) fn is_silent(&mut self, at: usize) -> bool {
        self.wanted.named.is_empty() && self.words.are_none(self.text.text(), at)
    }

    /// Whether they speak for anything at all.
    #[inline]
    pub(crate) fn told_anything(&mut self, at: usize) -> bool {
        !self.wanted.named.is_empty() || !self.words_before(at).is_empty()
    }

    /// Whether they speak for any of some.
    #[inline]
    pub(crate) fn told_any(&mut self, at: usize, entities: &EntitySet) -> bool {
        self.wanted.named.meets(entities) || self.words_before(at).meets(entities)
    }

    #[inline]
    fn words_before(&mut self, at: usize) -> EntitySet {
        match self.told {
            Some((place, words)) if place == at => words,
            _ if self.words.are_none(self.text.text(), at) => EntitySet::default(),
            _ => {
                let words = self.words.before(self.text.text(), at);
                self.told = Some((at, words));
                words
            }
        }
    }
}
