//! The port for what guardrails have found: one record for each finding of a request.

use crate::directory::Failure;
use futures::future::BoxFuture;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A finding of one request. It holds no value and no text, and names no end user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unix time in milliseconds.
    pub at_ms: u64,
    /// The tenant.
    pub tenant: Arc<str>,
    /// The project.
    pub project: Arc<str>,
    /// What kind of guardrail has found it.
    pub kind: Cow<'static, str>,
    /// Which way the text went.
    pub direction: Cow<'static, str>,
    /// The mode of the policy.
    pub mode: Cow<'static, str>,
    /// What was done.
    pub action: Cow<'static, str>,
    /// The kinds that were found.
    pub entities: Vec<Box<str>>,
    /// How many were found.
    pub count: u64,
    /// The request's id.
    pub request: Arc<str>,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its number, which grows, and is below 2^53.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// Which events to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// The tenant; all if `None`.
    pub tenant: Option<Arc<str>>,
    /// The project; all if `None`.
    pub project: Option<Arc<str>>,
    /// The kind; all if `None`.
    pub kind: Option<Box<str>>,
    /// From, to but not including, since the Unix epoch.
    pub time: Range<Duration>,
    /// From before the one of this number.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

impl EventQuery {
    /// Up to so many events of everybody's and of all times.
    pub fn newest(limit: usize) -> Self {
        Self {
            tenant: None,
            project: None,
            kind: None,
            time: Duration::ZERO..Duration::MAX,
            before: None,
            limit,
        }
    }

    /// Whether an event is one of them, whatever its number.
    pub fn matches(&self, event: &Event) -> bool {
        let is = |wanted: &Option<Arc<str>>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.tenant, &event.tenant)
            && is(&self.project, &event.project)
            && self.kind.as_deref().is_none_or(|kind| kind == event.kind)
            && self.time.contains(&Duration::from_millis(event.at_ms))
    }
}

/// What a keeper of events answers.
pub type Answer<T> = BoxFuture<'static, Result<T, Failure>>;

/// Keeps the latest events, as many as it has room for. All nodes of a gateway tell the same.
pub trait Events: Send + Sync {
    /// Keeps an event. Does not wait: where there is no room to hold it until it is written, it is given
    /// up and counted. The death of the process may cost the last second.
    fn record(&self, event: Event);

    /// Events, newest first. What this node has recorded is among them.
    fn list(&self, query: EventQuery) -> Answer<Vec<EventRecord>>;

    /// Waits until what this node has recorded so far is kept.
    fn flush(&self) -> Answer<()>;

    /// How many this node had to give up.
    fn dropped(&self) -> u64;
}
