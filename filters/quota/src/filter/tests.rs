mod budgets;
mod counting;
mod layers;
mod output;
mod requests;
mod settling;

use super::Quota;
use crate::config::{ModelTerms, ProjectPolicy, QuotaConfig};
use crate::counters::Counters;
use crate::tokenizer::Vocabulary;
use behest_contract::clock::ManualClock;
use behest_contract::delta::{Channel, ChannelKind, Delta, Text, Usage};
use behest_contract::denial::{Denial, Verdict};
use behest_contract::facts::{Endpoint, Facts, ModelChoice, Principal, RequestId};
use behest_contract::filter::{Filter, Visit};
use behest_contract::money::MicroUsd;
use behest_contract::outcome::{Ending, Outcome};
use behest_contract::price::Price;
use behest_contract::prompt::Prompt;
use behest_contract::purse::{Measure, MemoryPurse, Window};
use behest_contract::testing::block_on;
use http::HeaderMap;
use pingora_http::RequestHeader;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// 2025-06-15 15:06:40 UTC: twenty seconds before a minute's end.
const START: u64 = 1_750_000_000;
const MINUTE_END: u64 = START + 20;

/// What `{"messages":[""]}` is bound to come to: its bytes, and the frame.
const EMPTY: u64 = 17 + 64;

struct House {
    counters: Arc<Counters>,
    purse: Arc<MemoryPurse>,
    clock: ManualClock,
}

impl House {
    fn new() -> Self {
        let clock = ManualClock::at(START);
        let purse = Arc::new(MemoryPurse::new(Arc::new(clock.clone())));
        Self { counters: Arc::default(), purse, clock }
    }

    /// Project `own` has this policy, every other one two requests a minute, and a key mints two tokens.
    /// Model `m` costs a dollar per million tokens read and two per million written.
    fn quota(&self, own: ProjectPolicy) -> Quota {
        let price = Price::new(MicroUsd::new(1_000_000), MicroUsd::new(2_000_000))
            .cached_input(MicroUsd::new(500_000));
        let terms = ModelTerms {
            max_output_tokens: Some(1_000),
            price: Some(price),
            image_tokens: 100,
            vocabulary: Vocabulary::O200k,
        };
        let config = QuotaConfig {
            projects: [("own".into(), own)].into(),
            default_requests_per_minute: 2,
            mint_requests_per_minute: 2,
            models: [("m".into(), terms)].into(),
            ..QuotaConfig::default()
        };
        let quota = Quota::new(config, self.counters.clone(), Arc::new(self.clock.clone()));
        quota.with_purse(self.purse.clone())
    }

    fn used(&self, subject: &str, measure: Measure, window: Window) -> u64 {
        self.purse.used("t", subject, measure, window)
    }

    /// Tokens that user `ann` has used today, reservations included.
    fn tokens(&self) -> u64 {
        self.used("u:own/ann", Measure::Tokens, Window::Day)
    }
}

/// One request to a quota.
struct Request {
    visit: Box<dyn Visit>,
    facts: Facts,
    /// The cap that the provider is told.
    cap: Option<u64>,
}

fn who(project: &str, user: Option<&str>, tier: Option<&str>) -> Principal {
    Principal {
        tenant: "t".into(),
        project: project.into(),
        key: "k".into(),
        user: user.map(Box::from),
        tier: tier.map(Arc::from),
        session: None,
    }
}

impl Request {
    /// A chat of user `ann`.
    fn chat(quota: &Quota) -> Self {
        Self::of(quota, Endpoint::Chat, who("own", Some("ann"), None))
    }

    fn of(quota: &Quota, endpoint: Endpoint, who: Principal) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut facts = Facts::default();
        facts.state(endpoint);
        facts.state(RequestId(NUMBER.fetch_add(1, Ordering::Relaxed).to_string().into()));
        facts.state(who);
        facts.state(ModelChoice("m".into()));
        Self { visit: quota.enter(), facts, cap: None }
    }

    fn head(&mut self) -> Verdict {
        self.head_with(&[])
    }

    fn head_with(&mut self, headers: &[(&'static str, &str)]) -> Verdict {
        let mut head = RequestHeader::build("POST", b"/", None).unwrap();
        for (name, value) in headers {
            head.insert_header(*name, *value).unwrap();
        }
        block_on(self.visit.head(&mut head, &mut self.facts).verdict())
    }

    fn prompt(&mut self, body: &str) -> Verdict {
        self.send(&mut crate::reading::prompt(body))
    }

    fn send(&mut self, prompt: &mut Prompt) -> Verdict {
        let verdict = block_on(self.visit.prompt(prompt, &mut self.facts).verdict());
        self.cap = prompt.output_cap();
        verdict
    }

    /// A prompt without a word in it.
    fn empty(&mut self) -> Verdict {
        self.prompt(r#"{"messages":[""]}"#)
    }

    fn refused(&mut self, body: &str) -> Box<Denial> {
        self.prompt(body).unwrap_err()
    }

    /// What the answer's headers say, without what all names begin with.
    fn reply(&mut self) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        self.visit.reply(&mut headers, &self.facts);
        let told = headers.iter().map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-ratelimit-").unwrap();
            (name.to_owned(), value.to_str().unwrap().to_owned())
        });
        told.collect()
    }

    fn told(&mut self, name: &str) -> Option<String> {
        self.reply().into_iter().find(|(told, _)| told == name).map(|(_, value)| value)
    }

    fn hear(&mut self, words: &str) {
        let channel = Channel { choice: 0, kind: ChannelKind::Content };
        let mut out = Vec::new();
        self.visit.delta(Delta::Text(Text::written(channel, words)), &mut out);
        assert_eq!(out.len(), 1);
    }

    fn close(&mut self, ending: Ending, attempts: u32, usage: Option<Usage>) {
        let outcome = Outcome {
            ending,
            status: 200,
            kind: None,
            usage,
            route: None,
            attempts,
            total: Duration::ZERO,
            first_byte: None,
            upstream: Duration::ZERO,
        };
        self.visit.close(&outcome, &self.facts);
    }
}

fn used(prompt_tokens: u64, completion_tokens: u64) -> Usage {
    Usage { prompt_tokens, completion_tokens, ..Usage::default() }
}
