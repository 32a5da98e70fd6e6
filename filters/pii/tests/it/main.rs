//! The family as others use it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accuracy;
mod corpus;
mod findings;
mod samples;
mod streams;
mod support;
