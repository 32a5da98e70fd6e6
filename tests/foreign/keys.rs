//! Somebody's proxy: whoever has a key is greeted by the key's name.

use super::{answer, ask};
use async_trait::async_trait;
use behest_auth::{ApiKeys, AuthConfig, DeclaredKey, EndUserRule, Presented};
use behest_contract::clock::SystemClock;
use behest_contract::ports::{Busy, Job, Offload};
use behest_contract::secret::Secret;
use pingora::http::ResponseHeader;
use pingora::prelude::HttpPeer;
use pingora::{Error, ErrorType, Result};
use pingora_proxy::{ProxyHttp, Session};
use std::sync::Arc;

const KEY: &str = "behest_sk_live_0123456789abcdef0123456789abcdef";

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
        answer(session, ResponseHeader::build(status, Some(1))?, body).await
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

#[tokio::test]
async fn a_foreign_proxy_checks_keys_with_the_auth_family() {
    let told = ask(proxy(), &format!("authorization: Bearer {KEY}\r\n"), "").await;
    assert!(told.starts_with("HTTP/1.1 200") && told.ends_with("hello somebody"), "{told}");
    for headers in ["", "authorization: Bearer behest_sk_live_wrong_wrong_wrong\r\n"] {
        let told = ask(proxy(), headers, "").await;
        assert!(told.starts_with("HTTP/1.1 401"), "{told}");
    }
}
