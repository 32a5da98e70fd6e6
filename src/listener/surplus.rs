//! Reading a head together with whatever of its body is there.
//!
//! Pingora reads heads into 4 KiB, so that a prompt of some KiB takes three system calls: its head, the
//! rest, and one that finds nothing. A larger buffer for each connection would be kept for as long as
//! it is idle or a stream runs; this one is lent by the thread until the body is asked for.

use memchr::memmem;
use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// What is read at once.
const READ_MAX: usize = 64 * 1024;

thread_local! {
    /// Empty before its first use and while it is lent.
    static BUFFER: Cell<Box<[u8]>> = Cell::default();
}

/// What was read and is not yet asked for.
#[derive(Default)]
pub(super) struct Surplus {
    buffer: Box<[u8]>,
    left: Range<usize>,
}

impl Surplus {
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Reads from a stream and gives what belongs to the head.
    pub(super) fn read_head(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = BUFFER.take();
        if buffer.is_empty() {
            buffer = vec![0; READ_MAX].into();
        }
        let mut read = ReadBuf::new(&mut buffer);
        let result = Pin::new(stream).poll_read(cx, &mut read);
        self.left = 0..read.filled().len();
        self.buffer = buffer;
        // A body that stays whole behind its head need not be joined together again.
        let count = if self.left.len() > into.remaining() { self.head_len() } else { READ_MAX };
        self.give(into, count);
        result
    }

    /// Gives what is left, as far as it fits.
    pub(super) fn read(&mut self, into: &mut ReadBuf<'_>) {
        self.give(into, READ_MAX);
    }

    fn head_len(&self) -> usize {
        let left = self.buffer.get(self.left.clone()).unwrap_or_default();
        memmem::find(left, b"\r\n\r\n").map_or(READ_MAX, |end| end + 4)
    }

    fn give(&mut self, into: &mut ReadBuf<'_>, max: usize) {
        let count = self.left.len().min(into.remaining()).min(max);
        let end = self.left.start + count;
        into.put_slice(self.buffer.get(self.left.start..end).unwrap_or_default());
        self.left.start = end;
        if self.left.is_empty() {
            BUFFER.set(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Surplus;
    use std::task::{Context, Waker};
    use tokio::io::ReadBuf;

    /// What comes out of reads of 4 KiB, as Pingora makes them for a head.
    fn reads(mut sent: &[u8]) -> Vec<Vec<u8>> {
        let mut surplus = Surplus::default();
        let mut reads = Vec::new();
        loop {
            let mut space = vec![0; 4096];
            let mut into = ReadBuf::new(&mut space);
            if surplus.is_empty() {
                let mut cx = Context::from_waker(Waker::noop());
                assert!(surplus.read_head(&mut sent, &mut cx, &mut into).is_ready());
            } else {
                surplus.read(&mut into);
            }
            if into.filled().is_empty() {
                return reads;
            }
            reads.push(into.filled().to_vec());
        }
    }

    #[test]
    fn nothing_is_lost_and_a_large_body_is_apart_from_its_head() {
        let head = b"POST / HTTP/1.1\r\n\r\n".to_vec();
        for (body, lens) in [
            (10, vec![head.len() + 10]),
            (5_000, vec![head.len(), 4096, 904]),
            (70_000, vec![head.len()]),
        ] {
            let sent = [&*head, &*vec![b'x'; body]].concat();
            let reads = reads(&sent);
            let first: Vec<_> = reads.iter().map(Vec::len).take(lens.len()).collect();
            assert_eq!(first, lens);
            assert_eq!(reads.concat(), sent);
        }
    }

    #[test]
    fn a_head_without_an_end_comes_as_it_fits() {
        let sent = vec![b'x'; 9_000];
        assert_eq!(reads(&sent).concat(), sent);
    }
}
