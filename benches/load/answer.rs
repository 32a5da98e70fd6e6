//! Reads one HTTP/1.1 answer from pieces cut anywhere, just well enough for a load generator.

use memchr::{memchr, memchr_iter};

use crate::Fallible;

/// Far above any head that a proxy here sends; a longer line means that the framing was lost.
const LINE_LIMIT: usize = 16 << 10;

pub(crate) struct Answer {
    state: State,
    line: Vec<u8>,
    length: Option<usize>,
    chunked: bool,
    pub(crate) status: u16,
    pub(crate) body_bytes: usize,
    newlines: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Status,
    Header,
    Length(usize),
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Trailer,
    Done,
}

impl Answer {
    pub(crate) fn new() -> Answer {
        Answer {
            state: State::Status,
            line: Vec::new(),
            length: None,
            chunked: false,
            status: 0,
            body_bytes: 0,
            newlines: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Events so far: each is one line and a blank one, whatever the cuts between reads.
    pub(crate) fn events(&self) -> usize {
        self.newlines / 2
    }

    /// Takes the next bytes of the connection; anything after the answer's end is an error.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Fallible<()> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Done => return Err("bytes after the end of an answer".into()),
                State::Length(left) | State::Chunk(left) => self.take_body(bytes, left),
                _ => self.take_line(bytes)?,
            };
        }
        Ok(())
    }

    fn take_body<'a>(&mut self, bytes: &'a [u8], left: usize) -> &'a [u8] {
        let (piece, rest) = bytes.split_at(left.min(bytes.len()));
        self.newlines += memchr_iter(b'\n', piece).count();
        self.body_bytes += piece.len();
        let left = left - piece.len();
        self.state = match self.state {
            State::Chunk(_) if left == 0 => State::ChunkEnd,
            State::Chunk(_) => State::Chunk(left),
            _ if left == 0 => State::Done,
            _ => State::Length(left),
        };
        rest
    }

    fn take_line<'a>(&mut self, bytes: &'a [u8]) -> Fallible<&'a [u8]> {
        let Some(end) = memchr(b'\n', bytes) else {
            self.line.extend_from_slice(bytes);
            if self.line.len() > LINE_LIMIT {
                return Err("a line of an answer's head has no end".into());
            }
            return Ok(&[]);
        };
        let (piece, rest) = bytes.split_at(end + 1);
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(piece);
        self.state = self.after_line(line.trim_ascii())?;
        // Kept for its capacity: a burst has a line for every chunk.
        line.clear();
        self.line = line;
        Ok(rest)
    }

    fn after_line(&mut self, line: &[u8]) -> Fallible<State> {
        Ok(match self.state {
            State::Status => self.status_line(line)?,
            State::Header if line.is_empty() => self.after_head()?,
            State::Header => self.header(line)?,
            State::ChunkSize => match chunk_size(line)? {
                0 => State::Trailer,
                size => State::Chunk(size),
            },
            State::ChunkEnd if line.is_empty() => State::ChunkSize,
            State::Trailer if line.is_empty() => State::Done,
            State::Trailer => State::Trailer,
            _ => return Err("an answer's chunk is longer than it said".into()),
        })
    }

    fn status_line(&mut self, line: &[u8]) -> Fallible<State> {
        let status = line.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        self.status = status.ok_or("not an HTTP/1.1 answer")?;
        Ok(State::Header)
    }

    fn header(&mut self, line: &[u8]) -> Fallible<State> {
        let line = std::str::from_utf8(line)?;
        let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            self.length = Some(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
        Ok(State::Header)
    }

    fn after_head(&self) -> Fallible<State> {
        match self.length {
            _ if self.chunked => Ok(State::ChunkSize),
            Some(0) => Ok(State::Done),
            Some(length) => Ok(State::Length(length)),
            None => Err("an answer that only the connection's end would end".into()),
        }
    }
}

fn chunk_size(line: &[u8]) -> Fallible<usize> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    Ok(usize::from_str_radix(std::str::from_utf8(digits.trim_ascii())?, 16)?)
}
