//! Somebody's proxy: what goes up is redacted, and what comes down is put back.

use super::{answer, ask, body_of};
use async_trait::async_trait;
use behest_contract::secret::Secret;
use behest_pii::{
    Action, Context, Mode, Owner, PiiConfig, Reading, Redactor, Restorer, SecretMac, Shield,
    Spelling, StreamRestorer,
};
use pingora::http::ResponseHeader;
use pingora::prelude::HttpPeer;
use pingora::{Error, ErrorType, Result};
use pingora_proxy::{ProxyHttp, Session};
use std::sync::Arc;

struct Proxy {
    shield: Arc<Shield>,
    mac: Arc<SecretMac>,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> Result<bool> {
        let prompt = body_of(session).await?;
        let owner = Owner { tenant: "acme".into(), project: "demo".into(), user: None };
        let mut redactor = Redactor::new(self.shield.clone(), self.mac.clone(), owner);
        let Ok(sent) = redactor.redact(&prompt, Context::default(), Reading::Plain) else {
            let told = "not this".to_owned();
            return answer(session, ResponseHeader::build(403, None)?, told).await;
        };
        let sent = sent.unwrap_or(prompt);
        let (vault, _, _) = redactor.into_answer();
        // A model that says what it was told, in two pieces.
        let mut restorer = StreamRestorer::new(Restorer::new(vault, Spelling::Plain));
        let mut shown = format!("{sent} = ");
        let (first, second) = sent.split_at(sent.len() / 2);
        restorer.push(first, &mut shown);
        restorer.push(second, &mut shown);
        restorer.finish(&mut shown);
        answer(session, ResponseHeader::build(200, Some(1))?, shown).await
    }

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Err(Error::new(ErrorType::InternalError))
    }
}

fn proxy() -> Proxy {
    let entities =
        [("EMAIL_ADDRESS".to_owned(), Action::Mask), ("CREDIT_CARD".to_owned(), Action::Block)];
    let config =
        PiiConfig { mode: Mode::Enforce, entities: entities.into(), ..PiiConfig::default() };
    Proxy {
        shield: Arc::new(Shield::new(&config).unwrap()),
        mac: Arc::new(SecretMac::new(&Secret::new("32 bytes that all nodes share"))),
    }
}

#[tokio::test]
async fn a_foreign_proxy_redacts_with_the_pii_family() {
    let told = ask(proxy(), "", "to jane@example.com").await;
    let (_, body) = told.split_once("\r\n\r\n").unwrap();
    let (sent, shown) = body.split_once(" = ").unwrap();
    assert!(sent.starts_with("to <EMAIL_ADDRESS_") && !sent.contains("jane"), "{told}");
    assert_eq!(shown, "to jane@example.com");
    let told = ask(proxy(), "", "4111 1111 1111 1111").await;
    assert!(told.starts_with("HTTP/1.1 403"), "{told}");
}
