//! A configuration, made ready: checked, compiled, and never changed. A reload makes another.

use crate::chain;
use crate::config::{
    self, Config, EndUser, HttpVersion, Origin, PassedHeader, Provider as ProviderConfig,
};
use crate::exchange::{Ca, Line, Model, Place, Protocol, Provider, ProviderSpec, Routes};
use crate::house::Fixtures;
use behest_auth::{ApiKeys, AuthConfig, DeclaredKey, EndUserRule};
use behest_contract::chain::Chain;
use behest_contract::dialect::{Capabilities, Target};
use behest_contract::ports::Offload;
use behest_contract::secret::Secret;
use behest_ledger::{MicroUsd, Price, PriceTable};
use behest_quota::{IpGuardConfig, ProjectLimits, QuotaConfig};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Everything that a request needs to know of the configuration.
pub struct Snapshot {
    /// The file's content.
    pub config: Config,
    /// The rooms.
    pub chain: Chain,
    /// The models and where they are served.
    pub routes: Routes,
    /// The projects.
    pub projects: Projects,
    /// The keys; the next snapshot takes over what is known of them.
    keys: Arc<ApiKeys>,
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
    /// Makes a configuration ready. New keys are hashed here: call it where blocking is fine.
    pub fn new(
        config: Config,
        fixtures: &Fixtures,
        previous: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let routes = routes(&config, fixtures)?;
        let projects = Projects::new(&config);
        let keys = Arc::new(keys(&config, fixtures, previous)?);
        let rooms =
            chain::Rooms { prices: prices(&config), keys: keys.clone(), limits: limits(&config) };
        let chain = chain::build(rooms, fixtures).map_err(|error| failed("chain", &error))?;
        Ok(Self { config, chain, routes, projects, keys })
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

fn routes(config: &Config, fixtures: &Fixtures) -> Result<Routes, SnapshotError> {
    let mut providers = HashMap::new();
    for provider in &config.providers {
        let spec = provider_spec(config, provider)?;
        let made = Arc::new(Provider::new(spec, &fixtures.pools, &fixtures.clock));
        providers.insert(provider.name.as_str(), (made, capabilities(provider)));
    }
    let mut models = Vec::with_capacity(config.models.len());
    for model in &config.models {
        let places = model.targets.iter().filter_map(|target| {
            let (provider, capabilities) = providers.get(target.provider.as_str())?;
            let model = target.model.as_str().into();
            let target = Target { model, capabilities: *capabilities };
            Some(Place::new(provider.clone(), target))
        });
        models.push(Model { id: model.id.as_str().into(), places: places.collect() });
    }
    Ok(Routes::new(models))
}

fn capabilities(provider: &ProviderConfig) -> Capabilities {
    Capabilities {
        usage_in_streams: provider.capabilities.usage_in_streams,
        developer_role: provider.capabilities.developer_role,
    }
}

fn provider_spec(
    config: &Config,
    provider: &ProviderConfig,
) -> Result<ProviderSpec, SnapshotError> {
    let path = format!("provider {}", provider.name);
    let kind = serde_json::to_value(provider.kind).unwrap_or_default();
    let dialect = behest_providers::dialect(kind.as_str().unwrap_or_default())
        .ok_or_else(|| SnapshotError(format!("{path}: there is no dialect {kind}")))?;
    let ca = provider.ca.as_deref().map(Ca::read).transpose();
    let credential = provider.api_key.as_ref().and_then(|key| key.secret()).cloned();
    let names = |headers: &[PassedHeader]| headers.iter().map(|h| h.name().clone()).collect();
    Ok(ProviderSpec {
        name: provider.name.as_str().into(),
        dialect,
        line: Line {
            tls: provider.base_url.tls(),
            host: provider.base_url.host().into(),
            protocol: match provider.http {
                HttpVersion::Auto => Protocol::Auto,
                HttpVersion::H1 => Protocol::H1,
                HttpVersion::H2 => Protocol::H2,
            },
            ca: ca.map_err(|error| failed(&path, &error))?,
            credential,
        },
        port: provider.base_url.port(),
        authority: provider.base_url.authority(),
        base_path: provider.base_url.path().to_owned(),
        connect: config.timeouts.connect.duration(),
        idle: provider.idle.duration(),
        trace: provider.trace,
        pass_request: names(&provider.headers.pass_request),
        pass_response: names(&provider.headers.pass_response),
    })
}

fn keys(
    config: &Config,
    fixtures: &Fixtures,
    previous: Option<&Snapshot>,
) -> Result<ApiKeys, SnapshotError> {
    let previous = previous.map(|snapshot| snapshot.keys.as_ref());
    let records = ApiKeys::declare(declared_keys(config), previous);
    let records = records.map_err(|error| failed("api_keys", &error))?;
    let offload: Arc<dyn Offload> = fixtures.offload.clone();
    ApiKeys::new(records, previous, offload, fixtures.clock.clone(), AuthConfig::default())
        .map_err(|error| failed("api_keys", &error))
}

fn declared_keys(config: &Config) -> Vec<DeclaredKey> {
    let projects = config
        .tenants
        .iter()
        .flat_map(|tenant| tenant.projects.iter().map(move |project| (tenant, project)));
    let keys = projects.flat_map(|(tenant, project)| {
        project.api_keys.iter().map(move |key| DeclaredKey {
            id: format!("{}/{}", project.id, key.name).into(),
            tenant: tenant.id.as_str().into(),
            project: project.id.as_str().into(),
            secret: key.secret.secret().cloned().unwrap_or_else(|| Secret::new("")),
            end_user: match key.end_user {
                EndUser::Allow => EndUserRule::Allow,
                EndUser::Require => EndUserRule::Require,
                EndUser::Forbid => EndUserRule::Forbid,
            },
            allow_on_chat: project.allow_key_on_chat,
        })
    });
    keys.collect()
}

fn prices(config: &Config) -> PriceTable {
    let priced = config.models.iter().filter_map(|model| {
        let price = model.price?;
        let micros = |usd: config::Usd| MicroUsd::new(usd.micros());
        let made = Price::new(micros(price.input), micros(price.output));
        let made = match price.cached_input {
            Some(cached) => made.cached_input(micros(cached)),
            None => made,
        };
        Some((Arc::from(model.id.as_str()), made))
    });
    priced.collect()
}

fn limits(config: &Config) -> QuotaConfig {
    let projects = config.tenants.iter().flat_map(|tenant| &tenant.projects);
    let limited = projects.filter_map(|project| {
        let requests_per_minute = project.limits.requests_per_minute?.into();
        Some((Arc::from(project.id.as_str()), ProjectLimits { requests_per_minute }))
    });
    QuotaConfig {
        projects: limited.collect(),
        default_requests_per_minute: config.limits.project.requests_per_minute.into(),
    }
}

/// A project, as far as the gateway itself asks.
pub struct Project {
    /// Its id.
    pub id: Arc<str>,
    /// The model for requests that name none.
    pub model: Option<Arc<str>>,
    /// Pages of these origins may call it.
    pub origins: Vec<Origin>,
    /// The models that it may use; all if `None`.
    models: Option<Vec<String>>,
}

impl Project {
    /// Whether it may use a model.
    pub fn may_use(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|allowed| allowed == model))
    }
}

