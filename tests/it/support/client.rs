//! A client on a socket: it sends bytes, and sees exactly what comes back and how it ends.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::conf::KEY;
use super::soon;
use super::wire::{BodyReader, End, Framing, Head, Headers, fill, find, read_head};

/// A request to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self { method, path, headers: Vec::new(), body: Bytes::new() }
    }

    /// A GET with the key.
    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path).key(KEY)
    }

    /// A POST of JSON with the key.
    pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Self {
        Self::new("POST", path).key(KEY).header("Content-Type", "application/json").body(body)
    }

    /// A chat with the key.
    pub(crate) fn chat(body: impl Into<Bytes>) -> Self {
        Self::post("/v1/chat/completions", body)
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// Adds a header beside others of the same name.
    pub(crate) fn also(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The head. `Host` and `Content-Length` are added unless the headers say them.
    pub(crate) fn head(&self) -> Vec<u8> {
        let named = |name: &str| self.headers.iter().any(|(had, _)| had.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !named("host") {
            head.push_str("Host: localhost\r\n");
        }
        if !named("content-length") && !named("transfer-encoding") && self.method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.head()[..], &self.body].concat()
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    /// The pieces that the body came in: with chunked framing, the chunks.
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.value(name)
    }

    /// The data of each event.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.text().split_terminator("\n\n").map(str::to_owned);
        events.filter_map(|event| Some(event.strip_prefix("data: ")?.to_owned())).collect()
    }
}

/// One connection to the gateway.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon("a connection to the gateway", TcpStream::connect(address)).await;
        Self { stream: stream.unwrap(), buffer: BytesMut::new() }
    }

    /// Takes in only a little that it does not read.
    pub(crate) async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), buffer: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sending = self.stream.write_all(bytes.as_ref());
        soon("the gateway to take bytes", sending).await.unwrap();
    }

    /// Sends what the other side may already have refused to read.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        soon("the gateway to take bytes", self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    pub(crate) async fn ask(&mut self, ask: &Ask) -> Answer {
        self.send(ask.bytes()).await;
        self.answer().await
    }

    /// Reads so many bytes, or until the other side has no more.
    pub(crate) async fn read_up_to(&mut self, count: usize) {
        let mut read = self.buffer.len();
        while read < count {
            self.buffer.clear();
            match soon("bytes", fill(&mut self.stream, &mut self.buffer)).await {
                Ok(more) if more > 0 => read += more,
                _ => return,
            }
        }
    }

    /// Leaves with a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    pub(crate) async fn try_head(&mut self) -> Option<Head> {
        soon("a head", read_head(&mut self.stream, &mut self.buffer)).await.ok().flatten()
    }

    /// The next head, and a reader for its body.
    pub(crate) async fn head(&mut self) -> (u16, Head, BodyReader) {
        let head = self.try_head().await.expect("the connection ended before a head came");
        let status: u16 = head.first.split(' ').nth(1).unwrap().parse().unwrap();
        let bodiless = status < 200 || matches!(status, 204 | 304);
        let none = if bodiless { Framing::Length(0) } else { Framing::UntilClose };
        let body = BodyReader::new(head.framing().unwrap_or(none));
        (status, head, body)
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let (status, head, mut reader) = self.head().await;
        let mut pieces = Vec::new();
        while let Some(piece) = self.piece(&mut reader).await {
            pieces.push(piece);
        }
        let (body, end) = (pieces.concat().into(), reader.end().unwrap());
        Answer { status, headers: head.headers, body, pieces, end }
    }

    pub(crate) async fn piece(&mut self, body: &mut BodyReader) -> Option<Bytes> {
        soon("more of a body", body.piece(&mut self.stream, &mut self.buffer)).await
    }

    /// Waits for the end of the connection; panics if anything else comes.
    pub(crate) async fn ends(&mut self) {
        let read = soon("the connection's end", fill(&mut self.stream, &mut self.buffer)).await;
        assert!(matches!(read, Ok(0) | Err(_)) && self.buffer.is_empty(), "more bytes came");
    }

    /// Sends a chat that is answered by a stream, and waits for its head.
    pub(crate) async fn stream(mut self, ask: &Ask) -> Streamed {
        self.send(ask.bytes()).await;
        let (status, head, body) = self.head().await;
        assert_eq!(status, 200, "{head:?}");
        Streamed { client: self, body, text: Vec::new() }
    }
}

/// A streamed answer under way.
pub(crate) struct Streamed {
    pub(crate) client: Client,
    body: BodyReader,
    text: Vec<u8>,
}

impl Streamed {
    /// The next event or comment without the blank line that ends it; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.text, b"\n\n") {
                let event: Vec<u8> = self.text.drain(..at + 2).take(at).collect();
                return Some(String::from_utf8(event).unwrap());
            }
            match self.client.piece(&mut self.body).await {
                Some(piece) => self.text.extend_from_slice(&piece),
                None => {
                    assert_eq!(self.text, b"", "a stream ends within an event");
                    return None;
                }
            }
        }
    }

    /// The next event's data.
    pub(crate) async fn data(&mut self) -> String {
        let event = self.next().await.expect("the stream ended where an event was to come");
        event.strip_prefix("data: ").unwrap_or_else(|| panic!("no data: {event:?}")).to_owned()
    }

    /// Everything that is still to come, and how the stream ended.
    pub(crate) async fn rest(&mut self) -> (Vec<String>, End) {
        let mut rest = Vec::new();
        while let Some(event) = self.next().await {
            rest.push(event);
        }
        (rest, self.body.end().unwrap())
    }
}
