//! HTTP/1.1 as bytes: heads and bodies, read the same way by the client and by the provider.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Header lines in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    /// The value of a header that may come once at most.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() < 2, "header {name} came more than once: {self:?}");
        values.first().copied()
    }

    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = |line: &&(String, String)| line.0.eq_ignore_ascii_case(name);
        self.0.iter().filter(named).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(lines: I) -> Self {
        Self(lines.into_iter().collect())
    }
}

/// A head as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// The request line or the status line.
    pub(crate) first: String,
    pub(crate) headers: Headers,
    /// All of it, the blank line included.
    pub(crate) raw: Bytes,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Head {
    fn parse(raw: Bytes) -> Self {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let trimmed = |(name, value): (&str, &str)| (name.to_owned(), value.trim().to_owned());
        Self { first, headers: pairs.map(trimmed).collect(), raw }
    }

    /// The framing that the head says; `None` where it says nothing.
    pub(crate) fn framing(&self) -> Option<Framing> {
        let coding = self.headers.value("transfer-encoding");
        if coding.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return Some(Framing::Chunked);
        }
        self.headers.value("content-length").map(|text| Framing::Length(text.parse().unwrap()))
    }
}

/// Reads more into the buffer; 0 is the end of the stream.
pub(crate) async fn fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<usize> {
    buffer.reserve(16 * 1024);
    stream.read_buf(buffer).await
}

/// Reads a head. `None` if the stream ends before it is whole.
pub(crate) async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<Option<Head>> {
    loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            return Ok(Some(Head::parse(buffer.split_to(at + 4).freeze())));
        }
        if fill(stream, buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As its framing says.
    Clean,
    /// The connection ended first.
    Cut,
}

/// Reads a body piece by piece.
#[derive(Debug)]
pub(crate) struct BodyReader {
    framing: Framing,
    left: u64,
    end: Option<End>,
}

impl BodyReader {
    pub(crate) fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Self { framing, left, end: (framing == Framing::Length(0)).then_some(End::Clean) }
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    /// The next piece: a whole chunk of a chunked body, else whatever came. `None` at the end.
    pub(crate) async fn piece<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        buffer: &mut BytesMut,
    ) -> Option<Bytes> {
        while self.end.is_none() {
            if let Some(piece) = self.take(buffer) {
                return (!piece.is_empty()).then_some(piece);
            }
            if !matches!(fill(stream, buffer).await, Ok(read) if read > 0) {
                let whole = self.framing == Framing::UntilClose;
                self.end = Some(if whole { End::Clean } else { End::Cut });
            }
        }
        None
    }

    /// A piece that is already there; an empty one is the body's end.
    fn take(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        match self.framing {
            _ if buffer.is_empty() => None,
            Framing::UntilClose => Some(buffer.split().freeze()),
            Framing::Length(_) => {
                let ready = buffer.len().min(usize::try_from(self.left).unwrap());
                self.left -= ready as u64;
                if self.left == 0 {
                    self.end = Some(End::Clean);
                }
                Some(buffer.split_to(ready).freeze())
            }
            Framing::Chunked => self.take_chunk(buffer),
        }
    }

    fn take_chunk(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        let line_end = find(buffer, b"\r\n")?;
        let line = String::from_utf8_lossy(&buffer[..line_end]).into_owned();
        let size = line.split(';').next().unwrap_or_default().trim();
        let size =
            usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("chunk size {line:?}"));
        let whole = line_end + 2 + size + 2;
        if buffer.len() < whole {
            return None;
        }
        let mut chunk = buffer.split_to(whole);
        assert_eq!(&chunk[whole - 2..], b"\r\n", "a chunk (or its trailers) ends oddly");
        if size == 0 {
            self.end = Some(End::Clean);
        }
        chunk.advance(line_end + 2);
        chunk.truncate(size);
        Some(chunk.freeze())
    }
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
