//! A room with one visit in it, and what it needs of a host.

use super::super::{Pii, PiiPorts};
use crate::config::{Action, Mode, PiiConfig, PolicyConfig};
use crate::events::{
    GuardrailEvent, GuardrailEvents, GuardrailHook, HookFailure, HookRequest, HookVerdict,
};
use crate::mac::SecretMac;
use crate::metrics::PiiMetrics;
use crate::policy::{PiiPolicies, PolicyRow};
use behest_contract::clock::ManualClock;
use behest_contract::delta::{Channel, ChannelKind, Delta, Text};
use behest_contract::denial::Verdict;
use behest_contract::facts::{Endpoint, Facts, Principal, RequestId};
use behest_contract::filter::{Filter, Visit};
use behest_contract::json::{Malformed, Scanner, Span, Str, Value};
use behest_contract::outcome::{Ending, Outcome};
use behest_contract::ports::{Busy, Counter, Errand, Errands, Histogram, Meter};
use behest_contract::prompt::{
    Edits, Member, Message, Outline, Prompt, Role, Text as PromptText, TextKind,
};
use behest_contract::secret::Secret;
use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a front door would find: every string but roles and ids is a text.
fn prompt(body: &serde_json::Value) -> Prompt {
    let bytes = Bytes::from(body.to_string());
    let mut outline = Outline::default();
    let mut scanner = Scanner::new(&bytes);
    let root = scanner.object(|scanner, name| {
        let role = match name.name(&bytes).as_ref() {
            b"messages" | b"input" => Role::Messages,
            b"response_format" => Role::AnswerFormat,
            b"logprobs" => Role::Logprobs,
            _ => Role::Other,
        };
        let value = if role == Role::Messages && scanner.peek() == Some(b'[') {
            messages(scanner, name, &bytes, &mut outline)?
        } else {
            texts(scanner, name, &bytes, TextKind::Other, None, &mut outline)?
        };
        let whole = Span { start: name.quoted().start, end: value.span.end };
        outline.json_asked |= role == Role::AnswerFormat;
        outline.members.push(Member { role, whole, value });
        Ok::<(), Malformed>(())
    });
    outline.root = root.unwrap();
    Prompt::new(bytes, outline)
}

fn messages(
    scanner: &mut Scanner<'_>,
    name: Str,
    bytes: &[u8],
    outline: &mut Outline,
) -> Result<Value, Malformed> {
    let mut number = 0;
    let span = scanner.array(|scanner| {
        let first = outline.texts.len();
        let value = texts(scanner, name, bytes, TextKind::Content, Some(number), outline)?;
        let text = value.span.of(bytes);
        let read: serde_json::Value = serde_json::from_slice(text).unwrap();
        let at = read["role"].as_str().and_then(|role| {
            let at = text.windows(role.len()).position(|part| part == role.as_bytes())?;
            Some(value.span.start as usize + at..value.span.start as usize + at + role.len())
        });
        let role = at.map(|at| Str { span: Span::new(at.start, at.end), escaped: false });
        if read["role"] == "tool" {
            outline.texts.iter_mut().skip(first).for_each(|text| text.kind = TextKind::ToolResult);
        }
        outline.messages.push(Message { span: value.span, role });
        number += 1;
        Ok::<(), Malformed>(())
    })?;
    Ok(Value { span, kind: behest_contract::json::Kind::Array })
}

fn texts(
    scanner: &mut Scanner<'_>,
    name: Str,
    bytes: &[u8],
    kind: TextKind,
    message: Option<u32>,
    outline: &mut Outline,
) -> Result<Value, Malformed> {
    scanner.walk(name, &mut |name, value| {
        let structural = [&b"role"[..], b"type", b"id"].iter().any(|word| name.is(bytes, word));
        if !structural {
            let arguments = name.is(bytes, b"arguments");
            let kind = if arguments { TextKind::ToolArguments } else { kind };
            outline.texts.push(PromptText { kind, value, name, message });
        }
    })
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) events: Mutex<Vec<GuardrailEvent>>,
    pub(super) counted: Mutex<Vec<String>>,
}

impl GuardrailEvents for Seen {
    fn record(&self, event: GuardrailEvent) {
        self.events.lock().push(event);
    }
}

struct Series(Arc<Seen>, String);

impl Counter for Series {
    fn add(&self, labels: &[&str], by: u64) {
        self.0.counted.lock().push(format!("{}{{{}}} {by}", self.1, labels.join(",")));
    }
}

struct Counting(Arc<Seen>);

impl Meter for Counting {
    fn counter(&self, name: &str, _: &str, _: &[&str]) -> Arc<dyn Counter> {
        Arc::new(Series(self.0.clone(), name.to_owned()))
    }
    fn histogram(&self, _: &str, _: &str, _: &[&str]) -> Arc<dyn Histogram> {
        unreachable!("no histogram is asked for")
    }
}

