//! What is told of one request's findings: events and counts.

use super::PiiPorts;
use crate::config::{Action, Mode};
use crate::events::{Direction, GuardrailEvent};
use crate::redactor::Redactor;
use crate::tally::Tally;
use std::sync::Arc;

/// The words of events for findings of this filter, and for why they refuse a request.
const PII_DETECTION: &str = "pii_detection";
pub(super) const PII_BLOCK: &str = "pii_block";
pub(super) const PII_OVERFLOW: &str = "pii_overflow";

/// The words of events for what was done.
const BLOCKED: &str = "blocked";
const LOGGED: &str = "logged";

/// Why a prompt that may not be sent may not.
pub(super) fn why(redactor: &Redactor) -> &'static str {
    let blocks = redactor.tally().strongest() == Some(Action::Block);
    if redactor.is_overfull() && !blocks { PII_OVERFLOW } else { PII_BLOCK }
}

/// Tells about one request, for as long as there is something to tell.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) ports: Arc<PiiPorts>,
    pub(super) tenant: Arc<str>,
    pub(super) project: Arc<str>,
    pub(super) request: Arc<str>,
}

/// What is told of a finding.
struct Finding {
    kind: &'static str,
    direction: Direction,
    mode: Mode,
    taken: &'static str,
    entities: Vec<Box<str>>,
    count: u64,
}

impl Teller {
    /// A prompt as a whole is not wanted.
    pub(super) fn of_prompt(&self, kind: &'static str, mode: Mode, refused: bool) {
        let taken = if refused { BLOCKED } else { LOGGED };
        let direction = Direction::Request;
        self.tell(Finding { kind, direction, mode, taken, entities: Vec::new(), count: 1 });
    }

    /// Values were found; `refused` is why no text with them passes.
    pub(super) fn found(
        &self,
        direction: Direction,
        mode: Mode,
        tally: &Tally,
        refused: Option<&'static str>,
    ) {
        self.ports.metrics.found(tally);
        let mut entities: Vec<Box<str>> = tally.iter().map(|(name, ..)| name.into()).collect();
        entities.dedup();
        let (kind, taken) = match (mode, refused) {
            (Mode::Enforce, Some(kind)) => (kind, BLOCKED),
            (Mode::Enforce, None) => (PII_DETECTION, tally.strongest().map_or(LOGGED, taken)),
            _ => (PII_DETECTION, LOGGED),
        };
        self.tell(Finding { kind, direction, mode, taken, entities, count: tally.total() });
    }

    fn tell(&self, finding: Finding) {
        let at = self.ports.clock.unix().as_millis();
        self.ports.metrics.event(finding.kind, finding.taken);
        self.ports.events.record(GuardrailEvent {
            kind: finding.kind,
            tenant_id: self.tenant.clone(),
            project_id: self.project.clone(),
            direction: finding.direction,
            mode: finding.mode.label(),
            action_taken: finding.taken,
            entity_types: finding.entities,
            entity_count: finding.count,
            request_id: self.request.clone(),
            timestamp_ms: u64::try_from(at).unwrap_or(u64::MAX),
        });
    }
}

fn taken(action: Action) -> &'static str {
    match action {
        Action::Mask => "masked",
        Action::Redact => "redacted",
        Action::Hash => "hashed",
        Action::Block => BLOCKED,
    }
}
