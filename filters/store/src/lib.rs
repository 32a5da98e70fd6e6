#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "suite"))]
pub mod book_suite;
mod config;
mod embedded;
mod error;
#[cfg(any(test, feature = "suite"))]
pub mod events_suite;
mod redis;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

pub use config::EmbeddedConfig;
pub use embedded::{Embedded, Tally};
pub use error::Error;
pub use redis::{BadUrl, Redis, RedisConfig, RedisDirectory, RedisEvents, RedisMode, RedisTally};
