//! Sending a request over HTTP/1.1: head and body in one go, with an ear for an early answer.
//!
//! Pingora's session calls send first and listen afterwards, which hangs on a provider that answers
//! before it has read the body and then reads no more. Here a blocked write listens. Over TLS a ready
//! write only means that the bytes lie in a buffer, so the flush counts too, and listens likewise.

use bytes::Bytes;
use pingora::protocols::Stream;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Pieces given to one gather-write.
const SLICES_MAX: usize = 16;

/// Bytes of an early answer that are taken over at once.
const EARLY_MAX: usize = 4096;

/// How sending went.
#[derive(Debug)]
pub(super) enum Sent {
    /// Everything is on its way.
    All,
    /// The provider answers already; these are the answer's first bytes. Sending has stopped.
    Early(Bytes),
    /// The connection took no more. An answer may still be readable.
    Failed,
}

/// Sends pieces. Its state is an offset, so it may be polled again after any pause.
pub(super) struct Send<'a> {
    stream: &'a mut Stream,
    head: &'a [u8],
    body: &'a [Bytes],
    /// The piece to go on with (the head is the first), and how much of it has left.
    piece: usize,
    offset: usize,
}

impl<'a> Send<'a> {
    pub(super) fn new(stream: &'a mut Stream, head: &'a [u8], body: &'a [Bytes]) -> Self {
        Self { stream, head, body, piece: 0, offset: 0 }
    }

    fn piece(&self, at: usize) -> Option<&'a [u8]> {
        match at.checked_sub(1) {
            None => Some(self.head),
            Some(at) => self.body.get(at).map(AsRef::as_ref),
        }
    }

    /// `None` while the stream takes no more.
    fn write(&mut self, cx: &mut Context<'_>) -> Option<io::Result<()>> {
        while self.piece <= self.body.len() {
            match self.write_some(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(0)) => return Some(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.advance(written),
                Poll::Ready(Err(error)) => return Some(Err(error)),
            }
        }
        match Pin::new(&mut *self.stream).poll_flush(cx) {
            Poll::Pending => None,
            Poll::Ready(flushed) => Some(flushed),
        }
    }

    fn write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for slice in &mut slices {
            let Some(piece) = self.piece(self.piece + count) else { break };
            let from = if count == 0 { self.offset } else { 0 };
            *slice = IoSlice::new(piece.get(from..).unwrap_or_default());
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        Pin::new(&mut *self.stream).poll_write_vectored(cx, slices)
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.piece(self.piece) {
            let left = piece.len() - self.offset;
            if written < left {
                self.offset += written;
                return;
            }
            written -= left;
            self.piece += 1;
            self.offset = 0;
        }
    }

    /// An answer that has come before the request was sent.
    fn listen(&mut self, cx: &mut Context<'_>) -> Poll<Sent> {
        let mut space = [0; EARLY_MAX];
        let mut early = ReadBuf::new(&mut space);
        match Pin::new(&mut *self.stream).poll_read(cx, &mut early) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if !early.filled().is_empty() => {
                Poll::Ready(Sent::Early(Bytes::copy_from_slice(early.filled())))
            }
            Poll::Ready(_) => Poll::Ready(Sent::Failed),
        }
    }
}

impl Future for Send<'_> {
    type Output = Sent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Sent> {
        match self.write(cx) {
            Some(Ok(())) => Poll::Ready(Sent::All),
            Some(Err(_)) => Poll::Ready(Sent::Failed),
            None => self.listen(cx),
        }
    }
}

#[cfg(test)]
mod tests;
