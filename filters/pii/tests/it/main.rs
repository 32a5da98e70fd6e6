//! The family as others use it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells its figures"
)]

mod accuracy;
mod corpus;
mod findings;
mod fuzzed;
mod negatives;
mod realistic;
mod samples;
mod streams;
mod support;
