//! A provider at run time: where it is, how it is spoken to, and what every request to it says.

use super::peer::{Connectors, Line, Peer, Pools};
use super::resolve::Addresses;
use behest_contract::clock::Clock;
use behest_contract::dialect::{Dialect, Target};
use behest_contract::digits::Digits;
use behest_contract::facts::Endpoint;
use behest_contract::secret::Secret;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as H1;
use pingora::protocols::http::v2::client::Http2Session as H2;
use pingora::upstreams::peer::Peer as _;
use pingora::{Error, ErrorType};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// What the gateway calls itself.
const USER_AGENT: &str = concat!("behest/", env!("CARGO_PKG_VERSION"));

/// What makes a [`Provider`].
#[derive(Clone)]
pub struct ProviderSpec {
    /// Its configured name.
    pub name: Arc<str>,
    /// How it speaks.
    pub dialect: Arc<dyn Dialect>,
    /// What its connections must agree on.
    pub line: Line,
    /// Its port.
    pub port: u16,
    /// `host` or `host:port`, as the `Host` header says it.
    pub authority: String,
    /// What comes before the dialect's path; no slash at its end.
    pub base_path: String,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// Whether it is sent a `traceparent`.
    pub trace: bool,
    /// Client headers that it is given.
    pub pass_request: Vec<HeaderName>,
    /// Headers of its answers that the client is given.
    pub pass_response: Vec<HeaderName>,
    /// Whether it is called with a tenant's own key.
    pub is_tenants: bool,
    /// Whether the next place is the same provider with the gateway's own key, for when a tenant's is
    /// refused.
    pub falls_back: bool,
}

/// A provider.
pub struct Provider {
    spec: ProviderSpec,
    addresses: Addresses,
    connectors: Connectors,
}

/// A connection, and what is needed to give it back.
pub(super) struct Connection {
    pub(super) link: Link,
    pub(super) reused: bool,
    pub(super) peer: Peer,
}

/// What a request is sent on.
pub(super) enum Link {
    H1(Stream),
    H2(Box<H2>),
}

/// A connection whose answer was read to its end.
pub(super) enum Used {
    H1(Box<H1>),
    H2(Box<H2>),
}

impl Provider {
    /// A provider that takes its connections from the process's pools.
    pub fn new(spec: ProviderSpec, pools: &Arc<Pools>, clock: &Arc<dyn Clock>) -> Self {
        let (line, pools, clock) = (spec.line.clone(), pools.clone(), clock.clone());
        let connectors = pools.connectors(&line);
        let addresses = Addresses::new(line, spec.port, spec.connect, pools, clock);
        Self { spec, addresses, connectors }
    }

    /// Its configured name.
    pub fn name(&self) -> &Arc<str> {
        &self.spec.name
    }

    /// Whether it is called with a tenant's own key.
    pub fn is_tenants(&self) -> bool {
        self.spec.is_tenants
    }

    /// Whether a refused key is no reason to stop.
    pub fn falls_back(&self) -> bool {
        self.spec.falls_back
    }

    /// How it speaks.
    pub fn dialect(&self) -> &dyn Dialect {
        self.spec.dialect.as_ref()
    }

