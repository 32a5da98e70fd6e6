//! End users' tokens: RS256 JWTs that this gateway minted, or that a tenant signed with a registered
//! key.
//!
//! A token is read strictly and once: three parts of canonical base64url, a header of four members that
//! may be, claims without a member twice. What it says chooses the key, by tenant and name, and nothing
//! else happens before the signature is good. Whatever is wrong, the refusal is the same.

mod cache;
mod claims;
mod compact;

use crate::api_key::Digest;
use crate::end_user;
use crate::error::unauthenticated;
use crate::own_key::{KeyState, OwnKey};
use crate::project::{ProjectRecord, Projects};
use crate::role::Role;
use crate::signing_key::{PublicKey, SigningKey};
use behest_contract::clock::Clock;
use behest_contract::denial::Denial;
use behest_contract::facts::Principal;
use cache::Cache;
use claims::Claims;
use compact::Compact;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A key that a tenant signs tokens with.
#[derive(Debug, Clone)]
pub struct TenantKey {
    /// Whose it is: the `tid` that its tokens may name.
    pub tenant: Arc<str>,
    /// The key.
    pub key: SigningKey,
}

/// From when on an end user's tokens must have been issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserEpoch {
    /// The project.
    pub project: Arc<str>,
    /// The end user in it.
    pub user: Arc<str>,
    /// The time, since the Unix epoch. Tokens from before it are refused, and those that do not say.
    pub not_before: Duration,
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who the request acts as; by the API key that minted the token, where the token is our own and
    /// says so, and else by the key that signed it.
    pub principal: Principal,
    /// The `kid` of the key that signed the token.
    pub signer: Arc<str>,
    /// What the end user is to the project; in a token that a tenant signed always a user.
    pub role: Role,
    /// When the token was issued, in seconds since the Unix epoch, if it says.
    pub issued_at: Option<u64>,
}

/// What tokens are verified with, in one configuration.
pub struct TokensSpec {
    /// The issuer that this gateway's own tokens name.
    pub issuer: Arc<str>,
    /// The gateway's own keys. Those that are revoked count as unknown.
    pub own_keys: Vec<OwnKey>,
    /// The tenants' keys.
    pub tenant_keys: Vec<TenantKey>,
    /// End users whose earlier tokens are refused.
    pub user_epochs: Vec<UserEpoch>,
}

/// Verifies tokens. It does not change; the next configuration makes a new one, and what this one
/// remembers is gone with it.
pub struct Tokens {
    issuer: Arc<str>,
    own: HashMap<Arc<str>, PublicKey>,
    by_tenant: HashMap<Arc<str>, HashMap<Arc<str>, PublicKey>>,
    projects: Arc<Projects>,
    epochs: HashMap<Arc<str>, HashMap<Arc<str>, Duration>>,
    cache: Cache,
    clock: Arc<dyn Clock>,
}

/// Why a token is refused; for the log only. It says nothing that the token says.
type Fault = &'static str;

/// Who has signed a token.
struct Signer<'k> {
    kid: &'k Arc<str>,
    key: &'k PublicKey,
    is_ours: bool,
}

impl Signer<'_> {
    /// The key that the token's use is booked under: the API key that asked us for it, unless the token
    /// is older than that claim. A tenant's key vouches for itself only.
    fn vouches_for(&self, claims: &Claims<'_>) -> Arc<str> {
        let minted_by = claims.key.as_deref().filter(|key| self.is_ours && !key.is_empty());
        minted_by.map_or_else(|| self.kid.clone(), Arc::from)
    }
}

impl Tokens {
    /// Tokens by these keys, for these projects.
    pub fn new(spec: TokensSpec, projects: Arc<Projects>, clock: Arc<dyn Clock>) -> Self {
        let good = spec.own_keys.iter().filter(|key| key.life().state != KeyState::Revoked);
        let own = good.map(|key| (key.life().kid.clone(), key.public().clone())).collect();
        let mut by_tenant: HashMap<_, HashMap<_, _>> = HashMap::new();
        for TenantKey { tenant, key } in spec.tenant_keys {
            let public = key.public().clone();
            by_tenant.entry(tenant).or_default().insert(key.kid().clone(), public);
        }
        let mut epochs: HashMap<_, HashMap<_, _>> = HashMap::new();
        for UserEpoch { project, user, not_before } in spec.user_epochs {
            epochs.entry(project).or_default().insert(user, not_before);
        }
        let cache = Cache::default();
        Self { issuer: spec.issuer, own, by_tenant, projects, epochs, cache, clock }
    }

