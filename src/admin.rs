//! The admin listener: metrics, health, and the API. It never touches the data path.
//!
//! README.md beside this file says what can be asked, `router.rs` where it is answered. A change is a
//! draft of records made from the snapshot in force, and made anew from a newer one if another node was
//! faster.

mod answer;
mod audit;
mod call;
mod events;
mod ids;
mod keys;
mod known;
mod limits;
mod members;
mod own_keys;
mod page;
mod process;
mod projects;
mod provider_keys;
mod query;
mod redact;
mod refusal;
mod router;
mod rows;
mod secret;
mod settings;
mod signing_keys;
mod slugs;
mod strict;
mod switches;
mod tenants;
mod term;
mod tiers;
mod tokens;
mod usage;
mod users;
mod words;

pub use router::{Listed, list as list_routes};
pub use secret::AdminSecret;

use crate::house::House;
use answer::Answer;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use call::Call;
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use query::Query;
use refusal::Refusal;
use router::{Handler, Row};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The largest body that is looked at where it is none that may be long.
const BODY_MAX: usize = 64 * 1024;

/// How long such a body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// Of a body that is too large, this much is read and thrown away, so that a client that writes first
/// and reads afterwards sees the answer.
const DRAIN_MAX: usize = 8 * 1024 * 1024;

/// How long that may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// The admin application.
pub struct Admin {
    house: Arc<House>,
    path: Arc<Path>,
    secret: AdminSecret,
    /// Changes of this node wait for one another; only those of others can come between.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl Admin {
    /// An admin application for this house, whose configuration lies at `path`.
    pub fn new(house: Arc<House>, path: PathBuf, secret: AdminSecret) -> Self {
        Self { house, path: path.into(), secret, changing: Arc::default() }
    }

    /// Whose turn it is to answer. Without the secret nobody learns what there is.
    fn route(&self, session: &ServerSession) -> Result<(&'static Row, Vec<String>), Refusal> {
        let head = session.req_header();
        let path = head.uri.path();
        if path.starts_with("/admin/") && !self.secret.opens(&head.headers) {
            return Err(Refusal::unauthenticated());
        }
        router::find(&head.method, path)
    }

    /// How large a body may be, and how long it may take. Nobody without the secret gets more than the
    /// least.
    fn bounds(&self, row: Option<&Row>) -> (usize, Duration) {
        if !row.is_some_and(|row| row.is_long) {
            return (BODY_MAX, BODY_TIME_MAX);
        }
        let config = &self.house.snapshot().config;
        (config.admin_body_limit.len_in_memory(), config.timeouts.request_body.duration())
    }

    async fn answer(&self, session: &mut ServerSession) -> Result<Answer, Refusal> {
        let route = self.route(session);
        let (bytes_max, time_max) = self.bounds(route.as_ref().ok().map(|(row, _)| *row));
        // Read in any case, so that the connection can be used again.
        let body = read_body(session, bytes_max, time_max).await;
        let (row, ids) = route?;
        let call = Call {
            house: self.house.clone(),
            config_path: self.path.clone(),
            changing: self.changing.clone(),
            ids,
            query: Query::parse(session.req_header().uri.query().unwrap_or_default())?,
            body: body?,
            source: peer(session),
        };
        match row.handler {
            Handler::Told(tell) => tell(&call),
            Handler::Done(act) => act(call).await,
        }
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Answer {
        self.answer(session).await.unwrap_or_else(Refusal::into_answer)
    }
}

/// The address of whoever is connected.
fn peer(session: &ServerSession) -> String {
    let inet = session.client_addr().and_then(|address| address.as_inet());
    inet.map_or_else(|| "unknown".to_owned(), |address| address.ip().to_string())
}

async fn read_body(
    session: &mut ServerSession,
    bytes_max: usize,
    time_max: Duration,
) -> Result<Bytes, Refusal> {
    let read = timeout(time_max, read_up_to(session, bytes_max)).await;
    let refusal = match read {
        Ok(Ok(body)) => return Ok(body),
        Ok(Err(refusal)) => refusal,
        Err(_) => Refusal::too_slow(),
    };
    let _ = timeout(DRAIN_TIME_MAX, drain(session)).await;
    // What has not been read would be taken for the next request.
    session.set_keepalive(None);
    Err(refusal)
}

async fn read_up_to(session: &mut ServerSession, bytes_max: usize) -> Result<Bytes, Refusal> {
    let mut body = BytesMut::new();
    loop {
        match session.read_request_body().await {
            Ok(Some(piece)) if body.len() + piece.len() > bytes_max => {
                return Err(Refusal::too_large(bytes_max));
            }
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return Ok(body.freeze()),
            Err(_) => return Err(Refusal::too_slow()),
        }
    }
}

async fn drain(session: &mut ServerSession) {
    let mut read = 0;
    while let Ok(Some(piece)) = session.read_request_body().await {
        read += piece.len();
        if read > DRAIN_MAX {
            return;
        }
    }
}
