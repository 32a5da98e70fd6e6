//! What a project may use and what is done to its prompts: limits, tiers and the rooms' switches.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Period, Usd};

/// Whether a section says nothing, and need not be written out.
pub(super) fn is_default<T: Default + PartialEq>(section: &T) -> bool {
    *section == T::default()
}

/// What a whole project may use. A limit that is not given does not exist, but for
/// `requests_per_minute`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectLimits {
    /// Requests per minute; `limits.project.requests_per_minute` when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: Option<u32>,
    /// Requests per end user and minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub user_requests_per_minute: Option<u32>,
    /// Requests at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: Option<u32>,
    /// Tokens per UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_day: Option<u64>,
    /// Tokens per calendar month (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_month: Option<u64>,
    /// US dollars per UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<Usd>,
    /// US dollars per calendar month (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_month: Option<Usd>,
}

/// What each end user may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserLimits {
    /// Requests per UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_day: Option<u32>,
    /// Tokens per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_minute: Option<u64>,
    /// Tokens per UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_day: Option<u64>,
    /// Tokens per calendar month (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_month: Option<u64>,
    /// US dollars per UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<Usd>,
    /// US dollars per calendar month (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_month: Option<Usd>,
    /// Requests at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: Option<u32>,
}

/// What each session may use, over its whole life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionLimits {
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<Usd>,
}

/// A class of end users. What is not given is as in the shipped tier of the same name, else as
/// without a tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tier {
    /// The tier's place in the order, 1 for the lowest; a token may name the tier by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub sort_order: Option<u32>,
    /// Requests per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: Option<u32>,
    /// Requests per UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_day: Option<u32>,
    /// Tokens per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_minute: Option<u64>,
    /// Tokens per UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_day: Option<u64>,
    /// Tokens per calendar month (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub tokens_per_month: Option<u64>,
    /// PII Shield for the tier, instead of the project's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pii: Option<Pii>,
    /// Sentinel for the tier, instead of the project's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Sentinel>,
}

/// How far a guardrail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Off.
    #[default]
    Disabled,
    /// Detect and count, but change nothing.
    Shadow,
    /// Act.
    Enforce,
}

/// PII Shield: what happens to personal data in prompts and answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pii {
    /// How far it goes.
    pub mode: Mode,
    /// What to do with each entity, by Presidio's names.
    pub entities: BTreeMap<String, PiiAction>,
    /// What to do with entities that are not listed; nothing when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_action: Option<PiiAction>,
    /// Confidence from which a finding counts, of 100; 60 when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub threshold: Option<u8>,
    /// Patterns of the project's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub patterns: Vec<PiiPattern>,
    /// Words and phrases of the project's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny_lists: Vec<PiiDenyList>,
    /// Whether what the model itself says is redacted too.
    #[serde(skip_serializing_if = "is_default")]
    pub answers: bool,
}

/// A pattern of a project's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PiiPattern {
    /// The entity's name: capitals, digits and `_`.
    pub name: String,
    /// A regular expression.
    pub regex: String,
    /// What to do with what it finds.
    pub action: PiiAction,
}

/// Words and phrases of a project's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PiiDenyList {
    /// The entity's name: capitals, digits and `_`.
    pub name: String,
    /// The words and phrases; case does not count.
    #[schemars(length(max = 100_000))]
    pub terms: Vec<String>,
    /// What to do with what is found.
    pub action: PiiAction,
}

/// What to do with an entity that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PiiAction {
    /// Put a placeholder up, and the value back into the answer.
    Mask,
    /// Replace it for good.
    Redact,
    /// Replace it by a keyed hash.
    Hash,
    /// Refuse the request.
    Block,
}

/// Sentinel: what happens to unwanted prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sentinel {
    /// How far it goes.
    pub mode: Mode,
    /// Texts that no prompt may hold.
    pub blocklist: Vec<String>,
    /// Whether the rules against prompt injection apply; they do when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub injection: Option<bool>,
    /// The score from which a prompt counts as an injection; 70 when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub injection_threshold: Option<u32>,
    /// The guardrail that is asked besides, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "id"))]
    pub hook: Option<String>,
}

/// What is remembered of conversations.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Whether sessions are remembered.
    pub enabled: bool,
    /// How many remembered messages go before a request's own.
    #[schemars(range(min = 1, max = 10_000))]
    pub window: u32,
    /// How long a session is remembered after its last turn.
    pub ttl: Period,
    /// How long a thread is kept after its last turn.
    pub retention: Period,
    /// Whether tool calls and their results are kept.
    pub store_tool_calls: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            enabled: false,
            window: 40,
            ttl: Period::from_secs(24 * 3600),
            retention: Period::from_secs(90 * 24 * 3600),
            store_tool_calls: true,
        }
    }
}
