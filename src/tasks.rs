//! Background services: signals, reloading, and the end.

use crate::config::Config;
use crate::directory::tend;
use crate::drain::Drain;
use crate::house::House;
use crate::reload;
use async_trait::async_trait;
use behest_contract::directory::Failure;
use parking_lot::Mutex;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::background::BackgroundService;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};

/// How long requests have to say goodbye after they were told to end.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// How long what waits beside requests may take when they are over.
const ERRANDS_TIME_MAX: Duration = Duration::from_secs(1);

/// How long the last events, and the last access lines, may take to be written.
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

/// Says when the listeners are open. Pingora opens them on its own threads and tells nobody, so that
/// they are tried until they answer.
pub struct Opener<F> {
    house: Arc<House>,
    announce: Mutex<Option<F>>,
}

/// Between two tries.
const TRY_EVERY: Duration = Duration::from_millis(2);

impl<F: FnOnce(&Config) + Send> Opener<F> {
    /// An opener that calls `announce` once.
    pub fn new(house: Arc<House>, announce: F) -> Self {
        Self { house, announce: Mutex::new(Some(announce)) }
    }
}

#[async_trait]
impl<F: FnOnce(&Config) + Send> BackgroundService for Opener<F> {
    async fn start(&self, _: ShutdownWatch) {
        let snapshot = self.house.snapshot();
        for address in [snapshot.config.listen.data, snapshot.config.listen.admin] {
            while TcpStream::connect(reachable(address)).await.is_err() {
                tokio::time::sleep(TRY_EVERY).await;
            }
        }
        self.house.opened();
        let announce = self.announce.lock().take();
        if let Some(announce) = announce {
            announce(&snapshot.config);
        }
    }
}

/// Where a listener on "any address" can be reached from here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(any) if any.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(any) if any.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
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
        let fixtures = &self.house.fixtures;
        // What is still found out about requests that are over is told too, if it comes soon.
        let _ = tokio::time::timeout(ERRANDS_TIME_MAX, fixtures.runners.idle()).await;
        match tokio::time::timeout(FLUSH_TIME_MAX, fixtures.flush()).await {
            Ok(Ok(())) => {}
            _ => log::warn!("the store may not have heard of the last requests and events"),
        }
        fixtures.log.flush(FLUSH_TIME_MAX);
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

/// Has the counters of new limits come to what was used before; long questions to the ledger keep nobody
/// else waiting.
pub struct Raiser {
    house: Arc<House>,
}

/// Between two looks at what is to be asked.
const RAISE_EVERY: Duration = Duration::from_millis(500);

impl Raiser {
    /// One for this house's openings.
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }
}

#[async_trait]
impl BackgroundService for Raiser {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        loop {
            tokio::select! {
                () = self.house.openings.carry_on(&self.house.fixtures) => {}
                _ = shutdown.changed() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(RAISE_EVERY) => {}
                _ = shutdown.changed() => return,
            }
        }
    }
}

/// Follows the store: what other nodes have changed is in force here at once where the store tells of it,
/// and within a second where it does not. Looks after the
/// gateway's own keys on the way.
pub struct Follower {
    house: Arc<House>,
}

/// Between two looks at the store.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Looks at the store between two looks at the own keys.
const LOOKS_PER_TENDING: u32 = 120;

impl Follower {
    /// A follower of this house's store.
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }

    async fn look(&self, after_trouble: bool) -> Result<(), Failure> {
        // Looked up first: what this node commits meanwhile is no step back.
        let known = self.house.snapshot().objects.revision;
        let now = self.house.fixtures.directory.revision().await?;
        if after_trouble || now < known || self.house.has_other_history() {
            return self.house.start_over().await;
        }
        if now > known {
            self.house.catch_up().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl BackgroundService for Follower {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut in_trouble = false;
        for look in 0_u32.. {
            let stirred = self.house.fixtures.directory.stirred();
            let mut seen = self.look(in_trouble).await;
            if look.is_multiple_of(LOOKS_PER_TENDING) && seen.is_ok() {
                seen = tend(&self.house).await;
            }
            // One line when it begins and one when it is over, however long it takes.
            match (&seen, in_trouble) {
                (Err(failure), false) => log::error!("the store cannot be followed: {failure}"),
                (Ok(()), true) => log::warn!("the store can be followed again"),
                _ => {}
            }
            in_trouble = seen.is_err();
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(FOLLOW_EVERY) => {}
                // While it cannot be followed, being told of more does not help.
                () = stirred, if !in_trouble => {}
            }
        }
    }
}
