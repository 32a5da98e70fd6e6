//! Where the sources believe to be.

mod accounts;
pub mod checks;
mod journal;
mod sync;
