//! The access log: one line about each request.

use crate::cost::Cost;
use crate::facts::{DenialNote, RequestLine};
use crate::line::Line;
use crate::stamp::Stamp;
use behest_contract::delta::Usage;
use behest_contract::denial::Kind;
use behest_contract::facts::{Endpoint, Facts, Principal, RequestId};
use behest_contract::outcome::Outcome;
use std::time::Duration;

/// Where lines go. It is called while a request ends and must not wait for a disk or a pipe.
pub trait AccessLog: Send + Sync {
    /// Takes a line of JSON, without a line break.
    fn line(&self, json: Vec<u8>);
}

/// What is logged about one request. It borrows everything, and it has no place for text of a user's.
#[derive(Debug)]
pub struct Entry<'a> {
    time: Stamp,
    request_id: Option<&'a str>,
    method: Option<&'static str>,
    path: Option<&'static str>,
    status: u16,
    ending: &'static str,
    code: Option<&'static str>,
    endpoint: Option<&'static str>,
    tenant: Option<&'a str>,
    project: Option<&'a str>,
    key: Option<&'a str>,
    model: Option<&'a str>,
    provider: Option<&'a str>,
    streamed: Option<bool>,
    attempts: u32,
    usage: Option<Usage>,
    cost: Option<Cost>,
    total: Duration,
    first_byte: Option<Duration>,
    added: Option<Duration>,
    client_request_id: Option<&'a str>,
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
            usage: None,
            cost: None,
            total: outcome.total,
            first_byte: outcome.first_byte,
            added: added(outcome),
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
        self.usage = Some(*usage);
        self.cost = Some(cost);
        self
    }

    /// The line, without a line break: JSON escapes those of its values.
    pub fn to_json(&self) -> Vec<u8> {
        let mut line = Line::new();
        line.word("time", Some(self.time.text()));
        line.word("request_id", self.request_id);
        line.word("method", self.method);
        line.word("path", self.path);
        line.number("status", Some(self.status.into()));
        line.word("ending", Some(self.ending));
        line.word("code", self.code);
        line.word("endpoint", self.endpoint);
        line.text("tenant", self.tenant);
        line.text("project", self.project);
        line.text("key", self.key);
        line.text("model", self.model);
        line.text("provider", self.provider);
        if let Some(streamed) = self.streamed {
            line.plain("streamed", if streamed { b"true" } else { b"false" });
        }
        line.number("attempts", Some(self.attempts.into()));
        self.write_use(&mut line);
        line.millis("total_ms", Some(self.total));
        line.millis("first_byte_ms", self.first_byte);
        line.millis("added_ms", self.added);
        line.text("client_request_id", self.client_request_id);
        line.text("note", self.note);
        line.end()
    }

    /// What was used; the cost is a decimal string, and `null` where there is no price.
    fn write_use(&self, line: &mut Line) {
        let tokens = |count: fn(&Usage) -> u64| self.usage.as_ref().map(count);
        line.number("prompt_tokens", tokens(|usage| usage.prompt_tokens));
        line.number("completion_tokens", tokens(|usage| usage.completion_tokens));
        line.number("cached_tokens", tokens(|usage| usage.cached_tokens));
        line.number("reasoning_tokens", tokens(|usage| usage.reasoning_tokens));
        match self.cost.map(Cost::known) {
            Some(Some(amount)) => line.word("cost_usd", Some(amount.to_string())),
            Some(None) => line.plain("cost_usd", b"null"),
            None => {}
        }
    }
}

/// What the gateway itself added, once a provider has answered: the whole time less the provider's.
///
/// Without an answer there is nothing that it could have been added to.
pub(crate) fn added(outcome: &Outcome) -> Option<Duration> {
    outcome.first_byte.map(|_| outcome.total.saturating_sub(outcome.upstream))
}
