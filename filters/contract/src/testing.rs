//! Tools for tests of filters, decoders and encoders.

pub use crate::clock::ManualClock;

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
