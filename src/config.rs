//! The configuration file: what it may hold, and how it is read.
//!
//! A file is read whole or not at all: every error is reported at once, each with its path and line.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod base_url;
mod built;
mod ca;
mod check;
mod check_store;
mod check_tenants;
mod document;
mod error;
mod guardrails;
mod hooks;
mod listen;
mod nearest;
mod network;
mod origin;
mod policies;
mod prices;
mod providers;
mod read;
mod resolve;
mod schema;
mod secret_ref;
mod stored;
mod tenants;
#[cfg(test)]
mod tests;
mod text;
mod tiers;
mod units;
mod violations;
mod warnings;

pub use base_url::BaseUrl;
pub use error::{ConfigError, ConfigErrors};
pub use hooks::{Guardrail, OnFailure};
pub use listen::{
    Connections, DefaultProjectLimits, IpLimits, Limits, Listen, ListenerTls, Log, LogLevel,
    MintLimits, RedisMode, Store, StoreEngine, Timeouts,
};
pub use network::Network;
pub use origin::Origin;
pub use policies::{
    Memory, Mode, Pii, PiiAction, PiiDenyList, PiiPattern, ProjectLimits, Sentinel, SessionLimits,
    Tier, UserLimits,
};
pub use providers::{
    Breaker, Byok, Capabilities, HttpVersion, Model, OutputCap, PassedHeader, PassedHeaders, Price,
    PriceAbove, Provider, ProviderKind, Route, Target,
};
pub use secret_ref::{Env, SecretRef};
pub use stored::Flaw;
pub use tenants::{ApiKey, EndUser, Project, Tenant};
pub use units::{Period, Size, Usd};

/// Everything that the configuration file says.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the gateway listens.
    pub listen: Listen,
    /// Threads of the data listener; 0 for one per processor core.
    #[schemars(range(max = 1024))]
    pub workers: u16,
    /// Domains below which a host's first label is a project's slug.
    #[schemars(schema_with = "text::domains")]
    pub domains: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The issuer of the gateway's own tokens.
    #[schemars(extend("format" = "issuer"))]
    pub issuer: String,
    /// Folder of this node's own data, relative to this file's folder.
    pub data: PathBuf,
    /// The secret of the admin API, by reference, at least 16 characters; generated at first start when it
    /// is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_secret: Option<SecretRef>,
    /// The key that seals what is stored: 64 hex digits, by reference. Where the variable or file does
    /// not exist, one is generated at first start into a file beside `data`.
    pub master_key: SecretRef,
    /// Master keys of before, which still open what they sealed; it is sealed again in the background.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub older_master_keys: Vec<SecretRef>,
    /// Where counters, threads and keys are kept.
    pub store: Store,
    /// The largest request head.
    pub head_limit: Size,
    /// The largest request body.
    pub body_limit: Size,
    /// The largest answer of a provider that is not a stream.
    pub answer_limit: Size,
    /// The largest body of a project or a tier on the admin listener: their lists of words are long.
    pub admin_body_limit: Size,
    /// How often a silent stream is sent a comment, so that nobody in between cuts it.
    pub heartbeat: Period,
    /// How long running requests may take to end after SIGTERM.
    pub drain_timeout: Period,
    /// How long the parts of an exchange may take.
    pub timeouts: Timeouts,
    /// What client connections may cost.
    pub connections: Connections,
    /// Output tokens reserved for a request that names no cap, where the model has no smaller one.
    #[schemars(range(min = 16, max = 1_000_000_000))]
    pub default_output_tokens: u32,
    /// The services that models are called at.
    pub providers: Vec<Provider>,
    /// Services that are asked about prompts before these go up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
    /// The models that clients may ask for.
    pub models: Vec<Model>,
    /// The model for requests that name none, where their project names none either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_model: Option<String>,
    /// Limits of the whole gateway.
    pub limits: Limits,
    /// Tenants and their projects.
    pub tenants: Vec<Tenant>,
    /// What the gateway writes to its log.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            workers: 0,
            domains: vec!["behest.localhost".into()],
            trusted_proxies: Vec::new(),
            issuer: "https://api.behest.app".into(),
            data: "./data".into(),
            admin_secret: None,
            master_key: SecretRef::of_variable("PROVIDER_ENCRYPTION_KEY"),
            older_master_keys: Vec::new(),
            store: Store::default(),
            head_limit: Size::from_kib(64),
            body_limit: Size::from_mib(4),
            answer_limit: Size::from_mib(64),
            admin_body_limit: Size::from_mib(16),
            heartbeat: Period::from_secs(15),
            drain_timeout: Period::from_secs(30),
            timeouts: Timeouts::default(),
            connections: Connections::default(),
            default_output_tokens: 4096,
            providers: Vec::new(),
            guardrails: Vec::new(),
            models: Vec::new(),
            default_model: None,
            limits: Limits::default(),
            tenants: Vec::new(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// Reads and checks the file that a gateway is to be run with.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        read::load(path, &|name| std::env::var(name).ok())
    }

    /// Reads and checks a text. `file_name` is what errors call it, relative paths in it start at
    /// `base`, and `env` answers for the environment.
    ///
    /// Unlike [`Config::load`] this accepts a file without any provider or model.
    pub fn parse(
        text: &str,
        file_name: &str,
        base: &Path,
        env: Env<'_>,
    ) -> Result<Self, ConfigErrors> {
        read::parse(text, file_name, base, env)
    }

    /// What it had better not say, though it is valid.
    pub fn warnings(&self) -> Vec<String> {
        warnings::warnings(self)
    }

    /// The JSON Schema (draft 2020-12) of the file, for editors.
    pub fn json_schema() -> serde_json::Value {
        schema::json_schema()
    }
}
