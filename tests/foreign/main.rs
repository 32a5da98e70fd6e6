//! Foreign Pingora proxies, each of which takes one family of the set, in a handful of calls.
//!
//! Nothing here is the gateway's: this is what somebody else would write who wants one filter crate and
//! nothing more. Each later family adds a proxy of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Keys, with `behest-auth`.
mod keys;
/// Limits, with `behest-quota`.
mod limits;
/// Personal data, with `behest-pii`.
mod personal;

use pingora::Result;
use pingora::apps::HttpServerApp;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::stream::Stream;
use pingora::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, ProxyHttp, Session};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy answers to one request.
async fn ask<P>(proxy: P, headers: &str, body: &str) -> String
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut app = HttpProxy::new(proxy, Arc::new(ServerConf::default()));
    app.handle_init_modules();
    let session = ServerSession::new_http1(Box::new(Stream::from(stream)));
    let (_end, shutdown) = tokio::sync::watch::channel(false);
    Arc::new(app).process_new_http(session, &shutdown).await;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Reads a request's whole body.
async fn body_of(session: &mut Session) -> Result<String> {
    let mut body = Vec::new();
    while let Some(piece) = session.read_request_body().await? {
        body.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Answers in the place of a provider.
async fn answer(session: &mut Session, mut head: ResponseHeader, body: String) -> Result<bool> {
    head.insert_header("content-length", body.len())?;
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(body.into()), true).await?;
    Ok(true)
}
