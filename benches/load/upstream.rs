//! A scripted provider: one thread, answers prepared in advance, nothing parsed beyond need.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Fallible;
use crate::process::{Server, accepts, free_port};
use crate::workload::BURST;

/// The members that matter stand before the messages or after them, never 2 KiB away from an end.
const ENDS: usize = 2 << 10;
const HEAD_LIMIT: usize = 16 << 10;
const SLOW_EVENTS: usize = 60;
const SLOW_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Upstream {
    pub(crate) port: u16,
    _server: Server,
}

pub(crate) fn start(folder: &Path) -> Fallible<Upstream> {
    let port = free_port()?;
    let folder = folder.join("upstream");
    let mut server = Server::start_beside_load(&folder, &["role-upstream", &port.to_string()])?;
    server.wait_until(|| accepts(port))?;
    Ok(Upstream { port, _server: server })
}

/// The role: serves until it is killed.
pub(crate) fn run(port: u16) -> Fallible<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let scripts = Arc::new(Scripts::new());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(Connection::new(stream, Arc::clone(&scripts)).serve());
        }
    })
}

/// Every answer as it goes over the wire.
pub(crate) struct Scripts {
    pub(crate) whole: Vec<u8>,
    pub(crate) burst: Vec<u8>,
    pub(crate) burst_with_usage: Vec<u8>,
    head: Vec<u8>,
    event: Vec<u8>,
    end: Vec<u8>,
}

impl Scripts {
    pub(crate) fn new() -> Scripts {
        let head = head("text/event-stream", "Transfer-Encoding: chunked");
        let event = chunk(&event("null"));
        let end = [chunk("data: [DONE]\n\n"), b"0\r\n\r\n".to_vec()].concat();
        let events = [event.repeat(BURST - 1), chunk(&self::event("\"stop\""))].concat();
        Scripts {
            whole: whole(),
            burst: [&*head, &*events, &*end].concat(),
            burst_with_usage: [&*head, &*events, &*chunk(&usage_event()), &*end].concat(),
            head,
            event,
            end,
        }
    }
}

const USAGE: &str = r#""usage":{"prompt_tokens":211,"completion_tokens":64,"total_tokens":275,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}"#;

fn head(content_type: &str, framing: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nopenai-processing-ms: 12\r\n\
         x-request-id: req_00000000000000000000000000000001\r\n{framing}\r\n\r\n"
    )
    .into_bytes()
}

/// About 0.55 KB of JSON, as the official API spells a short answer.
fn whole() -> Vec<u8> {
    let body = format!(
        r#"{{"id":"chatcmpl-bench00000000000000000000000","object":"chat.completion","created":1760000000,"model":"bench-upstream","choices":[{{"index":0,"message":{{"role":"assistant","content":"The river answers in seven quiet letters before the copper morning.","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],{USAGE},"service_tier":"default","system_fingerprint":"fp_bench0001"}}"#
    );
    let mut wire = head("application/json", &format!("Content-Length: {}", body.len()));
    wire.extend_from_slice(body.as_bytes());
    wire
}

fn event(finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
         \"model\":\"bench-upstream\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" quiet\"}},\
         \"logprobs\":null,\"finish_reason\":{finish}}}]}}\n\n"
    )
}

fn usage_event() -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
         \"model\":\"bench-upstream\",\"choices\":[],{USAGE}}}\n\n"
    )
}

fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

struct Connection {
    stream: TcpStream,
    scripts: Arc<Scripts>,
    read: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream, scripts: Arc<Scripts>) -> Connection {
        Connection { stream, scripts, read: Vec::with_capacity(16 << 10) }
    }

    /// A proxy that leaves is no news here.
    async fn serve(mut self) {
        while let Ok(Some(length)) = self.request().await {
            if self.answer(length).await.is_err() {
                return;
            }
        }
    }

    /// Reads one request; `read` then begins with it, and its length is returned.
    async fn request(&mut self) -> Fallible<Option<usize>> {
        let body_at = loop {
            if let Some(end) = memmem::find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            if self.read.len() > HEAD_LIMIT {
                return Err("a head without an end".into());
            }
            if self.more().await? == 0 {
                return Ok(None);
            }
        };
        let length = body_at + content_length(self.read.get(..body_at).unwrap_or_default())?;
        self.read.reserve(length.saturating_sub(self.read.len()));
        while self.read.len() < length {
            if self.more().await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(length))
    }

    async fn more(&mut self) -> Fallible<usize> {
        Ok(self.stream.read_buf(&mut self.read).await?)
    }

    async fn answer(&mut self, length: usize) -> Fallible<()> {
        let request = self.read.get(..length).unwrap_or_default();
        let has = |member: &str| contains(request, member.as_bytes());
        let (slow, stream) = (has("\"bench-slow"), has("\"stream\":true"));
        let usage = stream && has("\"include_usage\":true");
        self.read.drain(..length);
        if slow {
            return self.drip().await;
        }
        let script = match (stream, usage) {
            (false, _) => &self.scripts.whole,
            (true, false) => &self.scripts.burst,
            (true, true) => &self.scripts.burst_with_usage,
        };
        Ok(self.stream.write_all(script).await?)
    }

    async fn drip(&mut self) -> Fallible<()> {
        self.stream.write_all(&self.scripts.head).await?;
        for _ in 0..SLOW_EVENTS {
            self.stream.write_all(&self.scripts.event).await?;
            tokio::time::sleep(SLOW_PAUSE).await;
        }
        Ok(self.stream.write_all(&self.scripts.end).await?)
    }
}

/// A body without a length is refused: then no length would be known, and the load would hang.
fn content_length(head: &[u8]) -> Fallible<usize> {
    for line in std::str::from_utf8(head)?.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(value.trim().parse()?);
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("only bodies with a length".into());
        }
    }
    Ok(0)
}

fn contains(request: &[u8], member: &[u8]) -> bool {
    let begin = request.get(..ENDS).unwrap_or(request);
    let end = request.get(request.len().saturating_sub(ENDS)..).unwrap_or_default();
    memmem::find(begin, member).is_some() || memmem::find(end, member).is_some()
}