pub(super) struct Says(Result<HookVerdict, HookFailure>, pub(super) Mutex<Vec<String>>);

impl GuardrailHook for Says {
    fn ask(&self, request: HookRequest) -> BoxFuture<'static, Result<HookVerdict, HookFailure>> {
        self.1.lock().extend(request.texts);
        let verdict = self.0;
        async move { verdict }.boxed()
    }
}

/// Errands that go off when a test says so.
#[derive(Default)]
pub(super) struct Later {
    pub(super) sent: Mutex<Vec<(Errand, usize)>>,
    pub(super) busy: AtomicBool,
}

impl Errands for Later {
    fn send(&self, errand: Errand, bytes: usize) -> Result<(), Busy> {
        if self.busy.load(Ordering::Relaxed) {
            return Err(Busy);
        }
        self.sent.lock().push((errand, bytes));
        Ok(())
    }
}

pub(super) struct Room {
    pii: Pii,
    pub(super) visit: Box<dyn Visit>,
    pub(super) facts: Facts,
    pub(super) seen: Arc<Seen>,
    pub(super) hook: Arc<Says>,
    pub(super) errands: Arc<Later>,
}

pub(super) fn enter(policy: PolicyConfig, endpoint: Endpoint) -> Room {
    enter_with(policy, endpoint, Err(HookFailure))
}

pub(super) fn enter_with(
    policy: PolicyConfig,
    endpoint: Endpoint,
    says: Result<HookVerdict, HookFailure>,
) -> Room {
    enter_rows([("demo".into(), None, policy)], endpoint, says)
}

pub(super) fn enter_rows(
    rows: impl IntoIterator<Item = PolicyRow>,
    endpoint: Endpoint,
    says: Result<HookVerdict, HookFailure>,
) -> Room {
    let seen = Arc::new(Seen::default());
    let hook = Arc::new(Says(says, Mutex::default()));
    let errands = Arc::new(Later::default());
    let ports = PiiPorts {
        mac: Arc::new(SecretMac::new(&Secret::new("key"))),
        events: seen.clone(),
        metrics: PiiMetrics::new(&Counting(seen.clone())),
        hook: Some(hook.clone()),
        errands: errands.clone(),
        clock: Arc::new(ManualClock::at(1_700_000_000)),
    };
    let pii = Pii::new(Arc::new(PiiPolicies::compile(rows).unwrap()), ports);
    let visit = pii.enter();
    Room { pii, visit, facts: facts(endpoint, None), seen, hook, errands }
}

fn facts(endpoint: Endpoint, tier: Option<&str>) -> Facts {
    let mut facts = Facts::default();
    facts.state(endpoint);
    facts.state(RequestId("r-1".into()));
    facts.state(Principal {
        tenant: "acme".into(),
        project: "demo".into(),
        key: "k".into(),
        user: Some("u".into()),
        tier: tier.map(Arc::from),
        session: None,
    });
    facts
}

impl Room {
    /// The next request.
    pub(super) fn next(&mut self, tier: Option<&str>) {
        self.visit = self.pii.enter();
        self.facts = facts(Endpoint::Chat, tier);
    }

    pub(super) fn prompt(&mut self, body: &serde_json::Value) -> (Verdict, String) {
        let mut prompt = prompt(body);
        let verdict = block_on(self.visit.prompt(&mut prompt, &mut self.facts).verdict());
        let sent = String::from_utf8(prompt.splice(&Edits::default()).to_vec()).unwrap();
        (verdict, sent)
    }

    pub(super) fn say(&mut self, kind: ChannelKind, text: &str) -> String {
        let channel = Channel { choice: 0, kind };
        self.deltas(Delta::Text(Text::written(channel, text)))
    }

    pub(super) fn deltas(&mut self, delta: Delta) -> String {
        let mut out = Vec::new();
        self.visit.delta(delta, &mut out);
        let text = |delta: &Delta| match delta {
            Delta::Text(text) => Some(text.read().into_owned()),
            _ => None,
        };
        out.iter().filter_map(text).collect()
    }
}

pub(super) fn masking(mode: Mode) -> PolicyConfig {
    let pii = PiiConfig { mode, default_action: Some(Action::Mask), ..PiiConfig::default() };
    PolicyConfig { pii, ..PolicyConfig::default() }
}

pub(super) fn outcome() -> Outcome {
    Outcome {
        ending: Ending::Completed,
        status: 200,
        kind: None,
        usage: None,
        route: None,
        attempts: 1,
        total: Duration::ZERO,
        first_byte: None,
        upstream: Duration::ZERO,
    }
}
