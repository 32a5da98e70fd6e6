//! Guardrail events: what the guardrails say of a finding becomes a record of the store, and what the
//! store tells becomes JSON.

use super::store::Following;
use behest_contract::events::{Answer, Event, EventQuery, EventRecord, Events};
use behest_contract::ports::Meter;
use behest_pii::{Direction, GuardrailEvent, GuardrailEvents};
use serde_json::{Value, json};
use std::sync::Arc;

/// The events of all nodes.
pub struct EventLog {
    events: Arc<dyn Events>,
    dropped: Following,
}

impl EventLog {
    /// The events that a store keeps.
    pub fn new(events: Arc<dyn Events>, meter: &dyn Meter) -> Self {
        let help = "Guardrail events that could not be kept.";
        let dropped = meter.counter("behest_guardrail_events_dropped_total", help, &[]);
        Self { events, dropped: Following::new(dropped) }
    }

    /// Events, newest first.
    pub fn list(&self, query: EventQuery) -> Answer<Vec<EventRecord>> {
        self.events.list(query)
    }

    /// Waits until what was recorded so far is kept.
    pub fn flush(&self) -> Answer<()> {
        self.events.flush()
    }

    /// Brings the metric up to date.
    pub fn count_dropped(&self) {
        self.dropped.to(self.events.dropped());
    }
}

impl GuardrailEvents for EventLog {
    fn record(&self, event: GuardrailEvent) {
        let direction = match event.direction {
            Direction::Request => "input",
            Direction::Response => "output",
        };
        self.events.record(Event {
            at_ms: event.timestamp_ms,
            tenant: event.tenant_id,
            project: event.project_id,
            kind: event.kind.into(),
            direction: direction.into(),
            mode: event.mode.into(),
            action: event.action_taken.into(),
            entities: event.entity_types,
            count: event.entity_count,
            request: event.request_id,
        });
    }
}

/// A record as it is told.
pub fn told(record: &EventRecord) -> Value {
    let event = &record.event;
    json!({
        "id": record.number,
        "type": event.kind,
        "tenant_id": &*event.tenant,
        "project_id": &*event.project,
        "direction": event.direction,
        "mode": event.mode,
        "action_taken": event.action,
        "entity_types": event.entities.iter().map(|name| &**name).collect::<Vec<_>>(),
        "entity_count": event.count,
        "request_id": &*event.request,
        "timestamp": event.at_ms as f64 / 1000.0,
    })
}
