//! Server-sent events, as far as providers of chat use them.
//!
//! [`Events`] cuts a byte stream into events, whatever the cuts of the network: LF, CRLF and CR line
//! ends, comments, several `data:` lines to an event, a BOM before the first. The source is the
//! WHATWG's HTML standard, section 9.2.6. [`write_event`] frames a payload in the one form that every
//! client can read (CONTRACT 5).

use bytes::{Bytes, BytesMut};

/// An event is longer than the reader was told to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Cuts bytes into events.
#[derive(Debug)]
pub struct Events {
    /// What came and is not yet cut off.
    buffer: BytesMut,
    /// Up to here `buffer` is known to hold no line end.
    searched: usize,
    data: Data,
    event_max: usize,
    at_start: bool,
    /// The line before ended in CR: an LF that follows belongs to it.
    after_cr: bool,
}

/// The `data` of the event under way.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Events {
    /// A reader of events of up to `event_max` bytes.
    pub fn new(event_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            data: Data::None,
            event_max,
            at_start: true,
            after_cr: false,
        }
    }

    /// Takes in bytes; `on_event` gets the data of each event that they complete.
    pub fn feed(&mut self, bytes: &[u8], mut on_event: impl FnMut(Bytes)) -> Result<(), TooLong> {
        self.buffer.extend_from_slice(bytes);
        while let Some(line) = self.next_line() {
            if line.is_empty() {
                if let Some(data) = self.data.take() {
                    on_event(data);
                }
            } else {
                self.field(&line);
            }
        }
        if self.buffer.len() + self.data.len() > self.event_max { Err(TooLong) } else { Ok(()) }
    }

    /// Whether an event was begun and not completed.
    pub fn is_mid_event(&self) -> bool {
        !self.buffer.is_empty() || self.data.len() > 0
    }

    fn next_line(&mut self) -> Option<Bytes> {
        if self.after_cr && !self.buffer.is_empty() {
            self.after_cr = false;
            if self.buffer.first() == Some(&b'\n') {
                let _ = self.buffer.split_to(1);
            }
        }
        let unread = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'\n', b'\r', unread) else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + found;
        self.after_cr = self.buffer.get(end) == Some(&b'\r');
        self.searched = 0;
        let mut line = self.buffer.split_to(end + 1).freeze();
        line.truncate(end);
        if std::mem::take(&mut self.at_start) && line.starts_with(b"\xef\xbb\xbf") {
            line = line.slice(3..);
        }
        Some(line)
    }

    /// Only `data` matters: no provider of chat gives `event`, `id` or `retry` a meaning that the
    /// data does not repeat.
    fn field(&mut self, line: &Bytes) {
        let Some(value) = line.strip_prefix(b"data") else { return };
        let value = match value.strip_prefix(b":") {
            Some(value) => value.strip_prefix(b" ").unwrap_or(value),
            None if value.is_empty() => value,
            None => return,
        };
        let value = line.slice(line.len() - value.len()..);
        self.data.push(value);
    }
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(data) => data.len().max(1),
            Self::Many(data) => data.len(),
        }
    }

    fn push(&mut self, line: Bytes) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(line),
            Self::One(first) => Self::Many(BytesMut::from(first.as_ref())).and(&line),
            many @ Self::Many(_) => many.and(&line),
        };
    }

    fn and(self, line: &[u8]) -> Self {
        match self {
            Self::Many(mut data) => {
                data.extend_from_slice(b"\n");
                data.extend_from_slice(line);
                Self::Many(data)
            }
            other => other,
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        match std::mem::take(self) {
            Self::None => None,
            Self::One(data) => Some(data),
            Self::Many(data) => Some(data.freeze()),
        }
    }
}

/// Appends an event that says `payload`: a `data:` line for each of its lines, then a blank one.
pub fn write_event(payload: &[u8], out: &mut Vec<u8>) {
    for line in payload.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// The last event of a stream that ended well.
pub const DONE: &[u8] = b"[DONE]";

/// A comment, which every client ignores: it keeps a silent connection alive.
pub const PING: &[u8] = b": ping\n\n";

#[cfg(test)]
mod tests {
    use super::{Events, TooLong, write_event};
    use crate::testing::cut_everywhere;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut reader = Events::new(1000);
        let mut found = Vec::new();
        for piece in pieces {
            reader
                .feed(piece, |data| found.push(String::from_utf8_lossy(&data).into_owned()))
                .unwrap();
        }
        found
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut() {
        let cases: &[(&str, &[&str])] = &[
            ("data: one\n\ndata: two\n\n", &["one", "two"]),
            ("data: one\r\n\r\ndata: two\r\n\r\n", &["one", "two"]),
            ("data: one\r\rdata: two\r\r", &["one", "two"]),
            ("\u{feff}data:one\n\n", &["one"]),
            (": ping\n\nevent: x\nid: 7\nretry: 1\ndata: one\n\n", &["one"]),
            ("data: one\ndata: two\ndata:  three\n\n", &["one\ntwo\n three"]),
            ("data\n\ndata:\n\ndatum: no\n\n", &["", ""]),
            ("data: h\u{e9}llo \u{1f600}\n\n\n\ndata: x", &["h\u{e9}llo \u{1f600}"]),
        ];
        for (stream, wanted) in cases {
            cut_everywhere(stream.as_bytes(), |pieces| {
                assert_eq!(events(pieces), *wanted, "{stream:?}");
            });
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut reader = Events::new(100);
        let mut feed = |bytes: &[u8]| reader.feed(bytes, |_| ());
        assert_eq!(feed(b"data: "), Ok(()));
        assert_eq!(feed(&[b'x'; 101]), Err(TooLong));
        let mut reader = Events::new(100);
        let lines = b"data: 0123456789\n".repeat(10);
        assert_eq!(reader.feed(&lines, |_| ()), Err(TooLong));
    }

    #[test]
    fn every_line_of_a_payload_gets_its_prefix() {
        let mut out = Vec::new();
        write_event(b"one\ntwo", &mut out);
        assert_eq!(out, b"data: one\ndata: two\n\n");
    }
}