    /// Those of the client's headers that it is given.
    pub(super) fn passed(&self, client: &HeaderMap) -> PassedHeaders {
        let values = |name| client.get_all(name).iter().map(move |value| (name, value));
        let passed = self.spec.pass_request.iter().flat_map(values);
        passed.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Headers of its answers that the client is given.
    pub fn pass_response(&self) -> &[HeaderName] {
        &self.spec.pass_response
    }

    /// A connection: pooled if there is one and `fresh` does not forbid it.
    pub(super) async fn connect(&self, fresh: bool) -> Result<Connection, ConnectError> {
        let peers = self.addresses.peers().await.map_err(|_| ConnectError::UnknownHost)?;
        let mut last = ConnectError::UnknownHost;
        for peer in peers.iter() {
            match self.link(peer, fresh).await {
                Ok((link, reused)) => return Ok(Connection { link, reused, peer: peer.clone() }),
                Err(error) if *error.etype() == ErrorType::ConnectTimedout => {
                    return Err(ConnectError::TimedOut);
                }
                Err(error) => last = ConnectError::Failed(error.to_string().into()),
            }
        }
        Err(last)
    }

    /// Pooled connections that `fresh` forbids are dropped, not given back: one stale connection says
    /// that its fellows are too.
    async fn link(&self, peer: &Peer, fresh: bool) -> pingora::Result<(Link, bool)> {
        match &self.connectors {
            Connectors::Streams(streams) => {
                while let Some(stream) = streams.reused_stream(peer).await {
                    if !fresh {
                        return Ok((Link::H1(stream), true));
                    }
                }
                // Boxed: connecting is rare, and its future is larger than all the rest.
                let stream = Box::pin(streams.new_stream(peer)).await?;
                Ok((Link::H1(stream), false))
            }
            Connectors::Sessions(sessions) => loop {
                match Box::pin(sessions.get_http_session(peer)).await? {
                    (HttpSession::H1(_), true) if fresh => {}
                    (HttpSession::H1(session), reused) => {
                        return Ok((Link::H1(session.into_inner()), reused));
                    }
                    (HttpSession::H2(session), reused) => {
                        return Ok((Link::H2(Box::new(session)), reused));
                    }
                    (HttpSession::Custom(()), _) => {}
                }
            },
        }
    }

    /// Gives a connection back whose answer was read to its end.
    pub(super) async fn recycle(&self, used: Used, peer: &Peer) {
        let idle = Some(self.spec.idle);
        match (&self.connectors, used) {
            (Connectors::Streams(streams), Used::H1(mut session)) => {
                session.respect_keepalive();
                if let Some(stream) = session.reuse().await {
                    streams.release_stream(stream, peer.reuse_hash(), idle);
                }
            }
            (Connectors::Sessions(sessions), Used::H1(session)) => {
                sessions.release_http_session(HttpSession::H1(*session), peer, idle).await;
            }
            (Connectors::Sessions(sessions), Used::H2(session)) => {
                sessions.release_http_session(HttpSession::H2(*session), peer, idle).await;
            }
            (Connectors::Streams(_), Used::H2(_)) => {}
        }
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The name means nothing to the resolver.
    UnknownHost,
    /// Nobody took us in time.
    TimedOut,
    /// None of its addresses took us. For the log.
    Failed(Box<str>),
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownHost => f.write_str("the host's name cannot be resolved"),
            Self::TimedOut => f.write_str("no connection in time"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// A model at a provider: one of the places that a request can be sent to.
pub struct Place {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The model's name and abilities there.
    pub target: Target,
    chat: Head,
    embeddings: Head,
}

/// What the head of every request to one place and endpoint says.
struct Head {
    path: String,
    /// The request line and the lines that never change, ready for the wire.
    h1: Box<[u8]>,
}

/// What a request's head says beyond that.
pub(super) struct Extra<'a> {
    pub(super) body_len: usize,
    pub(super) streamed: bool,
    pub(super) trace_parent: Option<&'a str>,
    pub(super) passed: &'a PassedHeaders,
}

/// Headers of the client's that a provider is given.
pub(super) type PassedHeaders = SmallVec<[(HeaderName, HeaderValue); 2]>;

impl Place {
    /// A place.
    pub fn new(provider: Arc<Provider>, target: Target) -> Self {
        let head = |endpoint| Head::new(&provider.spec, &target, endpoint);
        let (chat, embeddings) = (head(Endpoint::Chat), head(Endpoint::Embeddings));
        Self { provider, target, chat, embeddings }
    }

    fn head(&self, endpoint: Endpoint) -> &Head {
        match endpoint {
            Endpoint::Embeddings => &self.embeddings,
            Endpoint::Chat | Endpoint::Models | Endpoint::Mint | Endpoint::Usage => &self.chat,
        }
    }

    /// The head for HTTP/1.1, ready for the wire.
    pub(super) fn h1_head(&self, endpoint: Endpoint, extra: &Extra<'_>) -> Vec<u8> {
        let fixed = &self.head(endpoint).h1;
        let mut head = Vec::with_capacity(fixed.len() + 160);
        head.extend_from_slice(fixed);
        self.extra_lines(extra, |name, value| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        });
        head.extend_from_slice(b"\r\n");
        head
    }

    /// The head for HTTP/2. Strict servers want the whole address in it and no `Host`.
    pub(super) fn h2_head(
        &self,
        endpoint: Endpoint,
        extra: &Extra<'_>,
    ) -> pingora::Result<Box<RequestHeader>> {
        let spec = &self.provider.spec;
        let scheme = if spec.line.tls { "https" } else { "http" };
        let address = format!("{scheme}://{}{}", spec.authority, self.head(endpoint).path);
        let mut head = RequestHeader::build_no_case("POST", b"/", Some(12))?;
        let address = address.parse().map_err(|_| Error::new(ErrorType::InvalidHTTPHeader))?;
        head.set_uri(address);
        let mut failed = None;
        let mut insert = |name: &str, value: &[u8]| {
            if let Err(error) = head.append_header(name.to_owned(), value) {
                failed = Some(error);
            }
        };
        fixed_lines(spec, &mut insert);
        self.extra_lines(extra, &mut insert);
        failed.map_or(Ok(Box::new(head)), Err)
    }

    fn extra_lines(&self, extra: &Extra<'_>, mut line: impl FnMut(&str, &[u8])) {
        let spec = &self.provider.spec;
        line("content-length", Digits::of(extra.body_len as u64).as_bytes());
        let accept: &[u8] = if extra.streamed { b"text/event-stream" } else { b"application/json" };
        line("accept", accept);
        if let Some(parent) = extra.trace_parent.filter(|_| spec.trace) {
            line("traceparent", parent.as_bytes());
        }
        for (name, value) in extra.passed {
            line(name.as_str(), value.as_bytes());
        }
    }
}

impl Head {
    fn new(spec: &ProviderSpec, target: &Target, endpoint: Endpoint) -> Self {
        let path = format!("{}{}", spec.base_path, spec.dialect.path(endpoint, target));
        let mut h1 = format!("POST {path} HTTP/1.1\r\nhost: {}\r\n", spec.authority).into_bytes();
        fixed_lines(spec, |name, value| {
            h1.extend_from_slice(name.as_bytes());
            h1.extend_from_slice(b": ");
            h1.extend_from_slice(value);
            h1.extend_from_slice(b"\r\n");
        });
        Self { path, h1: h1.into() }
    }
}

/// Answers are asked for as they are: decoding would hold a stream's events back.
fn fixed_lines(spec: &ProviderSpec, mut line: impl FnMut(&str, &[u8])) {
    if let Some(key) = spec.line.credential.as_ref().map(Secret::expose) {
        let (name, scheme) = spec.dialect.credential();
        line(name.as_str(), format!("{scheme}{key}").as_bytes());
    }
    line("content-type", b"application/json");
    line("accept-encoding", b"identity");
    line("user-agent", USER_AGENT.as_bytes());
}
