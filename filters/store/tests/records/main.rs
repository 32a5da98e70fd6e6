//! Records and events in Redis, with real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and keeps its own time"
)]

mod directory;
mod events;
mod server;

use behest_contract::directory::Directory;
use behest_store::{RedisConfig, RedisDirectory, RedisMode};
use server::Server;
use std::time::{Duration, Instant};

/// Numbers for a slow and busy machine: nothing here may depend on who is quick.
fn open_at(url: &str) -> RedisDirectory {
    let config = RedisConfig {
        command_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        probe_interval: Duration::from_millis(50),
        ..RedisConfig::new(url, RedisMode::Single)
    };
    let directory = RedisDirectory::open(&config).unwrap();
    until("the directory is connected", || directory.is_healthy());
    directory
}

fn open(server: &Server) -> RedisDirectory {
    open_at(&server.url())
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(30), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
