//! What is left of a request when it is over.

use crate::{
    AccessLog, AttemptResult, Decision, DenialNote, Ledger, Metrics, PriceTable, RequestLine,
    UpstreamFault,
};
use behest_contract::book::Bucket;
use behest_contract::chain::{Chain, Visits};
use behest_contract::clock::ManualClock;
use behest_contract::delta::{Delta, Usage};
use behest_contract::denial::Kind;
use behest_contract::facts::{Endpoint, FactKey, Facts, Principal, RequestId};
use behest_contract::outcome::{Ending, Outcome, Route};
use behest_contract::ports::{Counter, Histogram, Meter};
use behest_contract::price::Price;
use behest_contract::prompt::{Outline, Prompt};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

mod booking;

/// Every key that a line may hold, in order.
const KEYS: [&str; 25] = [
    "time",
    "request_id",
    "method",
    "path",
    "status",
    "ending",
    "code",
    "endpoint",
    "tenant",
    "project",
    "key",
    "model",
    "provider",
    "streamed",
    "attempts",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_usd",
    "total_ms",
    "first_byte_ms",
    "added_ms",
    "client_request_id",
    "note",
];

/// Writes down `name{labels} value` for all that is counted or observed.
#[derive(Clone, Default)]
struct Recorder {
    made: Arc<Mutex<Vec<String>>>,
    noted: Arc<Mutex<Vec<String>>>,
}

struct Recorded {
    name: String,
    labels: Vec<String>,
    noted: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn make(&self, name: &str, help: &str, labels: &[&str]) -> Arc<Recorded> {
        assert!(help.ends_with('.'), "{name} is explained in a sentence");
        self.made.lock().push(format!("{name}{{{}}}", labels.join(",")));
        let labels = labels.iter().map(ToString::to_string).collect();
        Arc::new(Recorded { name: name.into(), labels, noted: self.noted.clone() })
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.noted.lock())
    }
}

impl Meter for Recorder {
    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Arc<dyn Counter> {
        self.make(name, help, labels)
    }

    fn histogram(&self, name: &str, help: &str, labels: &[&str]) -> Arc<dyn Histogram> {
        self.make(name, help, labels)
    }
}

impl Recorded {
    fn note(&self, values: &[&str], amount: String) {
        assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        self.noted.lock().push(format!("{}{{{}}} {amount}", self.name, values.join(",")));
    }
}

impl Counter for Recorded {
    fn add(&self, labels: &[&str], by: u64) {
        self.note(labels, by.to_string());
    }
}

impl Histogram for Recorded {
    fn observe(&self, labels: &[&str], seconds: f64) {
        self.note(labels, seconds.to_string());
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<Vec<u8>>>);

impl AccessLog for Lines {
    fn line(&self, json: Vec<u8>) {
        self.0.lock().push(json);
    }
}

struct House {
    chain: Chain,
    meter: Recorder,
    lines: Arc<Lines>,
}

impl House {
    fn new() -> Self {
        let price = Price::new("2.5".parse().unwrap(), "10".parse().unwrap())
            .cached_input("1.25".parse().unwrap());
        let prices = PriceTable::from_iter([("gpt-4o".into(), price)]);
        let (meter, lines) = (Recorder::default(), Arc::new(Lines::default()));
        let clock = Arc::new(ManualClock::at(1_772_271_667));
        clock.advance(Duration::from_millis(250));
        let ledger = Ledger::new(prices, Metrics::new(&meter), lines.clone(), clock.clone());
        let given = [FactKey::of::<RequestId>()];
        let chain = Chain::new(vec![Arc::new(ledger)], &given, clock).unwrap();
        Self { chain, meter, lines }
    }

