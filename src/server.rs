//! Putting it together: services on a Pingora server, from start to stop.

use crate::admin::{Admin, AdminSecret};
use crate::config::{Config, ConfigErrors};
use crate::directory;
use crate::gateway::Gateway;
use crate::house::{Fixtures, House};
use crate::listener::Listener;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::tasks::{Drainer, Follower, Opener, Raiser, Reloader, Signals};
use behest_contract::clock::SystemClock;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::services::background::background_service;
use pingora::services::listening::Service;
use pingora_proxy::HttpProxy;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What is written to a client is gathered in a buffer of this size.
const WRITE_BUFFER: usize = 16 * 1024;

/// How long the last access lines may take to be written.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// Why a gateway did not start.
#[derive(Debug)]
pub enum StartError {
    /// The file is not as it should be.
    Config(ConfigErrors),
    /// It cannot be put in force.
    Snapshot(SnapshotError),
    /// The store, or what is sealed in it, cannot be opened.
    Store(String),
    /// The machine does not play along.
    Io(String, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(errors) => errors.fmt(f),
            Self::Snapshot(error) => error.fmt(f),
            Self::Store(error) => f.write_str(error),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Runs a gateway until it is told to stop. `announce` is called once its listeners are open.
pub fn run(path: &Path, announce: impl FnOnce(&Config) + Send + 'static) -> Result<(), StartError> {
    pingora::tls::install_default_crypto_provider();
    let config = Config::load(path).map_err(StartError::Config)?;
    config.warnings().iter().for_each(|warning| log::warn!("{warning}"));
    check_free(config.listen.data)?;
    check_free(config.listen.admin)?;
    let opened = directory::open(&config, &SystemClock).map_err(StartError::Store)?;
    let out = Box::new(io::stdout());
    let fixtures = Fixtures::new(out, &opened);
    let fixtures = fixtures.map_err(|error| StartError::Io("starting".into(), error))?;
    let secret = AdminSecret::of(&config)
        .map_err(|error| StartError::Io("the admin secret's file".into(), error))?;
    let snapshot = Snapshot::first(config, opened.objects, &fixtures);
    let snapshot = snapshot.map_err(StartError::Snapshot)?;
    let house = House::new(fixtures, snapshot);
    let house = Arc::new(house.map_err(|error| StartError::Io("starting".into(), error))?);
    house.fixtures.meter.reloaded(true, house.clock.unix());
    serve(&house, path.to_owned(), secret, announce);
    house.fixtures.log.flush(FLUSH_TIME_MAX);
    Ok(())
}

/// Pingora panics on a taken address; this says it in a sentence.
fn check_free(address: SocketAddr) -> Result<(), StartError> {
    TcpListener::bind(address)
        .map(drop)
        .map_err(|error| StartError::Io(format!("listening on {address}"), error))
}

fn serve(
    house: &Arc<House>,
    path: PathBuf,
    secret: AdminSecret,
    announce: impl FnOnce(&Config) + Send + 'static,
) {
    let snapshot = house.snapshot();
    let config = &snapshot.config;
    let mut server = Server::new_with_opt_and_conf(None, server_conf(config));
    server.bootstrap();
    server.add_service(data_service(house, config, &server.configuration));
    server.add_service(admin_service(house, config, path.clone(), secret));
    let reloader = Reloader::new(house.clone(), path);
    server.add_service(background_service("reload", reloader));
    server.add_service(background_service("follow", Follower::new(house.clone())));
    server.add_service(background_service("raise", Raiser::new(house.clone())));
    server.add_service(background_service("drain", Drainer::new(house.clone())));
    let opener = Opener::new(house.clone(), announce);
    server.add_service(background_service("open", opener));
    drop(snapshot);
    server.run(RunArgs { shutdown_signal: Box::new(Signals::new(house.drain.clone())) });
}

fn server_conf(config: &Config) -> ServerConf {
    let drain = config.drain_timeout.duration().as_secs();
    ServerConf {
        threads: workers(config),
        // The drainer ends the process as soon as it is idle; this is the backstop.
        grace_period_seconds: Some(drain + 5),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    }
}

fn workers(config: &Config) -> usize {
    match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers.into(),
    }
}

/// The data listener's service, as the program runs it.
pub fn data_service(
    house: &Arc<House>,
    config: &Config,
    conf: &Arc<ServerConf>,
) -> Service<Listener<HttpProxy<Gateway>>> {
    let mut proxy = HttpProxy::new(Gateway::new(house.clone()), conf.clone());
    proxy.handle_init_modules();
    let listener = Listener::new(proxy, house.clone());
    let mut service = Service::new("data".to_owned(), listener);
    // No buffer for reads: it would cost 64 KiB per connection. See `listener/surplus.rs`.
    let buffers = L4BufferSettings { read: Some(0), write: Some(WRITE_BUFFER) };
    let address = config.listen.data.to_string();
    service.add_listener(ListenerConfig::tcp(address).l4_buffer(buffers));
    service.threads = Some(workers(config));
    service
}

fn admin_service(
    house: &Arc<House>,
    config: &Config,
    path: PathBuf,
    secret: AdminSecret,
) -> Service<Admin> {
    let admin = Admin::new(house.clone(), path, secret);
    let mut service = Service::new("admin".to_owned(), admin);
    service.add_tcp(&config.listen.admin.to_string());
    service.threads = Some(1);
    service
}
