//! A configuration and what was made since, made ready: checked, compiled, and never changed. A reload
//! makes another, and so does every change of the store.

mod authority;
mod guardrails;
mod limits;
mod projects;
mod routing;

pub use guardrails::Guardrails;
pub use limits::{budgets_of, resolved_tier};
pub use projects::{Project, Projects};
pub use routing::Routing;

use crate::chain;
use crate::config::Config;
use crate::directory::{Cuts, Objects};
use crate::house::Fixtures;
use crate::openings::Opening;
use behest_auth::Authority;
use behest_contract::chain::Chain;
use behest_ledger::PriceTable;
use behest_quota::{IpGuardConfig, NewLayers};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Everything that a request needs to know.
pub struct Snapshot {
    /// The file's content.
    pub config: Arc<Config>,
    /// What the admin API has made.
    pub objects: Arc<Objects>,
    /// The rooms.
    pub chain: Chain,
    /// The models and where they are served.
    pub routing: Routing,
    /// The projects.
    pub projects: Projects,
    /// The credentials.
    pub authority: Arc<Authority>,
    /// Whose running requests must end.
    pub cuts: Cuts,
    /// What must not leave.
    pub guardrails: Guardrails,
}

/// Why a configuration that is well formed cannot be put in force.
#[derive(Debug)]
pub struct SnapshotError(String);

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SnapshotError {}

impl Snapshot {
    /// The first one of a process. New keys are hashed here: call it where blocking is fine.
    pub fn first(
        config: Config,
        objects: Objects,
        fixtures: &Fixtures,
    ) -> Result<Self, SnapshotError> {
        Self::made(Arc::new(config), Arc::new(objects), fixtures, None)
    }

    /// The next one, for a configuration that was read again.
    pub fn of_config(
        config: Config,
        fixtures: &Fixtures,
        previous: &Self,
    ) -> Result<Self, SnapshotError> {
        Self::made(Arc::new(config), previous.objects.clone(), fixtures, Some(previous))
    }

    /// The next one, for a store that has changed.
    pub fn of_objects(
        objects: Arc<Objects>,
        fixtures: &Fixtures,
        previous: &Self,
    ) -> Result<Self, SnapshotError> {
        Self::made(previous.config.clone(), objects, fixtures, Some(previous))
    }

    fn made(
        config: Arc<Config>,
        objects: Arc<Objects>,
        fixtures: &Fixtures,
        previous: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let same = previous.filter(|previous| Arc::ptr_eq(&previous.config, &config));
        let routing =
            Routing::new(&config, &objects, fixtures, same.map(|previous| &previous.routing))?;
        let projects = Projects::new(&config, &objects);
        let authority = previous.map(|previous| previous.authority.as_ref());
        let authority = Arc::new(authority::build(&config, &objects, fixtures, authority)?);
        let known = previous.map(|previous| &previous.guardrails);
        let guardrails = Guardrails::new(&config, &objects, known)?;
        let rooms = chain::Rooms {
            prices: prices(&config),
            authority: authority.clone(),
            guardrails: guardrails.policies.clone(),
            limits: limits::limits(&config, &objects),
        };
        let chain = chain::build(rooms, fixtures).map_err(|error| failed("chain", &error))?;
        let cuts = Cuts::new(&objects);
        Ok(Self { config, objects, chain, routing, projects, authority, cuts, guardrails })
    }

    /// The slug that a host names below one of the gateway's domains.
    pub fn slug_of(&self, host: &str) -> Option<String> {
        let host = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
        });
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        self.config.domains.iter().find_map(|domain| {
            let slug = host.strip_suffix(domain.as_str())?.strip_suffix('.')?;
            (!slug.is_empty()).then(|| slug.to_owned())
        })
    }

    /// The layers that are new beside another snapshot.
    pub fn new_layers(&self, before: &Self) -> Vec<Opening> {
        let was = limits::limits(&before.config, &before.objects);
        self.with_tenants(limits::limits(&self.config, &self.objects).new_layers(&was))
    }

    /// The layers of whole projects.
    pub fn project_layers(&self) -> Vec<Opening> {
        self.with_tenants(limits::limits(&self.config, &self.objects).project_layers())
    }

    fn with_tenants(&self, layers: Vec<NewLayers>) -> Vec<Opening> {
        if layers.is_empty() {
            return Vec::new();
        }
        let tenants: HashMap<&str, &str> = projects::told(&self.config, &self.objects)
            .map(|told| (told.settings.id.as_str(), told.tenant))
            .collect();
        let with_tenant = |layers: NewLayers| {
            let tenant = Arc::from(*tenants.get(&*layers.project)?);
            Some((tenant, layers))
        };
        layers.into_iter().filter_map(with_tenant).collect()
    }

    /// The numbers of the guard against single addresses.
    pub fn ip_guard_config(&self) -> IpGuardConfig {
        let ip = &self.config.limits.ip;
        IpGuardConfig {
            requests_per_minute: ip.requests_per_minute.into(),
            exempt: ip.exempt.iter().map(|network| (network.addr(), network.prefix())).collect(),
            ..IpGuardConfig::default()
        }
    }
}

fn failed(what: &str, error: &dyn fmt::Display) -> SnapshotError {
    SnapshotError(format!("{what}: {error}"))
}

fn prices(config: &Config) -> PriceTable {
    let priced = config.models.iter().filter_map(|model| {
        let price = limits::price(model.priced()?);
        Some((Arc::from(model.id.as_str()), price))
    });
    priced.collect()
}