    fn line(&self) -> Value {
        let mut lines = std::mem::take(&mut *self.lines.0.lock());
        assert_eq!(lines.len(), 1, "one request, one line");
        let line = lines.remove(0);
        assert!(!line.contains(&b'\n'));
        serde_json::from_slice(&line).unwrap()
    }
}

fn first_facts() -> Facts {
    let mut facts = Facts::default();
    facts.state(RequestId("req-1".into()));
    facts
}

fn all_facts() -> Facts {
    let mut facts = first_facts();
    facts.state(Endpoint::Chat);
    let line = RequestLine::new("POST", "/v1/chat/completions").client_request_id(b"theirs-7");
    facts.state(line);
    facts.state(Principal {
        tenant: "acme".into(),
        project: "demo".into(),
        key: "key_1".into(),
        user: Some("alice@example.com".into()),
        tier: None,
        session: None,
    });
    facts
}

fn outcome(ending: Ending, status: u16) -> Outcome {
    Outcome {
        ending,
        status,
        kind: None,
        usage: None,
        route: None,
        attempts: 0,
        total: Duration::from_micros(1_500),
        first_byte: None,
        upstream: Duration::ZERO,
    }
}

fn answered(model: &str) -> Outcome {
    Outcome {
        route: Some(Route {
            model: model.into(),
            provider: "openai".into(),
            bucket: Bucket::Platform,
        }),
        attempts: 1,
        total: Duration::from_millis(900),
        first_byte: Some(Duration::from_micros(250_125)),
        upstream: Duration::from_micros(899_875),
        ..outcome(Ending::Completed, 200)
    }
}

const USAGE: Usage =
    Usage { prompt_tokens: 1_000, completion_tokens: 200, cached_tokens: 400, reasoning_tokens: 0 };

async fn intake(visits: &mut Visits, facts: &mut Facts, streamed: bool) {
    let outline = Outline { streamed, ..Outline::default() };
    let mut prompt = Prompt::new(Bytes::from_static(b"{}"), outline);
    visits.prompt(&mut prompt, facts).await.unwrap();
}

fn keys(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

fn without(missing: &[&str]) -> Vec<&'static str> {
    KEYS.into_iter().filter(|key| !missing.contains(key)).collect()
}

#[test]
fn a_served_request_is_logged_in_full() {
    let house = House::new();
    let (mut visits, mut facts) = (house.chain.enter(), all_facts());
    futures::executor::block_on(intake(&mut visits, &mut facts, true));
    visits.close(&Outcome { usage: Some(USAGE), ..answered("gpt-4o") }, &facts);
    let expected = json!({
        "time": "2026-02-28T09:41:07.250Z", "request_id": "req-1", "method": "POST",
        "path": "/v1/chat/completions", "status": 200, "ending": "completed", "endpoint": "chat",
        "tenant": "acme", "project": "demo", "key": "key_1", "model": "gpt-4o",
        "provider": "openai", "streamed": true, "attempts": 1, "prompt_tokens": 1000,
        "completion_tokens": 200, "cached_tokens": 400, "reasoning_tokens": 0,
        "cost_usd": "0.004000", "total_ms": 900.0, "first_byte_ms": 250.125, "added_ms": 0.125,
        "client_request_id": "theirs-7"
    });
    let line = house.line();
    assert_eq!(line, expected);
    assert_eq!(keys(&line), without(&["code", "note"]));
}

#[test]
fn an_end_user_is_not_logged() {
    let house = House::new();
    house.chain.enter().close(&answered("gpt-4o"), &all_facts());
    assert!(!house.line().to_string().contains("alice"));
}

#[test]
fn every_ending_leaves_one_line_and_one_count() {
    let endings = [
        (Ending::Completed, 200, None),
        (Ending::Denied, 429, Some(Kind::RateLimited)),
        (Ending::UpstreamFailed, 502, Some(Kind::Upstream)),
        (Ending::ClientLeft, 0, None),
        (Ending::TimedOut, 504, Some(Kind::UpstreamTimeout)),
        (Ending::Internal, 503, Some(Kind::Unavailable)),
    ];
    let house = House::new();
    for (ending, status, kind) in endings {
        let outcome = Outcome { kind, ..outcome(ending, status) };
        house.chain.enter().close(&outcome, &all_facts());
        let line = house.line();
        assert_eq!(line["ending"], ending.label());
        assert_eq!(line["status"], status);
        assert_eq!(line["code"].as_str(), kind.map(Kind::code));
        assert!(keys(&line).iter().all(|key| KEYS.contains(key)));
        let counted = format!("behest_requests_total{{chat,{status:03},{}}} 1", ending.label());
        let took = "behest_request_duration_seconds{chat} 0.0015".to_owned();
        assert_eq!(house.meter.noted(), [counted, took]);
    }
}

#[test]
fn a_request_that_was_refused_at_the_door_has_a_short_line() {
    let house = House::new();
    let mut facts = first_facts();
    facts.state(DenialNote("two Host headers,\n\"a\" and \"b\"".into()));
    let outcome = Outcome { kind: Some(Kind::Invalid), ..outcome(Ending::Denied, 400) };
    house.chain.enter().close(&outcome, &facts);
    let expected = json!({
        "time": "2026-02-28T09:41:07.250Z", "request_id": "req-1", "status": 400, "ending": "denied",
        "code": "validation_error", "attempts": 0, "total_ms": 1.5,
        "note": "two Host headers,\n\"a\" and \"b\""
    });
    assert_eq!(house.line(), expected);
    assert_eq!(house.meter.noted()[0], "behest_requests_total{other,400,denied} 1");
}

#[test]
fn usage_that_was_only_heard_is_booked_at_its_last_report() {
    let house = House::new();
    let mut visits = house.chain.enter();
    let early = Usage { completion_tokens: 1, ..USAGE };
    let mut deltas = vec![Delta::Usage(early), Delta::Usage(USAGE), Delta::End];
    visits.deltas(&mut deltas);
    assert_eq!(deltas.len(), 3, "the ledger lets everything through");
    visits.close(&Outcome { ending: Ending::ClientLeft, ..answered("gpt-4o") }, &all_facts());
    assert_eq!(house.line()["cost_usd"], "0.004000");
}

#[test]
fn a_model_without_a_price_is_not_free() {
    let house = House::new();
    house.chain.enter().close(&Outcome { usage: Some(USAGE), ..answered("new") }, &all_facts());
    assert_eq!(house.line().get("cost_usd"), Some(&Value::Null));
    assert!(!house.meter.noted().iter().any(|noted| noted.starts_with("behest_cost")));
    house.chain.enter().close(&answered("new"), &all_facts());
    assert_eq!(house.line().get("cost_usd"), None);
}

#[test]
fn a_served_request_is_counted() {
    let house = House::new();
    house.chain.enter().close(&Outcome { usage: Some(USAGE), ..answered("gpt-4o") }, &all_facts());
    let expected = [
        "behest_requests_total{chat,200,completed} 1",
        "behest_request_duration_seconds{chat} 0.9",
        "behest_first_byte_seconds{chat} 0.250125",
        "behest_added_seconds{chat} 0.000125",
        "behest_tokens_total{openai,prompt} 1000",
        "behest_tokens_total{openai,completion} 200",
        "behest_tokens_total{openai,cached} 400",
        "behest_cost_micro_usd_total{openai} 4000",
    ];
    assert_eq!(house.meter.noted(), expected);
}

#[test]
fn metrics_have_these_names_and_labels() {
    let meter = Recorder::default();
    let metrics = Metrics::new(&meter);
    let made = [
        "behest_requests_total{endpoint,status,ending}",
        "behest_request_duration_seconds{endpoint}",
        "behest_first_byte_seconds{endpoint}",
        "behest_added_seconds{endpoint}",
        "behest_filter_seconds{filter}",
        "behest_tokens_total{provider,direction}",
        "behest_cost_micro_usd_total{provider}",
        "behest_attempts_total{provider,result}",
        "behest_upstream_errors_total{provider,kind}",
        "behest_limit_decisions_total{layer,decision}",
    ];
    assert_eq!(*meter.made.lock(), made);

    metrics.attempted("openai", AttemptResult::TimedOut);
    metrics.upstream_failed("openai", UpstreamFault::FirstByteTimeout);
    metrics.limit_decided("project", Decision::Refused);
    metrics.filter_took("quota", Duration::from_micros(80));
    let noted = [
        "behest_attempts_total{openai,timed_out} 1",
        "behest_upstream_errors_total{openai,first_byte_timeout} 1",
        "behest_limit_decisions_total{project,refused} 1",
        "behest_filter_seconds{quota} 0.00008",
    ];
    assert_eq!(meter.noted(), noted);
}
