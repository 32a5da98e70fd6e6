//! What the filter costs a chat request that holds nothing to redact: the prompt's hook as a whole, with
//! every detector, a block list and the rules against injection, beside one walk over the body's JSON in
//! the same run.
//!
//! `cargo bench -p behest-pii --bench prompt`; `-- plain 32` measures one row alone, for a profiler.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and fails by panicking"
)]

use behest_contract::clock::{Clock, SystemClock};
use behest_contract::facts::{Endpoint, Facts, Principal, RequestId};
use behest_contract::filter::Filter;
use behest_contract::json::{Malformed, Scanner, Span, Str, Value};
use behest_contract::ports::{Busy, Counter, Errand, Errands, Histogram, Meter};
use behest_contract::prompt::{Member, Message, Outline, Prompt, Role, Text, TextKind};
use behest_contract::secret::Secret;
use behest_pii::{
    Action, GuardrailEvent, GuardrailEvents, Mode, Pii, PiiConfig, PiiMetrics, PiiPolicies,
    PiiPorts, PolicyConfig, SecretMac, SentinelConfig,
};
use bytes::Bytes;
use futures::executor::block_on;
use std::hint::black_box;
use std::sync::Arc;

/// How often something is measured.
const TIMES: usize = 9;

/// `length` bytes of prose, as the load bench sends it: no escape, no digit.
fn plain(length: usize) -> String {
    const WORDS: [&str; 12] = [
        "river", "answers", "in", "seven", "quiet", "the", "letters", "gate", "of", "morning",
        "before", "copper",
    ];
    let mut seed = 7_u32;
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(WORDS.get((seed >> 16) as usize % WORDS.len()).unwrap_or(&"copper"));
        text.push(' ');
    }
    text.truncate(length);
    text
}

/// Prose with a broken line every 100 bytes, a number every 200 and some punctuation.
fn lines(length: usize) -> String {
    let prose = plain(length);
    let mut text = String::with_capacity(length + length / 20);
    for (n, line) in prose.as_bytes().chunks(100).enumerate() {
        text.push_str(&String::from_utf8_lossy(line));
        text.push_str(if n % 2 == 0 { ", 42 (about \"it\"):\n" } else { ".\n" });
    }
    text.truncate(length);
    text
}

/// Source code: every eighth character is escaped in JSON.
fn code(length: usize) -> String {
    const LINES: [&str; 6] = [
        "\tlet name = config.lookup(\"city\");\n",
        "\tif name.is_empty() { return None; }\n",
        "\t\tlog::warn(\"café without a name\");\n",
        "\tself.rows.push(Row { name, kind: \"plain\" });\n",
        "\t\tprint(\"found: \", name, \"\\n\");\n",
        "\tself.total += row.price * row.count;\n",
    ];
    let all: usize = LINES.iter().map(|line| line.len()).sum();
    LINES.concat().repeat(length / all)
}

/// One message, or a conversation of messages of at most `each` bytes.
fn body(text: &str, each: usize) -> Bytes {
    let mut roles = ["user", "assistant"].into_iter().cycle();
    let chars: Vec<char> = text.chars().collect();
    let messages = chars.chunks(each).map(|part| {
        let content: String = part.iter().collect();
        serde_json::json!({ "role": roles.next(), "content": content })
    });
    let messages: Vec<_> = messages.collect();
    serde_json::json!({ "model": "bench", "temperature": 0.7, "messages": messages })
        .to_string()
        .into()
}

/// What a front door would find.
fn outlined(body: &Bytes) -> Outline {
    let mut outline = Outline::default();
    let root = Scanner::new(body).object(|scanner, name| {
        let value = if name.is(body, b"messages") {
            let span = scanner.array(|scanner| message(scanner, body, &mut outline))?;
            Value { span, kind: behest_contract::json::Kind::Array }
        } else {
            scanner.value()?
        };
        let whole = Span { start: name.quoted().start, end: value.span.end };
        let is_list = name.is(body, b"messages");
        let role = if is_list { Role::Messages } else { Role::Other };
        outline.members.push(Member { role, whole, value });
        Ok::<(), Malformed>(())
    });
    outline.root = root.unwrap();
    outline
}

