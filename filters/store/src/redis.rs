//! The Redis engine: what several nodes share.

mod config;
mod directory;
mod events;
pub(crate) mod link;

pub use config::{RedisConfig, RedisMode};
pub use directory::RedisDirectory;
pub use events::RedisEvents;
pub use link::BadUrl;
