//! The family as others use it.

mod findings;
mod samples;
mod streams;
mod support;
