//! Tenants, their projects and the keys that those are called with.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::policies::{
    Memory, Pii, ProjectLimits, Sentinel, SessionLimits, Tier, UserLimits, is_default,
};
use super::secret_ref::SecretRef;

/// An owner of projects.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The tenant's id, unique in the gateway.
    #[schemars(extend("format" = "id"))]
    pub id: String,
    /// The tenant's projects.
    #[serde(default)]
    pub projects: Vec<Project>,
}

/// What requests act for.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The project's id, unique in the gateway.
    #[schemars(extend("format" = "id"))]
    pub id: String,
    /// The host label that names the project, before each of `domains`; none when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "slug"))]
    pub slug: Option<String>,
    /// The model for requests that name none; `default_model` when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The models that the project may call; all when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub models: Option<Vec<String>>,
    /// Whether API keys are accepted for chat, not only for minting tokens.
    #[serde(default = "yes")]
    pub allow_key_on_chat: bool,
    /// Keys that the file declares.
    #[serde(default)]
    pub api_keys: Vec<ApiKey>,
    /// Browser origins that may call the project.
    #[serde(default)]
    pub allowed_origins: Vec<Origin>,
    /// What the whole project may use.
    #[serde(default)]
    pub limits: ProjectLimits,
    /// What each end user may use that no tier says otherwise for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub user_limits: UserLimits,
    /// What each session may use.
    #[serde(default, skip_serializing_if = "is_default")]
    pub session_limits: SessionLimits,
    /// The tier of end users that a key names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_tier: Option<String>,
    /// Overrides of the tiers `free`, `pro` and `max`, and further ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, Tier>,
    /// What happens to personal data.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pii: Pii,
    /// What happens to unwanted prompts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sentinel: Sentinel,
    /// What is remembered of conversations.
    #[serde(default, skip_serializing_if = "is_default")]
    pub memory: Memory,
    /// The status of a request that PII Shield or Sentinel blocks: 403 or 451.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [403, 451]))]
    pub blocked_status: Option<u16>,
}

fn yes() -> bool {
    true
}

/// An API key that the file declares.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The key's name, unique in its project; usage is reported under it.
    #[schemars(extend("format" = "id"))]
    pub name: String,
    /// The key itself, by reference; at least 16 characters.
    pub secret: SecretRef,
    /// Whether requests with this key name an end user.
    #[serde(default)]
    pub end_user: EndUser,
}

/// Whether requests with a key name an end user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndUser {
    /// They may.
    #[default]
    Allow,
    /// They must.
    Require,
    /// They must not.
    Forbid,
}
