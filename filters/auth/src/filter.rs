//! The room: takes the credential off the head, has it authenticated, states who the request acts as.

use crate::api_key::{Authentication, KeyRecord};
use crate::authority::Authority;
use crate::credential::Presented;
use crate::error::{Refusal, unauthenticated};
use crate::token::{Verified, is_token_shaped};
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Accepts, Endpoint, Fact, FactKey, Facts, HostProject, Principal};
use behest_contract::filter::{Filter, Step, Visit};
use pingora_http::RequestHeader;
use std::sync::Arc;

/// Authenticates each request that has an [`Endpoint`]; the others need no credential.
#[derive(Debug)]
pub struct Auth {
    authority: Arc<Authority>,
}

/// The API key of a request to an endpoint that answers with what is the key's own: tokens, and usage.
#[derive(Debug, Clone)]
pub struct PresentedKey(pub Arc<KeyRecord>);

impl Fact for PresentedKey {
    const NAME: &'static str = "PresentedKey";
}

/// The `kid` of the key that signed the request's token. It can be switched off, too, with whatever
/// runs under it.
#[derive(Debug, Clone)]
pub struct TokenSigner(pub Arc<str>);

impl Fact for TokenSigner {
    const NAME: &'static str = "TokenSigner";
}

impl Auth {
    /// The room of this authority.
    pub fn new(authority: Arc<Authority>) -> Self {
        Self { authority }
    }
}

impl Filter for Auth {
    fn name(&self) -> &'static str {
        "auth"
    }

    fn reads(&self) -> Vec<FactKey> {
        vec![FactKey::of::<Endpoint>(), FactKey::of::<HostProject>()]
    }

    fn states(&self) -> Vec<FactKey> {
        vec![
            FactKey::of::<Principal>(),
            FactKey::of::<PresentedKey>(),
            FactKey::of::<TokenSigner>(),
        ]
    }

    fn enter(&self) -> Box<dyn Visit> {
        Box::new(AuthVisit { authority: self.authority.clone() })
    }
}

struct AuthVisit {
    authority: Arc<Authority>,
}

impl Visit for AuthVisit {
    fn head<'a>(&'a mut self, head: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        let Some(&endpoint) = facts.read::<Endpoint>() else { return Step::go() };
        let accepts = endpoint.accepts();
        let authority = &*self.authority;
        let presented = Presented::take(head);
        let credential = match presented.credential() {
            Ok(credential) => credential,
            Err(denial) => return Step::Done(Err(denial)),
        };
        if is_token_shaped(credential) {
            return Step::Done(admit_token(authority, credential, accepts, facts));
        }
        match authority.keys.authenticate(credential) {
            Authentication::Unknown => Step::Done(Err(Refusal::Unknown.into())),
            Authentication::Busy => Step::Done(Err(Refusal::Busy.into())),
            Authentication::Known(key) => {
                Step::Done(admit_key(authority, &key, endpoint, &presented, facts))
            }
            Authentication::Pending(verdict) => Step::Wait(Box::pin(async move {
                admit_key(authority, &verdict.await?, endpoint, &presented, facts)
            })),
        }
    }
}

/// A token names its end user itself: the header that names one counts for nothing.
fn admit_token(authority: &Authority, token: &str, accepts: Accepts, facts: &mut Facts) -> Verdict {
    match accepts {
        Accepts::TokenOrKey => {}
        Accepts::Key => return Err(unauthenticated("a token where an API key is asked for")),
    }
    let Verified { principal, signer, .. } = authority.tokens.verify(token)?;
    let host = check_host(&principal, facts);
    let verdict = host.and_then(|()| authority.switches.check_signed(&principal, &signer));
    facts.state(principal);
    facts.state(TokenSigner(signer));
    verdict
}

/// What a genuine key may still be refused for.
fn admit_key(
    authority: &Authority,
    key: &Arc<KeyRecord>,
    endpoint: Endpoint,
    presented: &Presented,
    facts: &mut Facts,
) -> Verdict {
    let project = authority.projects.project(&key.project);
    let project = project.ok_or_else(|| unauthenticated("the key's project is not served"))?;
    let named = match endpoint.accepts() {
        Accepts::TokenOrKey if !key.allow_on_chat => {
            return Err(unauthenticated("the key may not call models"));
        }
        Accepts::TokenOrKey => presented.end_user(key.end_user),
        // The body names the end user.
        Accepts::Key => Ok(None),
    };
    let (user, fault) = named.map_or_else(|fault| (None, Some(fault)), |user| (user, None));
    let principal = Principal {
        tenant: key.tenant.clone(),
        project: key.project.clone(),
        key: key.id.clone(),
        user,
        tier: project.default_tier.clone(),
        session: None,
    };
    // Switches before what is wrong with the request: whoever is switched off learns that first.
    let verdict = check_host(&principal, facts).and_then(|()| authority.switches.check(&principal));
    let verdict = verdict.and_then(|()| fault.map_or(Ok(()), Err));
    // Who it is was verified, so that whoever tells of a refusal can say it.
    facts.state(principal);
    verdict?;
    if matches!(endpoint, Endpoint::Mint | Endpoint::Usage) {
        facts.state(PresentedKey(key.clone()));
    }
    Ok(())
}

fn check_host(principal: &Principal, facts: &Facts) -> Verdict {
    let host = facts.read::<HostProject>().and_then(|host| host.0.as_deref());
    if host.is_some_and(|project| *project != *principal.project) {
        let message = "The credential belongs to another project.";
        return Denial::new(Kind::Forbidden, message).into();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
