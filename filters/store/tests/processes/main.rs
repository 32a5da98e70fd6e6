//! What holds when processes die, run into walls, or meet in one folder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod child;
mod killed;
mod limited;
mod requests;
