//! Background services: signals, reloading, and the end.

use crate::drain::Drain;
use crate::house::House;
use crate::reload;
use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::background::BackgroundService;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long requests have to say goodbye after they were told to end.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// How long the last access lines may take to be written.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// Tells Pingora's server when to stop: SIGTERM drains, SIGINT does not.
pub struct Signals {
    drain: Arc<Drain>,
}

impl Signals {
    /// Signals that begin this drain.
    pub fn new(drain: Arc<Drain>) -> Self {
        Self { drain }
    }
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            log::error!("signals cannot be received");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {
                self.drain.begin();
                ShutdownSignal::GracefulTerminate
            }
            _ = interrupt.recv() => ShutdownSignal::FastShutdown,
        }
    }
}

/// Ends the process once nobody is at work any more. Pingora by itself sleeps for the whole grace
/// period, however idle it is.
pub struct Drainer {
    house: Arc<House>,
}

impl Drainer {
    /// A drainer of this house.
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }
}

#[async_trait]
impl BackgroundService for Drainer {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        if shutdown.wait_for(|begun| *begun).await.is_err() {
            return;
        }
        let drain = &self.house.drain;
        let drain_time_max = self.house.snapshot().config.drain_timeout.duration();
        if tokio::time::timeout(drain_time_max, drain.idle()).await.is_err() {
            log::warn!("{} requests are ended after {drain_time_max:?}", drain.in_flight());
            drain.stop();
            let _ = tokio::time::timeout(GOODBYE_TIME_MAX, drain.idle()).await;
        }
        self.house.fixtures.log.flush(FLUSH_TIME_MAX);
        std::process::exit(0);
    }
}

/// Reads the configuration again on SIGHUP.
pub struct Reloader {
    house: Arc<House>,
    path: PathBuf,
}

impl Reloader {
    /// A reloader of this file.
    pub fn new(house: Arc<House>, path: PathBuf) -> Self {
        Self { house, path }
    }
}

#[async_trait]
impl BackgroundService for Reloader {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            log::error!("SIGHUP cannot be received");
            return;
        };
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                _ = hangup.recv() => {}
            }
            // Told in the log already, whatever the outcome.
            let _ = reload::reload_off_loop(&self.house, &self.path).await;
        }
    }
}
