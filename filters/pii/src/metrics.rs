//! What is counted.

use crate::entity::Entity;
use crate::tally::Tally;
use behest_contract::ports::{Counter, Meter};
use std::fmt;
use std::sync::Arc;

/// The counters of this family.
#[derive(Clone)]
pub struct PiiMetrics {
    redactions: Arc<dyn Counter>,
    events: Arc<dyn Counter>,
}

impl PiiMetrics {
    /// Made once per process.
    pub fn new(meter: &dyn Meter) -> Self {
        Self {
            redactions: meter.counter(
                "behest_redactions_total",
                "Findings by entity and action; a project's own kinds are CUSTOM",
                &["entity", "action"],
            ),
            events: meter.counter(
                "behest_guardrail_events_total",
                "Guardrail events by type and what was done",
                &["type", "action"],
            ),
        }
    }

    pub(crate) fn found(&self, tally: &Tally) {
        for (name, action, count) in tally.iter() {
            let name = Entity::named(name).map_or("CUSTOM", Entity::name);
            self.redactions.add(&[name, action.label()], count);
        }
    }

    pub(crate) fn event(&self, kind: &str, action: &str) {
        self.events.add(&[kind, action], 1);
    }
}

impl fmt::Debug for PiiMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PiiMetrics")
    }
}
