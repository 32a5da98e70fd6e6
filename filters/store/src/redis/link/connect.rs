//! Connections: to the one server, to the master that the sentinels name, to a cluster.

use super::place::{Place, tcp_settings};
use crate::redis::config::RedisMode;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult,
    ServerErrorKind, TlsCertificates, TlsMode, Value, cmd,
};
use std::time::Duration;
use tokio::time::timeout;

/// A connection that many calls share. Clones are the same one.
#[derive(Clone)]
pub(super) enum Conn {
    One(MultiplexedConnection),
    Many(Box<ClusterConnection>),
}

impl Conn {
    /// Sends a command, behind whatever was sent before, and waits for its answer.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(one) => command.query_async(one).await,
            Self::Many(many) => command.query_async(many.as_mut()).await,
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    pub(super) command: Duration,
    pub(super) connect: Duration,
}

/// A connection that has answered.
pub(super) async fn connect(place: &Place, waits: Waits) -> RedisResult<Conn> {
    let mut conn = match place.mode {
        RedisMode::Cluster => {
            Conn::Many(Box::new(in_time(waits.connect, cluster(place, waits)).await?))
        }
        _ => Conn::One(one(place, &server(place, waits).await?, waits).await?),
    };
    in_time(waits.connect, conn.send(&cmd("PING"))).await?;
    Ok(conn)
}

/// A connection that messages come in by.
pub(super) async fn subscribe(place: &Place, waits: Waits, channel: &str) -> RedisResult<PubSub> {
    // A cluster's nodes pass on to each other what is published, so any of them will do.
    let mut last = None;
    for server in servers(place, waits).await? {
        let client = client(place, server)?;
        let opened = async {
            let mut messages = client.get_async_pubsub().await?;
            messages.subscribe(channel).await?;
            Ok(messages)
        };
        match in_time(waits.connect, opened).await {
            Ok(messages) => return Ok(messages),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(nobody))
}

async fn servers(place: &Place, waits: Waits) -> RedisResult<Vec<ConnectionInfo>> {
    match place.mode {
        RedisMode::Cluster => {
            place.hosts.iter().map(|(host, port)| place.server(host, *port)).collect()
        }
        _ => Ok(vec![server(place, waits).await?]),
    }
}

/// Where the one server is that may be written to.
async fn server(place: &Place, waits: Waits) -> RedisResult<ConnectionInfo> {
    if place.mode == RedisMode::Sentinel {
        return master(place, waits).await;
    }
    let (host, port) = place.hosts.first().ok_or_else(nobody)?;
    place.server(host, *port)
}

/// Asks one sentinel after the other, until one names a server that says itself that it is a master.
async fn master(place: &Place, waits: Waits) -> RedisResult<ConnectionInfo> {
    let mut last = None;
    for (host, port) in &place.hosts {
        match in_time(waits.connect, named_by(place, host, *port, waits)).await {
            Ok(info) => match in_time(waits.connect, is_master(place, &info, waits)).await {
                Ok(true) => return Ok(info),
                // It is about to be replaced, and sentinels do not learn at once.
                Ok(false) => last = Some(nobody()),
                Err(error) => last = Some(error),
            },
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(nobody))
}

async fn named_by(
    place: &Place,
    host: &str,
    port: u16,
    waits: Waits,
) -> RedisResult<ConnectionInfo> {
    let mut sentinel = one(place, &place.sentinel(host, port)?, waits).await?;
    let mut asks = cmd("SENTINEL");
    asks.arg("get-master-addr-by-name").arg(&*place.master);
    let named: Option<(String, u16)> = asks.query_async(&mut sentinel).await?;
    let (host, port) = named.ok_or_else(nobody)?;
    place.server(&host, port)
}

async fn is_master(place: &Place, info: &ConnectionInfo, waits: Waits) -> RedisResult<bool> {
    let mut server = one(place, info, waits).await?;
    match cmd("ROLE").query_async::<Vec<Value>>(&mut server).await {
        Ok(role) => Ok(matches!(
            role.first(),
            Some(Value::BulkString(word)) if word == b"master"
        )),
        // Whoever may not ask has to believe the sentinel.
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => Ok(true),
        Err(error) => Err(error),
    }
}

async fn one(
    place: &Place,
    info: &ConnectionInfo,
    waits: Waits,
) -> RedisResult<MultiplexedConnection> {
    // Commands are timed by whoever sends them.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(waits.connect))
        .set_response_timeout(None);
    client(place, info.clone())?.get_multiplexed_async_connection_with_config(&config).await
}

async fn cluster(place: &Place, waits: Waits) -> RedisResult<ClusterConnection> {
    let nodes: RedisResult<Vec<_>> =
        place.hosts.iter().map(|(host, port)| place.server(host, *port)).collect();
    let mut builder = ClusterClient::builder(nodes?)
        .connection_timeout(waits.connect)
        .response_timeout(waits.command)
        .overall_response_timeout(Some(waits.connect))
        .tcp_settings(tcp_settings())
        .min_retry_wait(5)
        .max_retry_wait(20)
        .retries(3);
    if place.is_tls() {
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(certificates) = certificates(place) {
        builder = builder.certs(certificates);
    }
    builder.build()?.get_async_connection().await
}

fn client(place: &Place, info: ConnectionInfo) -> RedisResult<Client> {
    match certificates(place) {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    }
}

fn certificates(place: &Place) -> Option<TlsCertificates> {
    let root_cert = place.ca_pem.clone().filter(|_| place.is_tls())?;
    Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
}

async fn in_time<T>(
    longest: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    match timeout(longest, work).await {
        Ok(done) => done,
        Err(_) => Err(RedisError::from((ErrorKind::Io, "it does not answer"))),
    }
}

fn nobody() -> RedisError {
    RedisError::from((ErrorKind::Io, "no server is known that may be written to"))
}
