//! The room: takes the credential off the head, has it authenticated, states who the request acts as.

use crate::api_key::{ApiKeys, Authentication, KeyRecord};
use crate::credential::Presented;
use crate::error::{Refusal, unauthenticated};
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, FactKey, Facts, HostProject, Principal};
use behest_contract::filter::{Filter, Step, Visit};
use pingora_http::RequestHeader;
use std::sync::Arc;

/// Authenticates each request that has an [`Endpoint`]; the others need no credential.
#[derive(Debug)]
pub struct Auth {
    keys: Arc<ApiKeys>,
}

impl Auth {
    /// The room of these keys.
    pub fn new(keys: Arc<ApiKeys>) -> Self {
        Self { keys }
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
        vec![FactKey::of::<Principal>()]
    }

    fn enter(&self) -> Box<dyn Visit> {
        Box::new(AuthVisit { keys: self.keys.clone() })
    }
}

struct AuthVisit {
    keys: Arc<ApiKeys>,
}

impl Visit for AuthVisit {
    fn head<'a>(&'a mut self, head: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        let Some(endpoint) = facts.read::<Endpoint>().copied() else { return Step::go() };
        let presented = Presented::take(head);
        let answer = presented.credential().map(|credential| self.keys.authenticate(credential));
        match answer {
            Err(denial) => Step::Done(Err(denial)),
            Ok(Authentication::Unknown) => Step::Done(Err(Refusal::Unknown.into())),
            Ok(Authentication::Known(key)) => Step::Done(admit(&key, endpoint, &presented, facts)),
            Ok(Authentication::Pending(verdict)) => {
                Step::Wait(Box::pin(
                    async move { admit(&*verdict.await?, endpoint, &presented, facts) },
                ))
            }
        }
    }
}

/// What a genuine key may still be refused for.
fn admit(key: &KeyRecord, endpoint: Endpoint, presented: &Presented, facts: &mut Facts) -> Verdict {
    if calls_models(endpoint) && !key.allow_on_chat {
        return Err(unauthenticated("the key may not call models"));
    }
    let host = facts.read::<HostProject>().and_then(|host| host.0.as_deref());
    if host.is_some_and(|project| *project != *key.project) {
        let message = "The credential belongs to another project.";
        return Denial::new(Kind::Forbidden, message).into();
    }
    let user = presented.end_user(key.end_user)?;
    facts.state(Principal {
        tenant: key.tenant.clone(),
        project: key.project.clone(),
        key: key.id.clone(),
        user,
        tier: None,
        session: None,
    });
    Ok(())
}

/// Without a wildcard: whoever adds an endpoint decides here.
fn calls_models(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Chat | Endpoint::Embeddings | Endpoint::Models => true,
        Endpoint::Mint => false,
    }
}

#[cfg(test)]
mod tests;
