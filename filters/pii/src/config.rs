//! What is looked for, and what is done about it.

use behest_contract::secret::Secret;
use std::collections::BTreeMap;

/// Whether anything is looked for, and whether it has consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Mode {
    /// Nothing is looked at.
    #[default]
    Disabled,
    /// Findings are counted and told; nothing is changed or refused.
    Shadow,
    /// Findings are acted upon.
    Enforce,
}

impl Mode {
    /// The word in configurations, events and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Shadow => "shadow",
            Self::Enforce => "enforce",
        }
    }
}

/// What is done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// A placeholder goes up, and the answer's placeholders become the value again.
    Mask,
    /// A placeholder that is never put back, the same for every value.
    Redact,
    /// A keyed digest, never put back: equal values stay equal.
    Hash,
    /// The request is refused.
    Block,
}

impl Action {
    /// The word in configurations, events and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mask => "MASK",
            Self::Redact => "REDACT",
            Self::Hash => "HASH",
            Self::Block => "BLOCK",
        }
    }
}

/// A pattern of a project's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternConfig {
    /// The entity's name: capitals, digits and `_`, at most 40.
    pub name: String,
    /// A regular expression over bytes with ASCII classes. Matches longer than 256 bytes are cut there.
    pub regex: String,
    /// What is done about it.
    pub action: Action,
}

/// Words and phrases of a project's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyListConfig {
    /// The entity's name: capitals, digits and `_`, at most 40.
    pub name: String,
    /// Words or phrases. Case does not count; between words any punctuation counts as one space.
    pub terms: Vec<String>,
    /// What is done about it.
    pub action: Action,
}

/// What is done for one project and tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PiiConfig {
    /// Whether anything is looked for.
    pub mode: Mode,
    /// Actions by built-in entity name. What is not listed is off, unless there is a default.
    pub entities: BTreeMap<String, Action>,
    /// The action for built-in entities that are not listed; see [`Entity::by_default`](crate::Entity::by_default).
    pub default_action: Option<Action>,
    /// Confidence from which a finding counts, of 100.
    pub threshold: u8,
    /// The project's own patterns, at most 200.
    pub patterns: Vec<PatternConfig>,
    /// The project's own words, at most 100,000 together.
    pub deny_lists: Vec<DenyListConfig>,
    /// Whether what the model itself says is redacted too. It is never put back.
    pub answers: bool,
}

impl Default for PiiConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Disabled,
            entities: BTreeMap::new(),
            default_action: None,
            threshold: 60,
            patterns: Vec::new(),
            deny_lists: Vec::new(),
            answers: false,
        }
    }
}

/// What Sentinel does for one project and tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelConfig {
    /// Whether anything is looked for.
    pub mode: Mode,
    /// Words and phrases that no request may hold.
    pub blocklist: Vec<String>,
    /// Whether the rules against prompt injection apply.
    pub injection: bool,
    /// The sum of rules' scores from which a text counts as an injection.
    pub injection_threshold: u32,
    /// Whether the host's guardrail is asked, and what its silence means.
    pub hook: Option<HookConfig>,
}

impl Default for SentinelConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Disabled,
            blocklist: Vec::new(),
            injection: true,
            injection_threshold: 70,
            hook: None,
        }
    }
}

/// A guardrail of the project's own, reached by the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookConfig {
    /// Where it is.
    pub url: String,
    /// What it is shown as a bearer token.
    pub secret: Option<Secret>,
    /// How long it may take.
    pub timeout_ms: u64,
    /// Whether a request goes on when the guardrail does not answer.
    pub fail_open: bool,
}

/// One row of the table that [`PiiPolicies`](crate::PiiPolicies) is compiled from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyConfig {
    /// Personal data and secrets.
    pub pii: PiiConfig,
    /// Block lists and injection.
    pub sentinel: SentinelConfig,
}
