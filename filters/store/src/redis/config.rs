//! What the Redis engine is told before it starts.

use super::link::{self, BadUrl};
use behest_contract::secret::Secret;
use std::time::Duration;

/// How Redis is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RedisMode {
    /// One server.
    #[default]
    Single,
    /// Servers watched by Redis Sentinel.
    Sentinel,
    /// Redis Cluster.
    Cluster,
}

/// Where Redis is, and the numbers of the engine.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `redis://[user[:password]@]host[:port][,host[:port]…][/database]`, or `rediss://` with TLS.
    ///
    /// One host with a single server, several of a cluster. With Sentinel the hosts are the sentinels'
    /// (port 26379 where none is said), and the path is the master's name: `/mymaster[/database]`; a
    /// login of the sentinels' own is told behind it, as `?sentinel_user=…&sentinel_password=…`.
    pub url: Secret,
    /// How it is run.
    pub mode: RedisMode,
    /// Certificates, in PEM, of whoever has signed the servers'. `None`: those that the system trusts.
    pub ca_pem: Option<Vec<u8>>,
    /// The longest wait for one command.
    pub command_timeout: Duration,
    /// The longest wait for a connection, and for the answer that shows that it works.
    pub connect_timeout: Duration,
    /// How often a lost server is tried.
    pub probe_interval: Duration,
    /// So many commands in a row that are not answered in time, and the server is taken for lost.
    pub strikes_max: u32,
    /// How many commands may be under way; those beyond are refused at once.
    pub calls_max: usize,
    /// How long a lease lives that its node does not renew. It is renewed four times in that time.
    pub lease_expiry: Duration,
    /// How often is looked for leases that were lost.
    pub sweep_interval: Duration,
    /// How long a node counts as alive after it was last heard.
    pub node_expiry: Duration,
    /// One in so many of a limit of tokens or money is held by each node that uses it, for when Redis is
    /// away. 0: nothing is held, and such requests are refused then.
    pub hold_part: u64,
    /// How long a counter must have been in use before anything of it is held.
    pub hold_after: Duration,
    /// How long what is held may be used without a word from Redis.
    pub hold_expiry: Duration,
    /// How many settlements are kept for a Redis that is away; those beyond are given up, and counted.
    pub backlog_max: usize,
}

impl RedisConfig {
    /// Says what is wrong with the URL, without connecting.
    pub fn check(&self) -> Result<(), BadUrl> {
        link::check(self)
    }

    /// A server at this URL, and the defaults.
    pub fn new(url: &str, mode: RedisMode) -> Self {
        Self {
            url: Secret::new(url),
            mode,
            ca_pem: None,
            command_timeout: Duration::from_millis(25),
            connect_timeout: Duration::from_secs(1),
            probe_interval: Duration::from_millis(250),
            strikes_max: 5,
            calls_max: 8192,
            lease_expiry: Duration::from_secs(60),
            sweep_interval: Duration::from_secs(5),
            node_expiry: Duration::from_secs(60),
            hold_part: 100,
            hold_after: Duration::from_secs(5),
            hold_expiry: Duration::from_secs(600),
            backlog_max: 100_000,
        }
    }
}