/// All projects.
pub struct Projects {
    all: Vec<Arc<Project>>,
    by_id: HashMap<Arc<str>, Arc<Project>>,
    by_slug: HashMap<String, Arc<Project>>,
}

impl Projects {
    fn new(config: &Config) -> Self {
        let mut projects = Self { all: Vec::new(), by_id: HashMap::new(), by_slug: HashMap::new() };
        for declared in config.tenants.iter().flat_map(|tenant| &tenant.projects) {
            let model = declared.model.as_ref().or(config.default_model.as_ref());
            let project = Arc::new(Project {
                id: declared.id.as_str().into(),
                model: model.map(|model| model.as_str().into()),
                origins: declared.allowed_origins.clone(),
                models: declared.models.clone(),
            });
            projects.by_id.insert(project.id.clone(), project.clone());
            if let Some(slug) = &declared.slug {
                projects.by_slug.insert(slug.clone(), project.clone());
            }
            projects.all.push(project);
        }
        projects
    }

    /// A project by its id.
    pub fn by_id(&self, id: &str) -> Option<&Project> {
        self.by_id.get(id).map(Arc::as_ref)
    }

    /// A project by its slug.
    pub fn by_slug(&self, slug: &str) -> Option<&Project> {
        self.by_slug.get(slug).map(Arc::as_ref)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Project> {
        self.all.iter().map(Arc::as_ref)
    }
}
