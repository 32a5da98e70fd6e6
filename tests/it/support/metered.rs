//! What is counted: providers that report what they used, and what the gateway says of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::client::{Answer, Ask};
use super::conf::{KEY, conf, now, set};
use super::gateway::Gateway;
use super::plan::{COMPLETION, DONE, HEL, LO, Plan, ROLE, STOP};
use super::provider::{Provider, Request};
use super::until_then;

/// A project's place in the configuration.
pub(crate) const DEMO: &str = "/tenants/0/projects/0";

/// A configuration whose project `demo` has these members besides.
pub(crate) fn project(provider: &Provider, members: Value) -> Value {
    let mut conf = conf(&[provider.url()]);
    for (name, value) in members.as_object().expect("members") {
        set(&mut conf, &format!("{DEMO}/{name}"), value.clone());
    }
    conf
}

/// A gateway before one provider, whose project `demo` has these members besides.
pub(crate) async fn start(members: Value) -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::start(project(&provider, members)).await;
    (provider, gateway)
}

/// A chat that lets the model write so many tokens.
pub(crate) fn capped(tokens: u64) -> Ask {
    let message = json!({ "role": "user", "content": "hi" });
    let body = json!({ "model": "m", "messages": [message], "max_completion_tokens": tokens });
    Ask::chat(body.to_string())
}

/// A chat of this end user.
pub(crate) fn of_user(ask: Ask, user: &str) -> Ask {
    ask.header("X-End-User-Id", user)
}

/// A whole answer with this usage: tokens read and written.
pub(crate) fn used(read: u64, written: u64) -> Plan {
    reported(json!({
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }))
}

/// A whole answer with these words about its usage.
pub(crate) fn reported(usage: Value) -> Plan {
    let mut answer: Value = serde_json::from_str(COMPLETION).unwrap();
    answer["usage"] = usage;
    if answer["usage"].is_null() {
        answer.as_object_mut().unwrap().remove("usage");
    }
    Plan::json(200, &answer.to_string())
}

/// The event that tells a stream's usage.
pub(crate) fn usage_event(read: u64, written: u64) -> String {
    let usage = json!({
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    });
    json!({ "id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": usage })
        .to_string()
}

/// A streamed answer with this usage.
pub(crate) fn streamed(read: u64, written: u64) -> Plan {
    Plan::stream(&[ROLE, HEL, LO, STOP, &usage_event(read, written), DONE])
}

/// What a provider itself has counted.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<(AtomicU64, AtomicU64)>);

impl Count {
    /// Has the provider answer everything with this usage, and count.
    pub(crate) fn of(provider: &Provider, read: u64, written: u64) -> Self {
        let count = Self::default();
        let own = count.clone();
        provider.always(move |_: &Request| {
            own.add(read + written);
            used(read, written)
        });
        count
    }

    pub(crate) fn add(&self, tokens: u64) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        self.0.1.fetch_add(tokens, Ordering::SeqCst);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// The number in a header.
#[track_caller]
pub(crate) fn number(answer: &Answer, name: &str) -> u64 {
    let value = answer.header(name).unwrap_or_else(|| panic!("{name} is missing: {answer:?}"));
    value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
}

/// What this chat sets aside where nobody else asks: of a layer of tokens that has room.
pub(crate) async fn reservation(gateway: &Gateway, ask: &Ask) -> u64 {
    let answer = gateway.ask(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    number(&answer, "x-ratelimit-limit-tokens") - number(&answer, "x-ratelimit-remaining-tokens")
}

impl Gateway {
    /// The answer of a usage route.
    pub(crate) async fn usage(&self, path: &str) -> Value {
        let answer = self.ask(&Ask::get(path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The requests and tokens of this month of a key's project.
    pub(crate) async fn totals(&self, key: &str) -> (u64, u64) {
        let answer = self.ask(&Ask::get("/v1/usage").key(key)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let totals = &answer.json()["totals"];
        (totals["requests"].as_u64().unwrap(), totals["tokens"].as_u64().unwrap())
    }

    /// Waits until the project `demo` has used this much: requests and tokens.
    pub(crate) async fn until_totals(&self, requests: u64, tokens: u64) {
        let last = std::cell::Cell::new((0, 0));
        let look = async || {
            last.set(self.totals(KEY).await);
            (last.get() == (requests, tokens)).then_some(())
        };
        let waited = tokio::time::timeout(super::patience() / 2, until_then("usage", look)).await;
        assert!(waited.is_ok(), "{:?} is in the ledger, not {:?}", last.get(), (requests, tokens));
    }

    /// The ledger's rows of a project, the oldest first.
    pub(crate) async fn rows(&self, project: &str) -> Vec<Value> {
        self.list(&format!("usage/rows?project={project}")).await
    }

    /// Waits until no request is under way any more.
    pub(crate) async fn until_idle(&self) {
        until_then("an idle gateway", async || {
            let metrics = self.metrics().await;
            let mut lines = metrics.lines();
            let line = lines.find(|line| line.starts_with("behest_in_flight "));
            line.expect("a count of requests in flight").ends_with(" 0").then_some(())
        })
        .await;
    }

    /// Waits until the ledger of `demo` has so many rows.
    pub(crate) async fn until_rows(&self, count: usize) -> Vec<Value> {
        until_then(&format!("{count} rows"), async || {
            let rows = self.rows("demo").await;
            assert!(rows.len() <= count, "{} rows, not {count}", rows.len());
            (rows.len() == count).then_some(rows)
        })
        .await
    }
}

/// Waits for a stretch of the minute that is long enough for what must not see it turn.
pub(crate) async fn early_in_the_minute(seconds: u64) {
    super::until("the next minute", || (now() % 60 < 60 - seconds).then_some(())).await;
}

/// When the UTC day that now is ends.
pub(crate) fn end_of_day() -> u64 {
    (now() / 86_400 + 1) * 86_400
}
