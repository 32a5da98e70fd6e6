//! Whom to connect to, and the pools that connections come from.
//!
//! Pingora's own pool key knows neither the CA nor ALPN, and would lend a connection that another
//! target's CA never verified. So there is one connector per CA, and every combination of address,
//! name, CA, protocol and credential gets a pool number of its own.

use behest_contract::secret::Secret;
use parking_lot::Mutex;
use pingora::connectors::http::Connector;
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::listeners::ALPN;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::upstreams::peer::{Peer as PingoraPeer, PeerOptions};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Which HTTP a provider is spoken to with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Whatever ALPN settles; HTTP/1.1 over plain TCP.
    Auto,
    /// HTTP/1.1.
    H1,
    /// HTTP/2.
    H2,
}

/// Everything that two targets must share to share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line {
    /// Over TLS, with names verified.
    pub tls: bool,
    /// The name in the certificate.
    pub host: Arc<str>,
    /// Which HTTP.
    pub protocol: Protocol,
    /// The CA file's path and content, where the system's roots do not apply.
    pub ca: Option<Ca>,
    /// The key that requests carry.
    pub credential: Option<Secret>,
}

impl Line {
    /// Whether it is settled beforehand that HTTP/1.1 is spoken.
    fn is_h1(&self) -> bool {
        self.protocol == Protocol::H1 || (self.protocol == Protocol::Auto && !self.tls)
    }
}

/// A CA file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ca {
    path: PathBuf,
    pem: Arc<[u8]>,
}

impl Ca {
    /// Reads a CA file.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(Self { path: path.to_owned(), pem: std::fs::read(path)?.into() })
    }
}

/// One address of a provider.
#[derive(Clone)]
pub struct Peer(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    line: Line,
    pool: u64,
    options: PeerOptions,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.line.host, self.0.address)
    }
}

impl PingoraPeer for Peer {
    fn address(&self) -> &SocketAddr {
        &self.0.address
    }

    fn tls(&self) -> bool {
        self.0.line.tls
    }

    fn sni(&self) -> &str {
        &self.0.line.host
    }

    fn reuse_hash(&self) -> u64 {
        self.0.pool
    }

    fn get_peer_options(&self) -> Option<&PeerOptions> {
        Some(&self.0.options)
    }

    /// Pool numbers are never shared between addresses, so the pooled socket need not be asked for
    /// its own: that saves a system call per request.
    fn matches_fd<V: std::os::unix::io::AsRawFd>(&self, _fd: V) -> bool {
        true
    }
}

/// Streams at once on one HTTP/2 connection.
const H2_STREAMS_MAX: usize = 100;

/// Receive window of one HTTP/2 stream: what a provider may send ahead of a slow client.
const H2_STREAM_WINDOW: u32 = 256 * 1024;

fn options(line: &Line, connect: Duration) -> PeerOptions {
    let mut options = PeerOptions::new();
    options.total_connection_timeout = Some(connect);
    options.max_h2_streams = H2_STREAMS_MAX;
    options.h2_stream_window_size = Some(H2_STREAM_WINDOW);
    options.alpn = match (line.protocol, line.tls) {
        (Protocol::H2, _) => ALPN::H2,
        (Protocol::Auto, true) => ALPN::H2H1,
        (Protocol::H1, _) | (Protocol::Auto, false) => ALPN::H1,
    };
    options
}

/// Where a line's connections come from.
#[derive(Clone)]
pub(super) enum Connectors {
    /// HTTP/1.1 needs no more than streams, and asking for one costs little.
    Streams(Arc<TransportConnector>),
    /// With ALPN it is only known afterwards which protocol it is.
    Sessions(Arc<Connector>),
}

/// The process's connectors and pool numbers; they outlive a reload.
pub struct Pools {
    idle_max: usize,
    connectors: Mutex<HashMap<(Option<Ca>, bool), Connectors>>,
    numbers: Mutex<HashMap<(std::net::SocketAddr, Line), u64>>,
}

impl Pools {
    /// Pools that keep at most `idle_max` idle connections per CA.
    pub fn new(idle_max: usize) -> Self {
        Self { idle_max, connectors: Mutex::default(), numbers: Mutex::default() }
    }

    /// The connector of a line. Those of one CA and kind share one.
    pub(super) fn connectors(&self, line: &Line) -> Connectors {
        let streams = line.is_h1();
        let mut connectors = self.connectors.lock();
        let connector = connectors.entry((line.ca.clone(), streams)).or_insert_with(|| {
            let mut options = ConnectorOptions::new(self.idle_max);
            options.ca_file = line.ca.as_ref().map(|ca| ca.path.to_string_lossy().into_owned());
            if streams {
                Connectors::Streams(Arc::new(TransportConnector::new(Some(options))))
            } else {
                Connectors::Sessions(Arc::new(Connector::new(Some(options))))
            }
        });
        connector.clone()
    }

    /// A peer at an address.
    pub fn peer(&self, address: std::net::SocketAddr, line: &Line, connect: Duration) -> Peer {
        let mut numbers = self.numbers.lock();
        let next = numbers.len() as u64;
        let pool = *numbers.entry((address, line.clone())).or_insert(next);
        Peer(Arc::new(Inner {
            address: SocketAddr::Inet(address),
            line: line.clone(),
            pool,
            options: options(line, connect),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Ca, Line, Pools, Protocol};
    use pingora::upstreams::peer::Peer;
    use std::path::PathBuf;
    use std::time::Duration;

    #[test]
    fn nothing_that_differs_shares_a_pool() {
        let pools = Pools::new(1);
        let line = Line {
            tls: true,
            host: "h".into(),
            protocol: Protocol::Auto,
            ca: None,
            credential: None,
        };
        let ca = |pem: &[u8]| Some(Ca { path: PathBuf::from("ca.pem"), pem: pem.into() });
        let key = |text: &str| Some(behest_contract::secret::Secret::new(text));
        let lines = [
            line.clone(),
            Line { tls: false, ..line.clone() },
            Line { host: "i".into(), ..line.clone() },
            Line { protocol: Protocol::H1, ..line.clone() },
            Line { ca: ca(b"1"), ..line.clone() },
            Line { ca: ca(b"2"), ..line.clone() },
            Line { credential: key("a"), ..line.clone() },
            Line { credential: key("b"), ..line.clone() },
        ];
        let number = |line: &Line, port: u16| {
            pools.peer(([127, 0, 0, 1], port).into(), line, Duration::from_secs(1)).reuse_hash()
        };
        let mut numbers: Vec<_> =
            lines.iter().flat_map(|line| [number(line, 1), number(line, 2)]).collect();
        assert_eq!(number(&lines[0], 1), numbers[0]);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 2 * lines.len());
    }
}
