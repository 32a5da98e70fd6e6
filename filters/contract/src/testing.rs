//! Tools for tests of filters, decoders and encoders.

pub mod purse_suite;

pub use crate::clock::ManualClock;
pub use crate::purse::MemoryPurse;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Inputs up to this length are also cut at each pair of places.
const PAIRS_MAX: usize = 120;

/// Calls `check` with `input` in one piece, cut at every byte, in single bytes, and, when it is
/// short, cut at every pair of bytes. Whatever eats a stream must not care.
pub fn cut_everywhere(input: &[u8], mut check: impl FnMut(&[&[u8]])) {
    check(&[input]);
    check(&input.chunks(1).collect::<Vec<_>>());
    for first in 0..=input.len() {
        let (left, rest) = input.split_at(first);
        check(&[left, rest]);
        if input.len() <= PAIRS_MAX {
            for second in 0..=rest.len() {
                let (middle, right) = rest.split_at(second);
                check(&[left, middle, right]);
            }
        }
    }
}

/// Waits for a future on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