    /// What a token says, if every part of it is as it must be.
    pub fn verify(&self, token: &str) -> Result<Verified, Box<Denial>> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(unauthenticated("token: too long"));
        }
        let digest = Digest::of(token);
        let now = self.clock.unix();
        self.cache.recall(&digest, now).map_or_else(
            || self.examine(token, digest, now).map_err(unauthenticated),
            |(verified, times)| times.check(now).map(|()| verified).map_err(unauthenticated),
        )
    }

    fn examine(&self, token: &str, digest: Digest, now: Duration) -> Result<Verified, Fault> {
        let compact = Compact::split(token)?;
        let header = compact.header()?;
        let kid = compact::kid(&header)?;
        let text = compact.claims()?;
        let claims = Claims::read(&text)?;
        let signer = self.signer(&kid, &claims)?;
        if !signer.key.has_signed(compact.signed.as_bytes(), &compact.signature()?) {
            return Err("token: bad signature");
        }
        claims.times.check(now)?;
        let verified = self.admit(&claims, &signer)?;
        self.cache.remember(digest, &verified, claims.times, now);
        Ok(verified)
    }

    /// The key that the token names, if its issuer may have it.
    fn signer(&self, kid: &str, claims: &Claims<'_>) -> Result<Signer<'_>, Fault> {
        let is_our_issuer = *claims.iss == *self.issuer;
        if let Some((kid, key)) = self.own.get_key_value(kid) {
            if !is_our_issuer {
                return Err("token: our key under another issuer");
            }
            return Ok(Signer { kid, key, is_ours: true });
        }
        let theirs = self.by_tenant.get(&*claims.tid).and_then(|keys| keys.get_key_value(kid));
        let (kid, key) = theirs.ok_or("token: unknown key")?;
        if is_our_issuer || !TENANT_ISSUERS.contains(&&*claims.iss) {
            return Err("token: a tenant's key under an issuer that is not its own");
        }
        Ok(Signer { kid, key, is_ours: false })
    }

    /// What a token that is genuine and in time must still be.
    fn admit(&self, claims: &Claims<'_>, signer: &Signer<'_>) -> Result<Verified, Fault> {
        let project = self.projects.project(&claims.pid);
        let project = project
            .filter(|project| *project.tenant == *claims.tid)
            .ok_or("token: no such project of this tenant")?;
        end_user::check(&claims.uid).map_err(|_| "token: unfit uid")?;
        self.check_epoch(project, claims)?;
        let role = match &claims.role {
            Some(word) if signer.is_ours => Role::parse(word).ok_or("token: unknown role")?,
            _ => Role::User,
        };
        let tier = |claim| project.tier(claim).or_else(|| project.lowest_tier());
        let principal = Principal {
            tenant: project.tenant.clone(),
            project: project.id.clone(),
            key: signer.vouches_for(claims),
            user: Some(claims.uid.as_ref().into()),
            tier: claims.tier.as_ref().and_then(tier),
            session: claims.sid.as_deref().map(Box::from),
        };
        let (signer, issued_at) = (signer.kid.clone(), claims.times.issued_at());
        Ok(Verified { principal, signer, role, issued_at })
    }

    fn check_epoch(&self, project: &ProjectRecord, claims: &Claims<'_>) -> Result<(), Fault> {
        let users = self.epochs.get(&project.id);
        let Some(not_before) = users.and_then(|users| users.get(&*claims.uid)) else {
            return Ok(());
        };
        let issued_at = claims.times.issued_at().map(Duration::from_secs);
        if issued_at.is_some_and(|issued_at| issued_at >= *not_before) {
            Ok(())
        } else {
            Err("token: issued before the user's epoch")
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Tokens");
        shown.field("issuer", &self.issuer).field("own_keys", &self.own.keys());
        shown.field("tenants", &self.by_tenant.len()).finish_non_exhaustive()
    }
}

/// Whether a credential is meant to be a token: no API key has dots.
pub(crate) fn is_token_shaped(credential: &str) -> bool {
    credential.starts_with("ey") && credential.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// The longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Seconds by which clocks may differ.
pub(crate) const LEEWAY: u64 = 30;

/// Seconds that a token may live.
pub(crate) const LIFE_MAX: u64 = 86_400;

/// Whom tokens are for.
pub(crate) const AUDIENCE: &str = "behest";

/// What tokens that a tenant signs may name as their issuer: what Behest's SDKs write, new and old.
const TENANT_ISSUERS: [&str; 2] = ["https://api.behest.ai", "behest"];

#[cfg(test)]
pub(crate) mod tests;
