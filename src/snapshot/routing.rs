//! Which providers serve a model: with the gateway's own keys, and with those of tenants that have some.

use super::{SnapshotError, failed};
use crate::config::{self, Config, HttpVersion, PassedHeader, Provider as ProviderConfig};
use crate::directory::{Object, Objects, ProviderKeyObject};
use crate::exchange::{Ca, Line, Model, Place, Protocol, Provider, ProviderSpec, Routes};
use crate::house::Fixtures;
use behest_contract::dialect::{Capabilities, OutputCap, Target};
use behest_contract::directory::Revision;
use behest_contract::seal;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The models and where they are served.
pub struct Routing {
    platform: Routes,
    by_tenant: HashMap<Box<str>, Arc<OwnRoutes>>,
}

/// The routes of a tenant with keys of its own.
struct OwnRoutes {
    routes: Routes,
    /// Which keys these are, and since when.
    made_of: Vec<(Box<str>, Revision)>,
}

/// One provider as it is configured.
struct Configured {
    spec: ProviderSpec,
    platform: Arc<Provider>,
    capabilities: Capabilities,
    takes_tenants_keys: bool,
    falls_back: bool,
}

impl Routing {
    /// The routes of a configuration. What `previous` has made of the same configuration is kept.
    pub(super) fn new(
        config: &Config,
        objects: &Objects,
        fixtures: &Fixtures,
        previous: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let providers = configured(config, fixtures)?;
        let mut routing = Self {
            platform: routes(config, &providers, &BTreeMap::new(), fixtures),
            by_tenant: HashMap::new(),
        };
        for (tenant, keys) in keys_by_tenant(objects) {
            let kept = previous.and_then(|routing| routing.by_tenant.get(tenant));
            let own = match kept.filter(|own| own.is_made_of(&keys)) {
                Some(own) => own.clone(),
                None => Arc::new(OwnRoutes {
                    routes: routes(config, &providers, &keys, fixtures),
                    made_of: made_of(&keys),
                }),
            };
            routing.by_tenant.insert(tenant.into(), own);
        }
        Ok(routing)
    }

    /// The routes for a tenant's requests.
    pub fn of(&self, tenant: &str) -> &Routes {
        self.by_tenant.get(tenant).map_or(&self.platform, |own| &own.routes)
    }
}

/// A tenant's keys by the provider's name.
type Keys<'a> = BTreeMap<&'a str, (&'a ProviderKeyObject, Revision)>;

fn keys_by_tenant(objects: &Objects) -> BTreeMap<&str, Keys<'_>> {
    let mut by_tenant: BTreeMap<&str, Keys<'_>> = BTreeMap::new();
    for kept in objects.provider_keys.kept() {
        let key = kept.object.as_ref();
        let keys = by_tenant.entry(&key.tenant).or_default();
        keys.insert(&key.provider, (key, kept.revision));
    }
    by_tenant
}

fn made_of(keys: &Keys<'_>) -> Vec<(Box<str>, Revision)> {
    keys.iter().map(|(provider, (_, revision))| ((*provider).into(), *revision)).collect()
}

impl OwnRoutes {
    fn is_made_of(&self, keys: &Keys<'_>) -> bool {
        self.made_of == made_of(keys)
    }
}

fn configured<'a>(
    config: &'a Config,
    fixtures: &Fixtures,
) -> Result<HashMap<&'a str, Configured>, SnapshotError> {
    let mut providers = HashMap::new();
    for provider in &config.providers {
        let spec = provider_spec(config, provider)?;
        let platform = Provider::new(spec.clone(), &fixtures.pools, &fixtures.clock);
        let configured = Configured {
            spec,
            platform: Arc::new(platform),
            capabilities: Capabilities {
                usage_in_streams: provider.capabilities.usage_in_streams,
                developer_role: provider.capabilities.developer_role,
                output_cap: match provider.capabilities.output_cap {
                    config::OutputCap::MaxCompletionTokens => OutputCap::MaxCompletionTokens,
                    config::OutputCap::MaxTokens => OutputCap::MaxTokens,
                    config::OutputCap::None => OutputCap::Untold,
                },
            },
            takes_tenants_keys: provider.byok.allow,
            falls_back: provider.byok.fallback,
        };
        providers.insert(provider.name.as_str(), configured);
    }
    Ok(providers)
}

fn routes(
    config: &Config,
    providers: &HashMap<&str, Configured>,
    keys: &Keys<'_>,
    fixtures: &Fixtures,
) -> Routes {
    let own: HashMap<&str, Option<Arc<Provider>>> = keys
        .iter()
        .filter_map(|(name, (key, _))| {
            let configured = providers.get(name).filter(|p| p.takes_tenants_keys)?;
            Some((*name, with_own_key(configured, key, fixtures)))
        })
        .collect();
    let models = config.models.iter().map(|model| {
        let places = model.targets.iter().flat_map(|target| {
            let Some(configured) = providers.get(target.provider.as_str()) else {
                return Vec::new();
            };
            let to = |provider: &Arc<Provider>| {
                let model = target.model.as_str().into();
                let target = Target { model, capabilities: configured.capabilities };
                Place::new(provider.clone(), target)
            };
            match own.get(target.provider.as_str()) {
                None => vec![to(&configured.platform)],
                Some(own) if configured.falls_back => {
                    own.iter().chain([&configured.platform]).map(to).collect()
                }
                Some(own) => own.iter().map(to).collect(),
            }
        });
        Model { id: model.id.as_str().into(), places: places.collect() }
    });
    Routes::new(models.collect())
}

/// The provider with a tenant's key. One that cannot be opened is no reason to use the gateway's own.
fn with_own_key(
    configured: &Configured,
    key: &ProviderKeyObject,
    fixtures: &Fixtures,
) -> Option<Arc<Provider>> {
    let opened = fixtures.seal.open(key.place(), &key.sealed);
    let opened = opened.inspect_err(|error| log::error!("provider key {}: {error}", key.id()));
    let mut spec = configured.spec.clone();
    spec.line.credential = Some(opened.ok()?);
    spec.is_tenants = true;
    spec.falls_back = configured.falls_back;
    Some(Arc::new(Provider::new(spec, &fixtures.pools, &fixtures.clock)))
}

impl ProviderKeyObject {
    /// Where its sealed key belongs.
    pub fn place(&self) -> seal::Place<'_> {
        seal::Place {
            tenant: &self.tenant,
            collection: Self::COLLECTION,
            record: &self.provider,
            field: "sealed",
        }
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
        is_tenants: false,
        falls_back: false,
    })
}
