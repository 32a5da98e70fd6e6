//! A foreign Pingora proxy that takes one family of the set: API keys, in a handful of calls.
//!
//! Nothing here is the gateway's: this is what somebody else would write who wants the filter crate
//! and nothing more. Each later family adds a proxy of its own to this file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use behest_auth::{ApiKeys, AuthConfig, DeclaredKey, EndUserRule, Presented};
use behest_contract::clock::SystemClock;
use behest_contract::ports::{Busy, Job, Offload};
use behest_contract::secret::Secret;
use pingora::apps::HttpServerApp;
use pingora::http::ResponseHeader;
use pingora::prelude::HttpPeer;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::stream::Stream;
use pingora::server::configuration::ServerConf;
use pingora::{Error, ErrorType, Result};
use pingora_proxy::{HttpProxy, ProxyHttp, Session};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "behest_sk_live_0123456789abcdef0123456789abcdef";

/// Somebody's proxy: whoever has a key is greeted by the key's name.
struct Proxy {
    keys: ApiKeys,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> Result<bool> {
        let presented = Presented::take(session.req_header_mut());
        let known = match presented.credential() {
            Ok(key) => self.keys.authenticate(key).settled().await.ok(),
            Err(_) => None,
        };
        let (status, body) = match &known {
            Some(record) => (200, format!("hello {}", record.id)),
            None => (401, "who are you?".to_owned()),
        };
        let mut head = ResponseHeader::build(status, Some(1))?;
        head.insert_header("content-length", body.len())?;
        session.write_response_header(Box::new(head), false).await?;
        session.write_response_body(Some(body.into()), true).await?;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Err(Error::new(ErrorType::InternalError))
    }
}

/// Runs jobs where they come up; a proxy with more to do brings a pool.
struct Inline;

impl Offload for Inline {
    fn run(&self, job: Job) -> Result<(), Busy> {
        job();
        Ok(())
    }
}

fn proxy() -> Proxy {
    let declared = DeclaredKey {
        id: "somebody".into(),
        tenant: "t".into(),
        project: "p".into(),
        secret: Secret::new(KEY),
        end_user: EndUserRule::Allow,
        allow_on_chat: true,
    };
    let records = ApiKeys::declare(vec![declared], None).unwrap();
    let (offload, clock) = (Arc::new(Inline), Arc::new(SystemClock));
    Proxy { keys: ApiKeys::new(records, None, offload, clock, AuthConfig::default()).unwrap() }
}

async fn ask(headers: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut app = HttpProxy::new(proxy(), Arc::new(ServerConf::default()));
    app.handle_init_modules();
    let session = ServerSession::new_http1(Box::new(Stream::from(stream)));
    let (_end, shutdown) = tokio::sync::watch::channel(false);
    Arc::new(app).process_new_http(session, &shutdown).await;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_foreign_proxy_checks_keys_with_the_auth_family() {
    let answer = ask(&format!("authorization: Bearer {KEY}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello somebody"), "{answer}");
    for headers in ["", "authorization: Bearer behest_sk_live_wrong_wrong_wrong\r\n"] {
        let answer = ask(headers).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}
