//! The names of all metrics, and who may be a label.
//!
//! Names start with `behest_` and end in their unit. Label values come from closed sets: the enums
//! here and in the contract, and the names of providers, which are configured.

use crate::entry::added;
use behest_contract::delta::Usage;
use behest_contract::facts::Endpoint;
use behest_contract::money::MicroUsd;
use behest_contract::outcome::Outcome;
use behest_contract::ports::{Counter, Histogram, Meter};
use std::sync::Arc;
use std::time::Duration;

/// How an attempt at a provider ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptResult {
    /// The provider answered, and the answer was used.
    Answered,
    /// The provider answered with an error.
    Refused,
    /// The connection failed or broke.
    Broken,
    /// A deadline passed.
    TimedOut,
    /// Given up, because the client left or the gateway stopped.
    Cancelled,
}

impl AttemptResult {
    /// A word for the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Broken => "broken",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What was wrong with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamFault {
    /// No connection came about.
    Connect,
    /// No connection came about in time.
    ConnectTimeout,
    /// The connection broke.
    Broken,
    /// No first byte in time.
    FirstByteTimeout,
    /// No further byte in time.
    BetweenBytesTimeout,
    /// It finds fault with the request.
    Refused,
    /// It does not accept the gateway's credential.
    Credential,
    /// It is asked too often.
    RateLimited,
    /// It reports a fault of its own.
    Failed,
    /// Its answer cannot be understood.
    Nonsense,
}

impl UpstreamFault {
    /// A word for the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Broken => "broken",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::BetweenBytesTimeout => "between_bytes_timeout",
            Self::Refused => "refused",
            Self::Credential => "credential",
            Self::RateLimited => "rate_limited",
            Self::Failed => "failed",
            Self::Nonsense => "nonsense",
        }
    }
}

/// What a limit said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// There was room.
    Admitted,
    /// It was full.
    Refused,
}

impl Decision {
    /// A word for the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Refused => "refused",
        }
    }
}

/// Every metric that tells about requests. Clones count into the same series.
#[derive(Clone)]
pub struct Metrics {
    requests: Arc<dyn Counter>,
    duration: Arc<dyn Histogram>,
    first_byte: Arc<dyn Histogram>,
    added: Arc<dyn Histogram>,
    filter: Arc<dyn Histogram>,
    tokens: Arc<dyn Counter>,
    cost: Arc<dyn Counter>,
    attempts: Arc<dyn Counter>,
    upstream_errors: Arc<dyn Counter>,
    limit_decisions: Arc<dyn Counter>,
}

impl Metrics {
    /// Makes them all.
    pub fn new(meter: &dyn Meter) -> Self {
        let counter = |name, help, labels: &[&str]| meter.counter(name, help, labels);
        let histogram = |name, help, label| meter.histogram(name, help, &[label]);
        Self {
            requests: counter(
                "behest_requests_total",
                "Requests that are over.",
                &["endpoint", "status", "ending"],
            ),
            duration: histogram(
                "behest_request_duration_seconds",
                "From a request's head to its last byte.",
                "endpoint",
            ),
            first_byte: histogram(
                "behest_first_byte_seconds",
                "From a request's head to the provider's first byte.",
                "endpoint",
            ),
            added: histogram(
                "behest_added_seconds",
                "The part of an answered request's time that was not the provider's.",
                "endpoint",
            ),
            filter: histogram(
                "behest_filter_seconds",
                "Time in a filter on the way in, its waits included.",
                "filter",
            ),
            tokens: counter(
                "behest_tokens_total",
                "Tokens that providers report; cached are among prompt, reasoning among completion.",
                &["provider", "direction"],
            ),
            cost: counter(
                "behest_cost_micro_usd_total",
                "What the tokens of priced models cost, in micro-dollars.",
                &["provider"],
            ),
            attempts: counter(
                "behest_attempts_total",
                "Requests sent to providers.",
                &["provider", "result"],
            ),
            upstream_errors: counter(
                "behest_upstream_errors_total",
                "What was wrong with providers.",
                &["provider", "kind"],
            ),
            limit_decisions: counter(
                "behest_limit_decisions_total",
                "What the layers of limits said.",
                &["layer", "decision"],
            ),
        }
    }

    /// Counts a request that is over. One that never found its endpoint counts as `other`.
    pub fn ended(&self, endpoint: Option<Endpoint>, outcome: &Outcome) {
        let endpoint = endpoint.map_or("other", Endpoint::label);
        let status = status_digits(outcome.status);
        let status = std::str::from_utf8(&status).unwrap_or_default();
        self.requests.add(&[endpoint, status, outcome.ending.label()], 1);
        self.duration.observe(&[endpoint], outcome.total.as_secs_f64());
        if let Some(first_byte) = outcome.first_byte {
            self.first_byte.observe(&[endpoint], first_byte.as_secs_f64());
        }
        if let Some(added) = added(outcome) {
            self.added.observe(&[endpoint], added.as_secs_f64());
        }
    }

    /// Counts what was used of a provider, and what it cost if that is known.
    pub fn used(&self, provider: &str, usage: &Usage, cost: Option<MicroUsd>) {
        let directions = [
            ("prompt", usage.prompt_tokens),
            ("completion", usage.completion_tokens),
            ("cached", usage.cached_tokens),
            ("reasoning", usage.reasoning_tokens),
        ];
        for (direction, tokens) in directions.into_iter().filter(|(_, tokens)| *tokens > 0) {
            self.tokens.add(&[provider, direction], tokens);
        }
        if let Some(cost) = cost {
            self.cost.add(&[provider], cost.micros());
        }
    }

    /// Counts an attempt.
    pub fn attempted(&self, provider: &str, result: AttemptResult) {
        self.attempts.add(&[provider, result.label()], 1);
    }

    /// Counts a fault of a provider's.
    pub fn upstream_failed(&self, provider: &str, fault: UpstreamFault) {
        self.upstream_errors.add(&[provider, fault.label()], 1);
    }

    /// Counts what a layer of limits said; `layer` is one of the words of the error's `details`.
    pub fn limit_decided(&self, layer: &'static str, decision: Decision) {
        self.limit_decisions.add(&[layer, decision.label()], 1);
    }

    /// Notes how long a filter took.
    pub fn filter_took(&self, filter: &'static str, spent: Duration) {
        self.filter.observe(&[filter], spent.as_secs_f64());
    }
}

/// Three digits; `000` says that the client got no status.
fn status_digits(status: u16) -> [u8; 3] {
    let digit = |place: u16| b'0' + (status / place % 10) as u8;
    [digit(100), digit(10), digit(1)]
}
