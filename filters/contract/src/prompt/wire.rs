//! A body ready to be written.

use bytes::Bytes;

/// Pieces at least this long are handed on as slices of the client's body; shorter ones are copied
/// together, because a gather-write costs more per piece than the copy.
const SLICE_MIN: usize = 8 * 1024;

/// A body as pieces to be written one after the other.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    pieces: Vec<Bytes>,
    len: usize,
}

impl Wire {
    /// The pieces, in order; none is empty.
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// Length of the whole body in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the body is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The body in one piece. For tests and for dialects that rewrite it.
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

impl From<Bytes> for Wire {
    fn from(body: Bytes) -> Self {
        Self { len: body.len(), pieces: if body.is_empty() { vec![] } else { vec![body] } }
    }
}

/// Joins stretches of a body and new bytes.
pub(super) struct Joiner<'b> {
    body: &'b Bytes,
    small: Vec<u8>,
    wire: Wire,
}

impl<'b> Joiner<'b> {
    pub(super) fn new(body: &'b Bytes, added: usize) -> Self {
        let room = body.len().min(2 * SLICE_MIN) + added;
        Self { body, small: Vec::with_capacity(room), wire: Wire::default() }
    }

    /// Takes over `body[from..to]`.
    pub(super) fn keep(&mut self, from: usize, to: usize) {
        if to.saturating_sub(from) >= SLICE_MIN {
            self.flush();
            let piece = self.body.slice(from..to.min(self.body.len()));
            self.wire.len += piece.len();
            self.wire.pieces.push(piece);
        } else {
            self.small.extend_from_slice(self.body.get(from..to).unwrap_or_default());
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.small.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.wire.len += self.small.len();
            self.wire.pieces.push(std::mem::take(&mut self.small).into());
        }
    }

    pub(super) fn finish(mut self) -> Wire {
        self.flush();
        self.wire
    }
}
