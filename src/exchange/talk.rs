//! One request and its answer on one connection, over HTTP/1.1 or HTTP/2.

use super::peer::Peer;
use super::prefixed::Prefixed;
use super::provider::{Connection, Extra, Link, Place, Used};
use super::send::{Send, Sent};
use behest_contract::facts::Endpoint;
use behest_contract::prompt::Wire;
use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::v1::client::HttpSession as H1;
use pingora::protocols::http::v2::client::Http2Session as H2;
use pingora::protocols::http::v2::write_body;
use pingora::{Error, ErrorType, Result, RetryType};
use std::io::ErrorKind;
use std::ops::Deref;

/// Sends a request on a connection and waits for the answer's head.
pub(super) async fn open(
    connection: Connection,
    place: &Place,
    endpoint: Endpoint,
    extra: &Extra<'_>,
    body: &Wire,
) -> Result<Talk, Lost> {
    match connection.link {
        Link::H1(stream) => h1(stream, &connection.peer, place, endpoint, extra, body).await,
        Link::H2(session) => Box::pin(h2(session, place, endpoint, extra, body)).await,
    }
}

/// An answer under way.
pub(super) enum Talk {
    H1 {
        session: Box<H1>,
        /// The whole request was sent; otherwise the connection is good for nothing else.
        sent: bool,
    },
    H2(Box<H2>),
}

/// A piece of an answer's body.
pub(super) enum Piece<'a> {
    Lent(&'a [u8]),
    Given(Bytes),
}

impl Deref for Piece<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Given(bytes) => bytes,
        }
    }
}

/// Sending failed, or no answer came.
#[derive(Debug)]
pub(super) struct Lost {
    /// Nothing of an answer had come, and the error is of the kind that a connection shows which the
    /// provider closed before it saw the request. On a pooled connection that means: send it again.
    pub(super) unseen: bool,
    /// The provider itself says that it did nothing with the request.
    pub(super) refused: bool,
    /// For the log.
    pub(super) why: String,
}

/// Sends a request over HTTP/1.1 and waits for the answer's head.
async fn h1(
    mut stream: Stream,
    peer: &Peer,
    place: &Place,
    endpoint: Endpoint,
    extra: &Extra<'_>,
    body: &Wire,
) -> Result<Talk, Lost> {
    let head = place.h1_head(endpoint, extra);
    let sent = Send::new(&mut stream, &head, body.pieces()).await;
    drop(head);
    let all = matches!(sent, Sent::All);
    if let Sent::Early(early) = sent {
        stream = Prefixed::boxed(early, stream);
    }
    // After a failed write too: "413, then close" leaves an answer behind.
    let mut session = Box::new(H1::new_with_options(stream, peer));
    loop {
        session.read_response().await.map_err(|error| lost(&error))?;
        let status = session.get_status().map_or(0, |status| status.as_u16());
        if status == 101 {
            return Err(Lost {
                unseen: false,
                refused: false,
                why: "it switched protocols".into(),
            });
        }
        if status >= 200 {
            return Ok(Talk::H1 { session, sent: all });
        }
    }
}

/// Sends a request over HTTP/2 and waits for the answer's head, which may come before the body is
/// sent; then no more of it is.
async fn h2(
    mut session: Box<H2>,
    place: &Place,
    endpoint: Endpoint,
    extra: &Extra<'_>,
    body: &Wire,
) -> Result<Talk, Lost> {
    let head = place.h2_head(endpoint, extra).map_err(|error| lost(&error))?;
    session.write_request_header(head, body.is_empty()).map_err(|error| lost(&error))?;
    let mut writer = session.take_request_body_writer();
    {
        let sending = async {
            let Some(writer) = writer.as_mut() else { return Ok(()) };
            let last = body.pieces().len().saturating_sub(1);
            for (at, piece) in body.pieces().iter().enumerate() {
                write_body(writer, piece.clone(), at == last, None).await?;
            }
            Ok::<(), Box<Error>>(())
        };
        tokio::pin!(sending);
        let mut is_sending = true;
        loop {
            tokio::select! {
                biased;
                head = session.read_response_header() => {
                    head.map_err(|error| lost(&error))?;
                    break;
                }
                // A failure to send shows in the answer, or in its absence.
                _ = &mut sending, if is_sending => is_sending = false,
            }
        }
    }
    Ok(Talk::H2(session))
}

fn lost(error: &Error) -> Lost {
    let refused = matches!(error.etype(), ErrorType::H2Error | ErrorType::H2Downgrade)
        && matches!(error.retry, RetryType::Decided(true));
    Lost { unseen: is_unseen(error), refused, why: error.to_string() }
}

/// Pingora says "safe on a reused connection" also when a part of a head has come, and says "not
/// safe" of a TLS connection that was closed without a goodbye; both are put right here.
fn is_unseen(error: &Error) -> bool {
    let context = error.context.as_ref().map_or("", |context| context.as_str());
    if context.contains("bytes already read") && !context.ends_with("bytes already read: 0") {
        return false;
    }
    match error.etype() {
        ErrorType::ConnectionClosed => true,
        ErrorType::ReadError | ErrorType::WriteError => cause_is_a_close(error),
        _ => false,
    }
}

fn cause_is_a_close(error: &Error) -> bool {
    let cause = error.cause.as_ref().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| {
        cause.raw_os_error().is_some()
            || matches!(cause.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
    })
}

impl Talk {
    /// The answer's head.
    pub(super) fn head(&self) -> Option<&ResponseHeader> {
        match self {
            Self::H1 { session, .. } => session.resp_header(),
            Self::H2(session) => session.response_header(),
        }
    }

    /// The next piece of the body, `None` at its end. May be dropped and made again at any time.
    pub(super) async fn read(&mut self) -> Result<Option<Piece<'_>>> {
        match self {
            Self::H1 { session, .. } => Ok(session.read_body_ref().await?.map(Piece::Lent)),
            Self::H2(session) => Ok(session.read_response_body().await?.map(Piece::Given)),
        }
    }

    /// The connection, if it can be used again.
    pub(super) fn into_used(self) -> Option<Used> {
        match self {
            Self::H1 { session, sent } => sent.then(|| Used::H1(session)),
            Self::H2(session) => Some(Used::H2(session)),
        }
    }
}
