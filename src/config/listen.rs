//! The two listeners, what a connection may cost, and how long things may take.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::secret_ref::SecretRef;
use super::units::Period;

/// Where the gateway listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Address of the data listener: the API that clients call.
    #[schemars(extend("format" = "socket-address"))]
    pub data: SocketAddr,
    /// Address of the admin listener: metrics, health and the admin API. Never the data listener's.
    #[schemars(extend("format" = "socket-address"))]
    pub admin: SocketAddr,
    /// TLS on the data listener; plain HTTP without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_tls: Option<ListenerTls>,
    /// TLS on the admin listener; plain HTTP without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_tls: Option<ListenerTls>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            data: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9090)),
            data_tls: None,
            admin_tls: None,
        }
    }
}

/// Certificate and key of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// PEM file with the certificate chain, the listener's own first.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Deadlines of one exchange with a provider, and of writing to the client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From the first attempt to connect until the connection, TLS included, stands.
    pub connect: Period,
    /// From the sent request until the provider's first byte.
    pub first_byte: Period,
    /// The longest silence of a provider inside an answer.
    pub between_bytes: Period,
    /// From the accepted request until the end of its answer, all attempts together.
    pub total: Period,
    /// From a request's head to the end of its body.
    pub request_body: Period,
    /// How long a client may take no bytes of its answer.
    pub write: Period,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Period::from_secs(3),
            first_byte: Period::from_secs(60),
            between_bytes: Period::from_secs(60),
            total: Period::from_secs(15 * 60),
            request_body: Period::from_secs(60),
            write: Period::from_secs(30),
        }
    }
}

/// What one client address and one client connection may cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// Open connections per client address.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub per_address: u32,
    /// From the opened connection, or a request's first byte, until its whole head.
    pub request_head: Period,
    /// How long a connection may stay open between two requests.
    pub idle: Period,
}

impl Default for Connections {
    fn default() -> Self {
        Self { per_address: 256, request_head: Period::from_secs(10), idle: Period::from_secs(60) }
    }
}

/// Limits of the whole gateway, before any tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The guard per client address, before any credential work.
    pub ip: IpLimits,
    /// What a project may do that sets no limits of its own.
    pub project: DefaultProjectLimits,
    /// What a key may mint.
    pub mint: MintLimits,
}

/// The guard per client address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IpLimits {
    /// Requests per address (IPv6: per /64) and calendar minute, exact on each node.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: u32,
    /// Networks that the guard does not count.
    pub exempt: Vec<Network>,
}

impl Default for IpLimits {
    fn default() -> Self {
        Self { requests_per_minute: 120, exempt: Vec::new() }
    }
}

/// What a project may do that sets no limits of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultProjectLimits {
    /// Requests per project and calendar minute.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: u32,
}

impl Default for DefaultProjectLimits {
    fn default() -> Self {
        Self { requests_per_minute: 60 }
    }
}

/// What a key may mint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MintLimits {
    /// Tokens per API key and calendar minute.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: u32,
}

impl Default for MintLimits {
    fn default() -> Self {
        Self { requests_per_minute: 6000 }
    }
}

/// Where counters, threads and keys are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `embedded` keeps everything in the `data` folder of one node; `redis` shares it among nodes.
    pub engine: StoreEngine,
    /// Where Redis is, by reference: `redis://[user[:password]@]host[:port][,host…][/database]`, or
    /// `rediss://` with TLS. With `mode: sentinel` the hosts are the sentinels', and the path is the
    /// master's name: `/mymaster[/database]`, with a login of the sentinels' own behind it as
    /// `?sentinel_user=…&sentinel_password=…`. Only with `engine: redis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretRef>,
    /// PEM file with the only certificate authorities that are trusted for Redis, relative to this
    /// file; the system's without it. Only with `engine: redis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// How Redis is run.
    pub mode: RedisMode,
    /// The longest that a request waits for one command of Redis.
    pub command_timeout: Period,
    /// How long what a request has reserved in Redis outlives its node. A node that lives renews it.
    pub lease_expiry: Period,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            engine: StoreEngine::Embedded,
            url: None,
            ca: None,
            mode: RedisMode::Single,
            command_timeout: Period::from_millis(25),
            lease_expiry: Period::from_secs(60),
        }
    }
}

/// Which engine keeps the gateway's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreEngine {
    /// The `data` folder of one node.
    Embedded,
    /// A Redis that several nodes share.
    Redis,
}

/// How Redis is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RedisMode {
    /// One server.
    Single,
    /// Servers watched by Redis Sentinel.
    Sentinel,
    /// Redis Cluster.
    Cluster,
}

/// What the gateway writes to its log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least severe level that is written.
    pub level: LogLevel,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Warn }
    }
}

/// How severe a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs somebody's attention.
    Error,
    /// What may need attention.
    Warn,
    /// What happens in normal operation.
    Info,
    /// What helps to find a fault.
    Debug,
}
