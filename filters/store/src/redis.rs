//! The Redis engine: what several nodes share.

mod config;
pub(crate) mod link;

pub use config::{RedisConfig, RedisMode};
pub use link::BadUrl;
