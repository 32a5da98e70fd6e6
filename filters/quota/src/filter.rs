//! The limits as a filter.

use crate::admission::{Refusal, Standing};
use crate::config::QuotaConfig;
use crate::counters::Counters;
use crate::requests::Requests;
use behest_contract::clock::Clock;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, FactKey, Facts, Principal};
use behest_contract::filter::{Filter, Step, Visit};
use behest_contract::prompt::Prompt;
use http::HeaderMap;
use pingora_http::RequestHeader;
use std::sync::Arc;

/// Admits what a project may still send.
#[derive(Debug)]
pub struct Quota {
    requests: Arc<Requests>,
}

impl Quota {
    /// The limits of a configuration, over what has been counted so far.
    pub fn new(config: QuotaConfig, counters: Arc<Counters>, clock: Arc<dyn Clock>) -> Self {
        Self { requests: Arc::new(Requests::new(config, counters, clock)) }
    }
}

impl Filter for Quota {
    fn name(&self) -> &'static str {
        "quota"
    }

    fn reads(&self) -> Vec<FactKey> {
        vec![FactKey::of::<Endpoint>(), FactKey::of::<Principal>()]
    }

    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Asking { requests: self.requests.clone(), told: None })
    }
}

struct Asking {
    requests: Arc<Requests>,
    /// What the answer says about the limits, once there is something to say.
    told: Option<Standing>,
}

impl Asking {
    fn refuse(&mut self, refusal: Refusal) -> Verdict {
        self.told = Some(refusal.standing);
        Err(refusal.denial())
    }
}

impl Visit for Asking {
    fn head<'a>(&'a mut self, _: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        let asked = match metered(facts) {
            Err(denial) => return Step::Done(Err(denial)),
            Ok(None) => Ok(()),
            Ok(Some(Metered::Prompt(who))) => self.requests.peek(&who.project),
            Ok(Some(Metered::Mint(who))) => {
                self.requests.admit_mint(&who.key).map(|admission| self.told = admission.tightest)
            }
        };
        asked.or_else(|refusal| self.refuse(refusal)).into()
    }

    fn prompt<'a>(&'a mut self, _: &'a mut Prompt, facts: &'a mut Facts) -> Step<'a> {
        let verdict = match metered(facts) {
            Err(denial) => Err(denial),
            Ok(None | Some(Metered::Mint(_))) => Ok(()),
            Ok(Some(Metered::Prompt(who))) => match self.requests.admit(&who.project) {
                Ok(admission) => {
                    self.told = admission.tightest;
                    Ok(())
                }
                Err(refusal) => self.refuse(refusal),
            },
        };
        verdict.into()
    }

    fn reply(&mut self, headers: &mut HeaderMap, _: &Facts) {
        if let Some(standing) = &self.told {
            headers.extend(standing.headers());
        }
    }
}

/// Who is to be counted, and what for.
enum Metered<'a> {
    /// A request to a model, admitted on its final prompt.
    Prompt(&'a Principal),
    /// A token, which has no prompt.
    Mint(&'a Principal),
}

/// Who is to be counted, if the endpoint is. A missing fact is a bug of the host's, and refused:
/// nobody passes uncounted by it.
fn metered(facts: &Facts) -> Result<Option<Metered<'_>>, Box<Denial>> {
    match (facts.read::<Endpoint>(), facts.read::<Principal>()) {
        (Some(Endpoint::Models), _) => Ok(None),
        (Some(Endpoint::Chat | Endpoint::Embeddings), Some(who)) => Ok(Some(Metered::Prompt(who))),
        (Some(Endpoint::Mint), Some(who)) => Ok(Some(Metered::Mint(who))),
        _ => {
            let denial = Denial::new(Kind::Internal, "The request could not be metered.");
            Err(Box::new(denial.note("quota: Endpoint or Principal is not stated")))
        }
    }
}

#[cfg(test)]
mod tests;
