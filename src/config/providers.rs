//! Providers, and the models that are served from them.

use std::path::PathBuf;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base_url::BaseUrl;
use super::secret_ref::SecretRef;
use super::text::text_value;
use super::units::{Period, Usd};

/// A service that models are called at.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The name that targets refer to and that error details show.
    #[schemars(extend("format" = "id"))]
    pub name: String,
    /// Which dialect the service speaks.
    #[serde(default)]
    pub kind: ProviderKind,
    /// Where the service is.
    pub base_url: BaseUrl,
    /// The key that requests carry, by reference. A service of your own may need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// PEM file with the only certificate authorities that are trusted for this provider, relative
    /// to this file's folder; the system's when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whether requests carry a `traceparent` header.
    #[serde(default)]
    pub trace: bool,
    /// The version of HTTP to speak.
    #[serde(default)]
    pub http: HttpVersion,
    /// How long an unused connection is kept for later requests.
    #[serde(default = "default_idle")]
    pub idle: Period,
    /// Further headers that pass between client and provider.
    #[serde(default)]
    pub headers: PassedHeaders,
    /// What the service understands, for those that differ from OpenAI's.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Whether tenants may bring keys of their own.
    #[serde(default)]
    pub byok: Byok,
    /// When to stop calling a service that fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
}

fn default_idle() -> Period {
    Period::from_secs(30)
}

/// The dialect of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI's chat completions, as many other services speak them too.
    #[default]
    Openai,
    /// Azure OpenAI.
    Azure,
    /// Anthropic's Messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Amazon Bedrock's Converse.
    Bedrock,
}

/// The version of HTTP that a provider is spoken to with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpVersion {
    /// What TLS agrees on; HTTP/1.1 without TLS.
    #[default]
    Auto,
    /// HTTP/1.1.
    H1,
    /// HTTP/2, without TLS too.
    H2,
}

/// Names of headers that pass, on top of those that always do. No other header does.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PassedHeaders {
    /// Names of client headers that the provider receives.
    #[schemars(length(max = 64))]
    pub pass_request: Vec<PassedHeader>,
    /// Names of provider headers that the client receives.
    #[schemars(length(max = 64))]
    pub pass_response: Vec<PassedHeader>,
}

/// The name of a header that may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedHeader(HeaderName);

/// Headers that carry credentials, describe the connection or the body, state who a request acts as,
/// or are the gateway's own: letting one through would break its promises.
const NEVER_PASSED: [&str; 45] = [
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
    "cookie",
    "set-cookie",
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
    "content-encoding",
    "content-type",
    "accept-encoding",
    "forwarded",
    "via",
    "x-real-ip",
    "x-tenant-id",
    "x-project-id",
    "x-role",
    "x-tier",
    "x-end-user-id",
    "x-session-id",
    "x-thread-id",
    "x-admin-secret",
    "x-api-key",
    "api-key",
    "idempotency-key",
    "x-goog-api-key",
    "x-auth-token",
    "x-request-id",
    "x-trace-id",
    "traceparent",
    "tracestate",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "cache-control",
    "vary",
    "x-accel-buffering",
];

/// Families of headers that never pass, by how they start.
const NEVER_PASSED_FAMILIES: [&str; 3] = ["x-forwarded-", "access-control-", "x-ratelimit-"];

impl PassedHeader {
    /// Reads a header name that may be let through.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name: HeaderName = text.parse().map_err(|_| format!("{text:?} is no header name"))?;
        let name_starts = |family: &&str| name.as_str().starts_with(*family);
        if NEVER_PASSED.contains(&name.as_str()) || NEVER_PASSED_FAMILIES.iter().any(name_starts) {
            return Err(format!("{text:?} is never passed on"));
        }
        Ok(Self(name))
    }

    /// The name, in lower case.
    pub fn name(&self) -> &HeaderName {
        &self.0
    }
}

impl std::fmt::Display for PassedHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

text_value!(
    PassedHeader,
    "passed-header",
    "description": "A header's name. Those with credentials, of the connection or the body are refused.",
    "examples": ["openai-organization"],
);

/// What a service of the OpenAI kind understands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Capabilities {
    /// Whether a stream may be asked for its usage (`stream_options.include_usage`).
    pub usage_in_streams: bool,
    /// The member that caps the output.
    pub output_cap: OutputCap,
    /// Whether messages of the role `developer` are understood; else they go as `system`.
    pub developer_role: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            usage_in_streams: true,
            output_cap: OutputCap::MaxCompletionTokens,
            developer_role: true,
        }
    }
}

/// The member of a request that caps its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputCap {
    /// OpenAI's present name.
    MaxCompletionTokens,
    /// OpenAI's older name, which most other services keep.
    MaxTokens,
    /// The service has no such member.
    None,
}

/// Whether tenants may bring keys of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Byok {
    /// Whether a tenant's own key is used where it has one.
    pub allow: bool,
    /// Whether the gateway's key is used after a tenant's own failed.
    pub fallback: bool,
}

/// When to stop calling a service that fails.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Failures in a row after which the service is left alone.
    #[schemars(range(min = 1, max = 10_000))]
    pub failures: u32,
    /// How long it is left alone.
    pub cooldown: Period,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, cooldown: Period::from_secs(10) }
    }
}

/// A model as clients name it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name that clients ask for.
    #[schemars(extend("format" = "id"))]
    pub id: String,
    /// Where the model is served from.
    #[schemars(length(min = 1, max = 32))]
    pub targets: Vec<Target>,
    /// How a target is chosen.
    #[serde(default)]
    pub route: Route,
    /// The most tokens that the model can answer with; unknown when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_output_tokens: Option<u32>,
    /// What one image in a prompt comes to at most, in tokens; as much as the dearest common model's when
    /// it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub image_tokens: Option<u32>,
    /// What the model costs; as the bundled table says of the first target's model when it is not given,
    /// and where that has none its requests count as unpriced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// One place that a model is served from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The provider's name.
    #[schemars(extend("format" = "id"))]
    pub provider: String,
    /// What the provider calls the model.
    #[schemars(length(min = 1, max = 256))]
    pub model: String,
}

/// How a model's target is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// The first, then the next if it fails before its first byte, and so on.
    #[default]
    Order,
    /// By weight.
    Weights,
    /// The quickest.
    Latency,
    /// The cheapest.
    Price,
}

/// What a model costs, in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Prompt tokens.
    pub input: Usd,
    /// Output tokens.
    pub output: Usd,
    /// Prompt tokens that the provider had cached; as `input` when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Usd>,
    /// Output tokens spent on reasoning; as `output` when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Usd>,
    /// The prices of requests with longer prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<PriceAbove>,
}

/// What a request costs, all of it, whose prompt is longer than so many tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceAbove {
    /// Prompts of more tokens than this.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub tokens: u64,
    /// Prompt tokens.
    pub input: Usd,
    /// Output tokens.
    pub output: Usd,
    /// Prompt tokens that the provider had cached; as `input` when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Usd>,
}
