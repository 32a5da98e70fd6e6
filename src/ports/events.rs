//! Guardrail events: the last ten thousand, in memory.

use behest_pii::{GuardrailEvent, GuardrailEvents};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::VecDeque;

/// How many are kept.
const EVENTS_MAX: usize = 10_000;

/// The last events, each with its number.
#[derive(Default)]
pub struct EventLog {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    events: VecDeque<(u64, GuardrailEvent)>,
}

impl EventLog {
    /// Up to `limit` events that are wanted, newest first, from before the one of this number.
    pub fn list(
        &self,
        before: Option<u64>,
        limit: usize,
        is_wanted: impl Fn(&GuardrailEvent) -> bool,
    ) -> Vec<(u64, Value)> {
        let kept = self.kept.lock();
        let older =
            kept.events.iter().rev().filter(|(number, _)| before.is_none_or(|b| *number < b));
        let wanted = older.filter(|(_, event)| is_wanted(event));
        wanted.take(limit).map(|(number, event)| (*number, event.to_json())).collect()
    }
}

impl GuardrailEvents for EventLog {
    fn record(&self, event: GuardrailEvent) {
        let mut kept = self.kept.lock();
        kept.last += 1;
        let number = kept.last;
        kept.events.push_back((number, event));
        if kept.events.len() > EVENTS_MAX {
            kept.events.pop_front();
        }
    }
}
