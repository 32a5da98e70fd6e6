//! Answers that are given here.

pub mod jwks;
pub mod mint;
pub mod models;
pub mod usage;

use bytes::Bytes;

/// An answer that is given here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Here {
    /// This, as JSON.
    Json(Bytes),
    /// The client has it already.
    NotModified,
}
