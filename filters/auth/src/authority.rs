//! Everything that decides who a caller is, as one value that does not change.
//!
//! A change of a key, a project or a switch makes the next authority from the one in use. Running
//! requests keep theirs; what was verified by an API key's hash is carried over, what was remembered of
//! tokens is not.

use crate::api_key::{ApiKeys, KeyRecord};
use crate::config::AuthConfig;
use crate::error::Errors;
use crate::jwks::Jwks;
use crate::mint::{MintRequest, Minter, Unsigned};
use crate::own_key::OwnKey;
use crate::project::{ProjectRecord, Projects};
use crate::rotation::newest_active;
use crate::switches::{Scope, Switch, Switches, switched_off};
use crate::token::{TenantKey, Tokens, TokensSpec, UserEpoch};
use behest_contract::clock::Clock;
use behest_contract::denial::{Denial, Kind};
use behest_contract::ports::Offload;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What an [`Authority`] is made of.
#[derive(Debug, Default)]
pub struct AuthoritySpec {
    /// The API keys. Those that the authority before has too are not looked at again.
    pub api_keys: Vec<Arc<KeyRecord>>,
    /// The projects that are served.
    pub projects: Vec<ProjectRecord>,
    /// The kill switches that are on.
    pub switches: Vec<Switch>,
    /// The issuer that this gateway's own tokens name.
    pub issuer: Arc<str>,
    /// The gateway's own keys.
    pub own_keys: Vec<OwnKey>,
    /// The tenants' keys that are in force.
    pub tenant_keys: Vec<TenantKey>,
    /// End users whose earlier tokens are refused.
    pub user_epochs: Vec<UserEpoch>,
    /// The numbers.
    pub config: AuthConfig,
}

/// Who is who, in one configuration.
pub struct Authority {
    /// The API keys.
    pub keys: ApiKeys,
    /// What verifies tokens.
    pub tokens: Tokens,
    /// The projects.
    pub projects: Arc<Projects>,
    /// The kill switches.
    pub switches: Switches,
    /// What mints tokens, if there is an active own key.
    pub minter: Option<Minter>,
    /// The key sets.
    pub jwks: Jwks,
    clock: Arc<dyn Clock>,
}

impl Authority {
    /// An authority, which carries over what the one before has verified.
    pub fn new(
        spec: AuthoritySpec,
        previous: Option<&Self>,
        offload: Arc<dyn Offload>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Errors> {
        let previous = previous.map(|authority| &authority.keys);
        let keys = ApiKeys::new(spec.api_keys, previous, offload, clock.clone(), spec.config)?;
        let lives: Vec<_> = spec.own_keys.iter().map(|key| key.life().clone()).collect();
        let active = newest_active(&lives).map(|active| &active.kid);
        let active = spec.own_keys.iter().find(|key| Some(&key.life().kid) == active);
        let minter = active.map(|key| Minter::new(key, spec.issuer.clone()));
        let jwks = Jwks::new(&spec.own_keys, &spec.tenant_keys);
        let projects = Arc::new(Projects::new(spec.projects));
        let tokens = TokensSpec {
            issuer: spec.issuer,
            own_keys: spec.own_keys,
            tenant_keys: spec.tenant_keys,
            user_epochs: spec.user_epochs,
        };
        let tokens = Tokens::new(tokens, projects.clone(), clock.clone());
        let switches = Switches::new(spec.switches);
        Ok(Self { keys, tokens, projects, switches, minter, jwks, clock })
    }

    /// A token for the end user that the request names, but for its signature; and whoever signs it.
    pub fn mint(
        &self,
        key: &KeyRecord,
        request: &MintRequest,
    ) -> Result<(&Minter, Unsigned), Box<Denial>> {
        let minter = self.minter.as_ref().ok_or_else(no_minter)?;
        if self.switches.stops_user(&key.project, Some(&request.user_id)) {
            return Err(switched_off(Scope::User));
        }
        let unsigned = minter.mint(key, request, &self.projects, self.clock.unix())?;
        Ok((minter, unsigned))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Authority");
        shown.field("keys", &self.keys).field("tokens", &self.tokens);
        shown.field("minter", &self.minter).finish_non_exhaustive()
    }
}

fn no_minter() -> Box<Denial> {
    let message = "The gateway has no key to sign tokens with yet.";
    Box::new(Denial::new(Kind::Unavailable, message).retry_after(Duration::from_secs(1)))
}
