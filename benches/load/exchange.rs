//! The exchange alone: what the gateway takes where its chain has no room that does anything.
//!
//! The listener, the door, the intake, the choice of the model, the exchange and the relay are the program's
//! own. Who asks is told by a stand-in, since without that no model may be used; nobody checks a key, counts
//! or books.

use std::path::Path;
use std::sync::Arc;

use behest::config::Config;
use behest::house::{Fixtures, House};
use behest::snapshot::Snapshot;
use behest::{directory, door, server};
use behest_contract::chain::Chain;
use behest_contract::clock::SystemClock;
use behest_contract::facts::{FactKey, Facts, Principal};
use behest_contract::filter::{Filter, Step, Visit};
use pingora::http::RequestHeader;
use pingora::server::Server;
use pingora::server::configuration::ServerConf;

use crate::Fallible;
use crate::gateway::configure;
use crate::process::{self, free_port};
use crate::project::ENV;
use crate::variant::Variant;

/// Tells who asks, whoever does.
struct Introduction(Principal);

impl Introduction {
    fn new() -> Introduction {
        Introduction(Principal {
            tenant: "acme".into(),
            project: "bench".into(),
            key: "bench".into(),
            user: Some("load".into()),
            tier: None,
            session: None,
        })
    }
}

impl Filter for Introduction {
    fn name(&self) -> &'static str {
        "introduction"
    }

    fn states(&self) -> Vec<FactKey> {
        vec![FactKey::of::<Principal>()]
    }

    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Introduction(self.0.clone()))
    }
}

impl Visit for Introduction {
    fn head<'a>(&'a mut self, _: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        facts.state(self.0.clone());
        Step::go()
    }
}

/// The role: one worker thread, as the gateway's configuration says.
pub(crate) fn run(config: &Path) -> Fallible<()> {
    pingora::tls::install_default_crypto_provider();
    let house = Arc::new(house(Config::load(config)?)?);
    let conf = ServerConf { threads: 1, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let config = house.started_with.clone();
    server.add_service(server::data_service(&house, &config, &server.configuration));
    server.run_forever()
}

/// A gateway of which only the rooms are replaced.
fn house(config: Config) -> Fallible<House> {
    let opened = directory::open(&config, &SystemClock)?;
    let fixtures = Fixtures::new(Box::new(std::io::stdout()), &opened)?;
    let mut snapshot = Snapshot::first(config, opened.objects, &fixtures)?;
    let rooms: Vec<Arc<dyn Filter>> = vec![Arc::new(Introduction::new())];
    snapshot.chain = Chain::new(rooms, &door::given(), fixtures.clock.clone())?;
    Ok(House::new(fixtures, snapshot)?)
}

pub(crate) fn start(folder: &Path, port: u16, upstream: u16) -> Fallible<process::Server> {
    let config = configure(folder, Variant::Exchange, [port, free_port()?, upstream])?;
    let program = std::env::current_exe()?;
    let args = ["role-exchange", &config.display().to_string()];
    let mut server = process::Server::start_with_env(folder, &program, &args, &ENV)?;
    server.wait_until(|| process::accepts(port))?;
    Ok(server)
}
