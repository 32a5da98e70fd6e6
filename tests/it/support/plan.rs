//! What a scripted provider does with one request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::json::{Member, members};
use super::provider::Request;

/// One thing that a provider does.
#[derive(Debug)]
pub(crate) enum Step {
    /// Writes these bytes in one write.
    Send(Bytes),
    /// Reads what is left of the request's body.
    ReadBody,
    /// Reads what is left of the request's body, so much at a time with a pause after each.
    ReadSlowly(usize, Duration),
    /// Does what the test says, as the test says it, watching the connection meanwhile.
    Follow(mpsc::UnboundedReceiver<Step>),
    /// Neither reads nor writes until the test says so.
    Wait(Arc<Notify>),
    /// Does nothing until the other side leaves.
    Hang,
    /// Neither reads nor writes nor closes, for good.
    Freeze,
    /// Ends the connection (with TLS: `close_notify` first).
    Close,
    /// Ends the connection (with TLS: without `close_notify`).
    Drop,
    /// Ends the connection with a reset.
    Reset,
}

/// What a provider does with one request: its body is read first, unless the plan says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) before_body: bool,
}

impl Plan {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), before_body: false }
    }

    /// Begins as soon as the head is there.
    pub(crate) fn before_body(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { before_body: true, ..Self::new(steps) }
    }

    /// Sends exactly these bytes, head and all.
    pub(crate) fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::new([Step::Send(bytes.into())])
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::raw(whole(status, "content-type: application/json\r\n", body))
    }

    /// A stream of these events' data, in one write, clean to its end.
    pub(crate) fn stream(events: &[&str]) -> Self {
        let body: String = events.iter().map(|data| event(data)).collect();
        let mut bytes = stream_head().to_vec();
        bytes.extend_from_slice(&chunk(body));
        bytes.extend_from_slice(LAST_CHUNK);
        Self::raw(bytes)
    }

    /// A stream's head, and then whatever the test says.
    pub(crate) fn live_stream() -> (Self, Remote) {
        let (mut plan, remote) = Self::live();
        plan.steps.insert(0, Step::Send(stream_head()));
        (plan, remote)
    }

    /// Whatever the test says.
    pub(crate) fn live() -> (Self, Remote) {
        let (said, heard) = mpsc::unbounded_channel();
        (Self::new([Step::Follow(heard)]), Remote(said))
    }

    pub(crate) fn hang() -> Self {
        Self::new([Step::Hang])
    }

    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// An ordinary answer, whole or streamed as the request asks, with usage where it is asked for.
    pub(crate) fn ordinary(request: &Request) -> Self {
        if request.path.ends_with("/embeddings") {
            return Self::json(200, EMBEDDING);
        }
        // Not parsed: a body may hold numbers that no parser here takes.
        let members = members(request.text());
        let value = |name: &str| members.iter().find(|member| member.is_called(name));
        if value("stream").is_none_or(|member| member.value != "true") {
            return Self::json(200, COMPLETION);
        }
        let mut events = vec![ROLE, HEL, LO, STOP];
        let asked = |member: &Member<'_>| member.value.contains(r#""include_usage":true"#);
        if value("stream_options").is_some_and(asked) {
            events.push(USAGE);
        }
        events.push(DONE);
        Self::stream(&events)
    }
}

/// The test's hand on a provider that follows.
#[derive(Debug)]
pub(crate) struct Remote(mpsc::UnboundedSender<Step>);

impl Remote {
    pub(crate) fn say(&self, step: Step) {
        // Nobody listens where the gateway has already left; the test sees that elsewhere.
        let _ = self.0.send(step);
    }

    pub(crate) fn raw(&self, bytes: impl Into<Bytes>) {
        self.say(Step::Send(bytes.into()));
    }

    /// One event in a chunk and a write of its own.
    pub(crate) fn event(&self, data: &str) {
        self.raw(chunk(event(data)));
    }

    /// These bytes as a chunk, in one write.
    pub(crate) fn chunk(&self, bytes: impl AsRef<[u8]>) {
        self.raw(chunk(bytes));
    }

    /// The body's clean end.
    pub(crate) fn end(&self) {
        self.raw(LAST_CHUNK);
    }
}

/// A request for a whole answer.
pub(crate) const WHOLE: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
/// A request for a streamed one.
pub(crate) const STREAMED: &str =
    r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}"#;

/// A chat of about this many bytes.
pub(crate) fn long_chat(length: usize) -> String {
    WHOLE.replace("hi", &"0123456789abcdef".repeat(length / 16))
}

pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

pub(crate) fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

pub(crate) fn chunk(bytes: impl AsRef<[u8]>) -> Bytes {
    let bytes = bytes.as_ref();
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat().into()
}

pub(crate) fn stream_head() -> Bytes {
    Bytes::from_static(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
          Transfer-Encoding: chunked\r\n\r\n",
    )
}

/// A whole answer with a `Content-Length`; `headers` are lines with their line ends.
pub(crate) fn whole(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Scripted\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// Spelt with blanks, escapes and numbers that no serialiser would write this way.
pub(crate) const COMPLETION: &str = r#"{"id":"chatcmpl-1", "object":"chat.completion","created":1700000000,"model":"up-m","choices":[{"index":0,"message":{"role":"assistant","content":"H\u0065llo, wörld 😀"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7},"x_unknown":[1.50e+3,-0,12345678901234567890]}"#;
pub(crate) const EMBEDDING: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,-2.5e-3]}],"model":"up-m","usage":{"prompt_tokens":2,"total_tokens":2}}"#;
pub(crate) const ROLE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1700000000,"model":"up-m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
pub(crate) const HEL: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1700000000,"model":"up-m","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}"#;
pub(crate) const LO: &str = r#"{"id":"c1", "object":"chat.completion.chunk","created":17e8,"model":"up-m","choices":[{"index":0,"delta":{"content":"lo, w\u00f6rld 😀"},"finish_reason":null}],"x":1.0}"#;
pub(crate) const STOP: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1700000000,"model":"up-m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub(crate) const USAGE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1700000000,"model":"up-m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#;
pub(crate) const DONE: &str = "[DONE]";
