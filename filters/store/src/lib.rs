#![doc = include_str!("../README.md")]

mod config;
mod embedded;
mod error;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

pub use config::EmbeddedConfig;
pub use embedded::Embedded;
pub use error::Error;
