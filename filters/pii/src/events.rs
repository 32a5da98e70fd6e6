//! What is told of findings: records, a port for them, and the guardrail of a project's own.

use crate::config::HookConfig;
use futures::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

/// Which way a text went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the provider.
    Request,
    /// To the client.
    Response,
}

/// A finding of one request, as it is recorded. It holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardrailEvent {
    /// `pii_detection` or `pii_block`; `pii_overflow` where there was more to replace than is replaced in one
    /// request; `blocklist`, `prompt_injection` or `hook`; `hook_silent` where a guardrail of one's own did not
    /// answer.
    pub kind: &'static str,
    /// The tenant's id.
    pub tenant_id: Arc<str>,
    /// The project's id.
    pub project_id: Arc<str>,
    /// Which way the text went.
    pub direction: Direction,
    /// The mode of the policy.
    pub mode: &'static str,
    /// What was done: `blocked`, `masked`, `hashed`, `redacted`, or nothing: `logged`.
    pub action_taken: &'static str,
    /// The kinds that were found, sorted.
    pub entity_types: Vec<Box<str>>,
    /// How many were found.
    pub entity_count: u64,
    /// The request's id.
    pub request_id: Arc<str>,
    /// Unix time in milliseconds.
    pub timestamp_ms: u64,
}

/// Where events go. It must not wait.
pub trait GuardrailEvents: Send + Sync {
    /// Records one.
    fn record(&self, event: GuardrailEvent);
}

/// What a guardrail of a project's own is asked.
#[derive(Clone)]
pub struct HookRequest {
    /// Where it is, and how long it may take: the port keeps to that.
    pub config: HookConfig,
    /// The project's id.
    pub project_id: Arc<str>,
    /// The request's id.
    pub request_id: Arc<str>,
    /// The texts of the request, redacted already.
    pub texts: Vec<String>,
}

impl fmt::Debug for HookRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookRequest").field("project", &self.project_id).finish_non_exhaustive()
    }
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookVerdict {
    /// Go on.
    Allow,
    /// Refuse.
    Block,
}

/// It did not answer in time, or nothing that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookFailure;

/// Asks guardrails.
pub trait GuardrailHook: Send + Sync {
    /// Asks one, within its timeout.
    fn ask(&self, request: HookRequest) -> BoxFuture<'static, Result<HookVerdict, HookFailure>>;
}