fn message(scanner: &mut Scanner<'_>, body: &[u8], outline: &mut Outline) -> Result<(), Malformed> {
    let number = u32::try_from(outline.messages.len()).unwrap();
    let mut role: Option<Str> = None;
    let span = scanner.object(|scanner, name| {
        let value = scanner.value()?;
        let Some(string) = value.string() else { return Ok(()) };
        if name.is(body, b"role") {
            role = Some(string);
        } else {
            let kind = TextKind::Content;
            outline.texts.push(Text { kind, value: string, name, message: Some(number) });
        }
        Ok::<(), Malformed>(())
    })?;
    outline.messages.push(Message { span, role });
    Ok(())
}

struct Nowhere;

impl GuardrailEvents for Nowhere {
    fn record(&self, event: GuardrailEvent) {
        drop(black_box(event));
    }
}

impl Errands for Nowhere {
    fn send(&self, _: Errand, _: usize) -> Result<(), Busy> {
        Err(Busy)
    }
}

impl Counter for Nowhere {
    fn add(&self, _: &[&str], by: u64) {
        black_box(by);
    }
}

impl Histogram for Nowhere {
    fn observe(&self, _: &[&str], value: f64) {
        black_box(value);
    }
}

impl Meter for Nowhere {
    fn counter(&self, _: &str, _: &str, _: &[&str]) -> Arc<dyn Counter> {
        Arc::new(Nowhere)
    }
    fn histogram(&self, _: &str, _: &str, _: &[&str]) -> Arc<dyn Histogram> {
        Arc::new(Nowhere)
    }
}

/// The policy of the load bench's variant with everything on.
fn filter() -> Pii {
    let pii = PiiConfig {
        mode: Mode::Enforce,
        default_action: Some(Action::Mask),
        ..PiiConfig::default()
    };
    let sentinel = SentinelConfig {
        mode: Mode::Enforce,
        blocklist: vec!["project zephyr".into()],
        ..SentinelConfig::default()
    };
    let rows = [("bench".into(), None, PolicyConfig { pii, sentinel })];
    let ports = PiiPorts {
        mac: Arc::new(SecretMac::new(&Secret::new("key"))),
        events: Arc::new(Nowhere),
        metrics: PiiMetrics::new(&Nowhere),
        hook: None,
        errands: Arc::new(Nowhere),
        clock: Arc::new(SystemClock),
    };
    Pii::new(Arc::new(PiiPolicies::compile(rows).unwrap()), ports)
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.state(Endpoint::Chat);
    facts.state(RequestId("r-1".into()));
    facts.state(Principal {
        tenant: "acme".into(),
        project: "bench".into(),
        key: "k".into(),
        user: Some("load".into()),
        tier: None,
        session: None,
    });
    facts
}

/// Seconds for one of `count`, the best of several runs.
fn best(count: usize, mut run: impl FnMut()) -> f64 {
    let clock = SystemClock;
    let times = (0..TIMES).map(|_| {
        let from = clock.now();
        (0..count).for_each(|_| run());
        clock.now().duration_since(from).as_secs_f64() / count as f64
    });
    times.fold(f64::MAX, f64::min)
}

fn row(name: &str, size: usize, body: &Bytes, filter: &Pii, often: usize) {
    let count = often * (4 << 20) / body.len();
    let mut facts = facts();
    let mut prompt = Prompt::new(body.clone(), outlined(body));
    let hook = best(count, || {
        let mut visit = filter.enter();
        block_on(visit.prompt(&mut prompt, &mut facts).verdict()).unwrap();
        black_box(visit);
    });
    assert!(prompt.splice(&Default::default()).to_vec() == body.as_ref(), "something was found");
    let walk = best(count, || drop(black_box(outlined(body))));
    println!(
        "{name:<8}{size:>4} KB{:>10.2} µs{:>9.3} GB/s{:>9.1} times the walk",
        hook * 1e6,
        body.len() as f64 / hook / 1e9,
        hook / walk
    );
}

fn main() {
    let filter = filter();
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let often = if asked.is_empty() { 1 } else { 20 };
    type Kind = (&'static str, fn(usize) -> String, usize);
    let kinds: [Kind; 4] = [
        ("plain", plain, usize::MAX),
        ("lines", lines, usize::MAX),
        ("turns", lines, 700),
        ("code", code, usize::MAX),
    ];
    for (name, text, each) in kinds {
        for size in [1, 32, 256] {
            let wanted = |word: &String| word == name || *word == size.to_string();
            if asked.iter().all(wanted) {
                row(name, size, &body(&text(size << 10), each), &filter, often);
            }
        }
    }
}
