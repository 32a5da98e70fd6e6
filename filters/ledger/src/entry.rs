//! The access log: one line about each request.

use crate::facts::{DenialNote, RequestLine};
use crate::price::{Cost, MicroUsd};
use crate::stamp::Stamp;
use behest_contract::delta::Usage;
use behest_contract::denial::Kind;
use behest_contract::facts::{Endpoint, Facts, Principal, RequestId};
use behest_contract::outcome::Outcome;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// Most lines fit, so that a line is one allocation.
const LINE_CAPACITY: usize = 640;

/// Where lines go. It is called while a request ends and must not wait for a disk or a pipe.
pub trait AccessLog: Send + Sync {
    /// Takes a line of JSON, without a line break.
    fn line(&self, json: Vec<u8>);
}

/// What is logged about one request. It borrows everything, and it has no place for text of a user's.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    time: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'static str>,
    status: u16,
    ending: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streamed: Option<bool>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<Dollars>,
    total_ms: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// What is known when a request ends at `time`.
    pub fn new(time: Stamp, outcome: &'a Outcome, facts: &'a Facts) -> Self {
        let line = facts.read::<RequestLine>();
        let principal = facts.read::<Principal>();
        let route = outcome.route.as_ref();
        Self {
            time,
            request_id: facts.read().map(|RequestId(id)| id.as_ref()),
            method: line.map(RequestLine::method),
            path: line.map(RequestLine::route),
            status: outcome.status,
            ending: outcome.ending.label(),
            code: outcome.kind.map(Kind::code),
            endpoint: facts.read().map(|endpoint: &Endpoint| endpoint.label()),
            tenant: principal.map(|principal| principal.tenant.as_ref()),
            project: principal.map(|principal| principal.project.as_ref()),
            key: principal.map(|principal| principal.key.as_ref()),
            model: route.map(|route| route.model.as_ref()),
            provider: route.map(|route| route.provider.as_ref()),
            streamed: None,
            attempts: outcome.attempts,
            prompt_tokens: None,
            completion_tokens: None,
            cached_tokens: None,
            reasoning_tokens: None,
            cost_usd: None,
            total_ms: Millis(outcome.total),
            first_byte_ms: outcome.first_byte.map(Millis),
            added_ms: added(outcome).map(Millis),
            client_request_id: line.and_then(RequestLine::client_id),
            note: facts.read().map(|DenialNote(note)| note.as_ref()),
        }
    }

    /// Adds whether a stream was asked for.
    #[must_use]
    pub fn streamed(mut self, streamed: bool) -> Self {
        self.streamed = Some(streamed);
        self
    }

    /// Adds what was used, and what that costs.
    #[must_use]
    pub fn used(mut self, usage: &Usage, cost: Cost) -> Self {
        self.prompt_tokens = Some(usage.prompt_tokens);
        self.completion_tokens = Some(usage.completion_tokens);
        self.cached_tokens = Some(usage.cached_tokens);
        self.reasoning_tokens = Some(usage.reasoning_tokens);
        self.cost_usd = Some(Dollars(cost.known()));
        self
    }

    /// The line, without a line break: JSON escapes those of its values.
    pub fn to_json(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(LINE_CAPACITY);
        // Writing to memory cannot fail, and no value here can refuse to be written.
        let written = serde_json::to_writer(&mut line, self);
        debug_assert!(written.is_ok(), "an entry is always JSON");
        line
    }
}

/// What the gateway itself added, once a provider has answered: the whole time less the provider's.
///
/// Without an answer there is nothing that it could have been added to.
pub(crate) fn added(outcome: &Outcome) -> Option<Duration> {
    outcome.first_byte.map(|_| outcome.total.saturating_sub(outcome.upstream))
}

/// Milliseconds to the microsecond.
#[derive(Debug)]
struct Millis(Duration);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Exact up to 285 years: as many microseconds as a float counts without a gap.
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        to.serialize_f64(micros as f64 / 1000.0)
    }
}

/// An amount as a decimal string; `null` where there is no price.
#[derive(Debug)]
struct Dollars(Option<MicroUsd>);

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(amount) => to.collect_str(amount),
            None => to.serialize_none(),
        }
    }
}
