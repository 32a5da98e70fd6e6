//! What is asked, by name: the request's bytes, how many ask at once, and the gate.

use crate::Fallible;
use crate::project::KEY;
use crate::variant::Variant;

/// Events that a client sees in a burst, before `[DONE]`.
pub(crate) const BURST: usize = 64;

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    /// Server-sent events in a whole answer, `[DONE]` included; none in one JSON object.
    pub(crate) events: usize,
    /// Of the gateway with what is on by default.
    gate: f64,
    aim: Option<f64>,
    text: fn() -> String,
}

pub(crate) const WORKLOADS: [Workload; 5] = [
    unary("1k", 16, 1.15, Some(0.95), || plain(1 << 10)),
    unary("32k", 16, 1.0, None, || plain(32 << 10)),
    unary("256k", 8, 1.15, None, || plain(256 << 10)),
    unary("256k-escapes", 8, 1.6, None, || code(256 << 10)),
    Workload {
        name: "burst",
        connections: 16,
        events: BURST + 1,
        gate: 0.9,
        aim: Some(0.75),
        text: || plain(1 << 10),
    },
];

const fn unary(
    name: &'static str,
    connections: usize,
    gate: f64,
    aim: Option<f64>,
    text: fn() -> String,
) -> Workload {
    Workload { name, connections, events: 0, gate, aim, text }
}

impl Workload {
    pub(crate) fn named(name: &str) -> Fallible<&'static Workload> {
        let found = WORKLOADS.iter().find(|workload| workload.name == name);
        found.ok_or_else(|| format!("no workload is called {name}").into())
    }

    /// The highest median ratio of a gateway's CPU per request to bare Pingora's, and what it aims at.
    pub(crate) fn gate(&self, variant: Variant) -> Option<(f64, Option<f64>)> {
        match variant {
            Variant::Exchange if !variant.takes(self.name) => None,
            Variant::Exchange if self.events > 0 => Some((0.8, None)),
            Variant::Exchange => Some((1.0, None)),
            Variant::Gateway => Some((self.gate, self.aim)),
            Variant::Limits => Some((self.gate.max(1.3), Some(1.05))),
            // A long prompt is read by every detector: that cost is the redaction bench's.
            Variant::Guarded if self.name.starts_with("256k") => None,
            Variant::Guarded => Some((1.45, Some(1.2))),
            _ => None,
        }
    }

    pub(crate) fn body(&self) -> String {
        body("bench", self.events > 0, &(self.text)())
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        request(&self.body())
    }
}

/// A stream that gives one event a second; the upstream knows it by the model's name.
pub(crate) fn slow_request() -> Vec<u8> {
    request(&body("bench-slow", true, &plain(1 << 10)))
}

/// `text` must be JSON-escaped already: the escapes are what one workload is about.
fn body(model: &str, stream: bool, text: &str) -> String {
    let stream = if stream { r#""stream":true,"# } else { "" };
    format!(
        r#"{{"model":"{model}",{stream}"temperature":0.7,"messages":[{{"role":"user","content":"{text}"}}]}}"#
    )
}

fn request(body: &str) -> Vec<u8> {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\
         X-End-User-Id: load\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         User-Agent: load/1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// `length` bytes of prose without a single escape: the best case of every scanner.
fn plain(length: usize) -> String {
    const WORDS: [&str; 12] = [
        "river", "answers", "in", "seven", "quiet", "the", "letters", "gate", "of", "morning",
        "before", "copper",
    ];
    // Not in a fixed cycle, so that nothing can profit from a period.
    let mut seed = 7_u32;
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = WORDS.get((seed >> 16) as usize % WORDS.len());
        text.push_str(word.unwrap_or(&"copper"));
        text.push(' ');
    }
    text.truncate(length);
    text
}

/// About `length` bytes of source code as JSON spells it: every eighth character is an escape.
fn code(length: usize) -> String {
    const LINES: [&str; 6] = [
        r#"\tlet name = config.lookup(\"city\");\n"#,
        r#"\tif name.is_empty() { return None; }\n"#,
        r#"\t\tlog::warn(\"caf\u00e9 without a name\");\n"#,
        r#"\tself.rows.push(Row { name, kind: \"plain\" });\n"#,
        r#"\t\tprint(\"found: \", name, \"\\n\");\n"#,
        r#"\tself.total += row.price * row.count;\n"#,
    ];
    LINES
        .into_iter()
        .cycle()
        .scan(0, |sum, line| {
            *sum += line.len();
            (*sum <= length).then_some(line)
        })
        .collect()
}
