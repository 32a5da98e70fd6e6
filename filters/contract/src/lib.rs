#![doc = include_str!("../README.md")]

pub mod chain;
pub mod clock;
pub mod delta;
pub mod denial;
pub mod dialect;
pub mod directory;
pub mod facts;
pub mod filter;
pub mod json;
pub mod outcome;
pub mod ports;
pub mod prompt;
pub mod seal;
pub mod secret;
pub mod sse;
pub mod testing;
