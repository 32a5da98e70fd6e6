//! Somebody's proxy: two requests a minute, and no more.

use super::{answer, ask, body_of};
use async_trait::async_trait;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::delta::Usage;
use behest_quota::{
    Budgets, Counters, Lease, Output, Party, ProjectLimits, ProjectPolicy, PromptSize, QuotaConfig,
    Want,
};
use pingora::http::ResponseHeader;
use pingora::prelude::HttpPeer;
use pingora::{Error, ErrorType, Result};
use pingora_proxy::{ProxyHttp, Session};
use std::sync::Arc;

#[derive(Clone)]
struct Proxy {
    budgets: Arc<Budgets>,
}

impl Proxy {
    fn new() -> Self {
        let limits = ProjectLimits { requests_per_minute: Some(2), ..ProjectLimits::default() };
        let policy = ProjectPolicy { project: limits, ..ProjectPolicy::default() };
        let projects = [("demo".into(), policy)].into();
        let config = QuotaConfig { projects, ..QuotaConfig::default() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let purse = Counters::new().purse(&clock);
        Self { budgets: Arc::new(Budgets::new(config, purse, clock)) }
    }

    async fn admit(&self, body: &str) -> Option<Lease> {
        let (tenant, project, key) = ("acme".into(), "demo".into(), "key".into());
        let party = Party {
            tenant: &tenant,
            project: &project,
            user: None,
            tier: None,
            session: "default",
            key: &key,
        };
        let id = format!("request {body}").into();
        let prompt = PromptSize { bytes: body.len() as u64, ..PromptSize::default() };
        let want = Want { id: &id, model: None, prompt, output: Output::Open { choices: 1 } };
        self.budgets.admit(&party, &want).await.ok()
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> Result<bool> {
        let body = body_of(session).await?;
        let Some(lease) = self.admit(&body).await else {
            return answer(session, ResponseHeader::build(429, None)?, "later".to_owned()).await;
        };
        let mut head = ResponseHeader::build(200, Some(8))?;
        lease.standings.write_headers(&mut head);
        self.budgets.settle(&lease, Some(Usage { completion_tokens: 1, ..Usage::default() }));
        answer(session, head, "served".to_owned()).await
    }

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Err(Error::new(ErrorType::InternalError))
    }
}

#[tokio::test]
async fn a_foreign_proxy_admits_with_the_quota_family() {
    let proxy = Proxy::new();
    for (body, left) in [("1", "1"), ("2", "0")] {
        let told = ask(proxy.clone(), "", body).await.to_ascii_lowercase();
        assert!(told.starts_with("http/1.1 200"), "{told}");
        assert!(told.contains(&format!("x-ratelimit-remaining: {left}\r\n")), "{told}");
    }
    let told = ask(proxy, "", "3").await;
    assert!(told.starts_with("HTTP/1.1 429"), "{told}");
}
