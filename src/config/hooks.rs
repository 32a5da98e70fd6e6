//! Guardrails of the operator's own: services that are asked about prompts before they go up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base_url::BaseUrl;
use super::secret_ref::SecretRef;
use super::units::Period;

/// A service that says of each prompt whether it may go up. Projects name it in `sentinel.hook`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// The name that projects refer to.
    #[schemars(extend("format" = "id"))]
    pub name: String,
    /// Where it is: prompts are sent there with `POST`, redacted already.
    pub url: BaseUrl,
    /// What it is shown as a bearer token, by reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// How long it may take, connecting included.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// What becomes of a request when it does not answer.
    #[serde(default)]
    pub on_failure: OnFailure,
}

fn default_timeout() -> Period {
    Period::from_secs(1)
}

/// What a guardrail's silence means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The request is refused with 503.
    #[default]
    Closed,
    /// The request goes on.
    Open,
}
