//! Guardrails of the operator's own, asked over HTTP.
//!
//! A prompt is sent with `POST` as `{"project_id", "request_id", "texts": [...]}`, redacted already; the answer
//! is a 2xx with `{"verdict": "allow"}` or `{"verdict": "block"}`. Anything else, and nothing in time, is silence.

use behest_contract::ports::{Counter, Meter};
use behest_pii::{GuardrailHook, HookFailure, HookRequest, HookVerdict};
use futures::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// No verdict is longer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Asks guardrails, over connections that are kept.
pub struct HttpHook {
    client: Client,
    requests: Arc<dyn Counter>,
}

impl HttpHook {
    /// One for the process. TLS goes by the system's authorities.
    pub fn new(meter: &dyn Meter) -> io::Result<Self> {
        pingora::tls::install_default_crypto_provider();
        // An address of the operator's file is called as it stands there.
        let client = Client::builder().redirect(Policy::none()).no_proxy().build();
        let requests = meter.counter(
            "behest_guardrail_hook_requests_total",
            "Prompts that guardrails of the operator's own were asked about, by what they said.",
            &["verdict"],
        );
        Ok(Self { client: client.map_err(io::Error::other)?, requests })
    }
}

impl GuardrailHook for HttpHook {
    fn ask(&self, request: HookRequest) -> BoxFuture<'static, Result<HookVerdict, HookFailure>> {
        let (client, requests) = (self.client.clone(), self.requests.clone());
        Box::pin(async move {
            let verdict = verdict(&client, &request).await;
            let label = match verdict {
                Some(HookVerdict::Allow) => "allow",
                Some(HookVerdict::Block) => "block",
                None => "none",
            };
            requests.add(&[label], 1);
            verdict.ok_or(HookFailure)
        })
    }
}

#[derive(Deserialize)]
struct Said {
    verdict: Word,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Allow,
    Block,
}

async fn verdict(client: &Client, request: &HookRequest) -> Option<HookVerdict> {
    let body = json!({
        "project_id": &*request.project_id,
        "request_id": &*request.request_id,
        "texts": request.texts,
    });
    let mut call = client
        .post(&request.config.url)
        .timeout(Duration::from_millis(request.config.timeout_ms))
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string());
    if let Some(secret) = &request.config.secret {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).ok()?;
        bearer.set_sensitive(true);
        call = call.header(AUTHORIZATION, bearer);
    }
    let answer = call.send().await.ok().filter(|answer| answer.status().is_success())?;
    let said: Said = serde_json::from_slice(&short(answer).await?).ok()?;
    Some(match said.verdict {
        Word::Allow => HookVerdict::Allow,
        Word::Block => HookVerdict::Block,
    })
}

/// An answer's body, if it is no longer than a verdict.
async fn short(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}
