//! What guards a connection before HTTP.
//!
//! A bounded number of connections per address, a deadline for a whole head (Pingora's own is per
//! read, so that a byte every few seconds would hold a connection for ever), one for a client that
//! takes no bytes, and our own error bodies for what Pingora refuses before any of our code sees it.

mod surplus;

use crate::house::House;
use crate::reply;
use crate::wrapped::hand_on_to_stream;
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use pingora::apps::ServerApp;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use std::collections::HashMap;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use surplus::Surplus;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Stands before an application and guards its connections.
pub struct Listener<A> {
    inner: Arc<A>,
    house: Arc<House>,
    counts: Arc<Counts>,
}

impl<A> Listener<A> {
    /// A guard before `inner`.
    pub fn new(inner: A, house: Arc<House>) -> Self {
        Self { inner: Arc::new(inner), house, counts: Arc::default() }
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> ServerApp for Listener<A> {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let connections = self.house.snapshot().config.connections.clone();
        let digest = stream.get_socket_digest();
        let address = digest.as_ref().and_then(|digest| digest.peer_addr()?.as_inet());
        let count = match address {
            Some(address) => Some(self.counts.enter(address.ip(), connections.per_address)?),
            None => None,
        };
        let write_time_max = self.house.snapshot().config.timeouts.write.duration();
        let head_time_max = connections.request_head.duration();
        let guarded = Guarded::new(stream, self.house.clone(), head_time_max, write_time_max);
        let left = self.inner.process_new(Box::new(guarded), shutdown).await;
        drop(count);
        left
    }

    async fn cleanup(&self) {
        self.inner.cleanup().await;
    }
}

/// Open connections by address.
#[derive(Default)]
struct Counts(Mutex<HashMap<IpAddr, u32>>);

impl Counts {
    /// `None` when the address has as many as it may have.
    fn enter(self: &Arc<Self>, address: IpAddr, max: u32) -> Option<Counted> {
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Counted { counts: self.clone(), address })
    }
}

/// One open connection.
struct Counted {
    counts: Arc<Counts>,
    address: IpAddr,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// A connection under guard.
pub struct Guarded {
    stream: Stream,
    house: Arc<House>,
    /// A request's head was accepted, and its answer is still under way.
    serving: AtomicBool,
    /// A head was accepted since the connection was last read: the time for it is over.
    head_came: AtomicBool,
    head_time_max: Duration,
    /// A part of a head has come, so that the rest must come in time.
    head_begun: bool,
    /// Armed while more of a head is awaited.
    head_deadline: Option<Pin<Box<Sleep>>>,
    write_time_max: Duration,
    /// Armed while the client takes no bytes: only then does a deadline cost anything.
    write_deadline: Option<Pin<Box<Sleep>>>,
    refusal: Option<Bytes>,
    /// What came together with a head and is not yet asked for.
    surplus: Surplus,
}

impl Guarded {
    fn new(
        stream: Stream,
        house: Arc<House>,
        head_time_max: Duration,
        write_time_max: Duration,
    ) -> Self {
        Self {
            stream,
            house,
            serving: AtomicBool::new(false),
            head_came: AtomicBool::new(false),
            head_time_max,
            // The first head is awaited from the start; later ones from their first byte, for between
            // requests a connection may be idle.
            head_begun: true,
            head_deadline: None,
            write_time_max,
            write_deadline: None,
            refusal: None,
            surplus: Surplus::default(),
        }
    }

    /// Reads from the connection, or what an earlier read had too much of.
    fn read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.surplus.is_empty() {
            self.surplus.read(into);
            return Poll::Ready(Ok(()));
        }
        if self.is_serving() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        self.surplus.read_head(&mut self.stream, cx, into)
    }

    /// Fails a write that the client has been blocking for too long.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_deadline = None;
            return written;
        }
        let limit = self.write_time_max;
        let deadline =
            self.write_deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Tells the guard whether a request is being served on this connection.
    pub fn set_serving(stream: Option<&Stream>, serving: bool) {
        if let Some(guarded) = stream.and_then(|stream| stream.as_any().downcast_ref::<Self>()) {
            guarded.serving.store(serving, Ordering::Relaxed);
            if serving {
                guarded.head_came.store(true, Ordering::Relaxed);
            }
        }
    }

    fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    /// Writes our own answer in place of what Pingora says by itself.
    fn refuse(&mut self, cx: &mut Context<'_>, theirs: &[u8]) -> Poll<io::Result<usize>> {
        let house = &self.house;
        let refusal = self
            .refusal
            .get_or_insert_with(|| reply::refusal_before_http(theirs, &house.next_request_id()));
        while refusal.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, refusal))?;
            refusal.advance(written);
        }
        Poll::Ready(Ok(theirs.len()))
    }
}

impl std::fmt::Debug for Guarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stream.fmt(f)
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A request without a body is not read again before the next one's head.
        if std::mem::take(self.head_came.get_mut()) {
            self.head_begun = false;
            self.head_deadline = None;
        }
        let before = into.filled().len();
        let read = self.read(cx, into);
        if self.is_serving() {
            return read;
        }
        self.head_begun |= into.filled().len() > before;
        if read.is_pending() && self.head_begun {
            let limit = self.head_time_max;
            let deadline =
                self.head_deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
            ready!(deadline.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_serving() {
            let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
            return self.bounded(cx, written);
        }
        self.refuse(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_serving() {
            let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
            return self.bounded(cx, written);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.refuse(cx, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

hand_on_to_stream!(Guarded);

#[cfg(test)]
mod tests {
    use super::Counts;
    use std::sync::Arc;

    #[test]
    fn an_address_has_no_more_connections_than_it_may() {
        let counts = Arc::new(Counts::default());
        let (one, other) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let first = counts.enter(one, 2).unwrap();
        let _second = counts.enter(one, 2).unwrap();
        assert!(counts.enter(one, 2).is_none());
        assert!(counts.enter(other, 2).is_some());
        drop(first);
        assert!(counts.enter(one, 2).is_some());
        assert_eq!(counts.0.lock().len(), 1);
    }
}
