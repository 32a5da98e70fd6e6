//! The shield and Sentinel as a filter.

mod guardrail;
mod lanes;
mod teller;

use crate::config::Mode;
use crate::events::{Direction, GuardrailEvents, GuardrailHook};
use crate::mac::Mac;
use crate::metrics::PiiMetrics;
use crate::placeholder::Owner;
use crate::policy::{PiiPolicies, Policy};
use crate::redactor::{Blocked, REPLACED_MAX, Redactor};
use crate::walk;
use behest_contract::clock::Clock;
use behest_contract::delta::Delta;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, Fact, FactKey, Facts, Principal, RequestId};
use behest_contract::filter::{Commit, Filter, Hears, Step, Visit};
use behest_contract::outcome::Outcome;
use behest_contract::ports::Errands;
use behest_contract::prompt::{Prompt, Role};
use lanes::Lanes;
use std::fmt;
use std::sync::Arc;
use teller::{PII_BLOCK, PII_OVERFLOW, Teller, why};

/// Values may be put back into the answer, so nothing may spell it a second time: whoever writes it
/// removes `logprobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoring;

impl Fact for Restoring {
    const NAME: &'static str = "Restoring";
}

/// What the filter needs of its host.
#[derive(Clone)]
pub struct PiiPorts {
    /// The key of placeholders. It must be one key on all nodes and for ever.
    pub mac: Arc<dyn Mac>,
    /// Where findings are recorded.
    pub events: Arc<dyn GuardrailEvents>,
    /// Where they are counted.
    pub metrics: PiiMetrics,
    /// Asks the guardrails of projects; without it, those are taken to be silent.
    pub hook: Option<Arc<dyn GuardrailHook>>,
    /// Asks them beside a request that need not wait for what they say.
    pub errands: Arc<dyn Errands>,
    /// The time of events.
    pub clock: Arc<dyn Clock>,
}

/// Lets nothing personal leave, and puts it back into the answer.
pub struct Pii {
    policies: Arc<PiiPolicies>,
    ports: Arc<PiiPorts>,
}

impl Pii {
    /// A filter with the policies of a snapshot.
    pub fn new(policies: Arc<PiiPolicies>, ports: PiiPorts) -> Self {
        Self { policies, ports: Arc::new(ports) }
    }
}

impl fmt::Debug for Pii {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pii").field("policies", &self.policies).finish_non_exhaustive()
    }
}

impl Filter for Pii {
    fn name(&self) -> &'static str {
        "pii"
    }

    fn reads(&self) -> Vec<FactKey> {
        vec![FactKey::of::<Endpoint>(), FactKey::of::<Principal>(), FactKey::of::<RequestId>()]
    }

    fn states(&self) -> Vec<FactKey> {
        vec![FactKey::of::<Restoring>()]
    }

    fn hears(&self) -> Hears {
        Hears::Text
    }

    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Watch {
            policies: self.policies.clone(),
            ports: self.ports.clone(),
            lanes: None,
            teller: None,
            broken: None,
        })
    }
}

/// One request's passage.
struct Watch {
    policies: Arc<PiiPolicies>,
    ports: Arc<PiiPorts>,
    /// What is done with the answer, where something is.
    lanes: Option<Lanes>,
    teller: Option<Teller>,
    /// Why the answer ends here.
    broken: Option<Box<Denial>>,
}

fn pii_blocked() -> Box<Denial> {
    let message = "The text holds personal data or secrets that this project does not let pass.";
    let mut denial = Denial::new(Kind::PiiBlocked, message);
    denial.retry_helps = false;
    Box::new(denial)
}

fn too_many() -> Box<Denial> {
    let message = format!(
        "The text holds more than {REPLACED_MAX} values that this project replaces: send less at a time."
    );
    let mut denial = Denial::new(Kind::TooLarge, message);
    denial.retry_helps = false;
    Box::new(denial)
}

fn content_blocked() -> Box<Denial> {
    let mut denial =
        Denial::new(Kind::ContentBlocked, "The request was stopped by this project's rules.");
    denial.retry_helps = false;
    Box::new(denial)
}

impl Visit for Watch {
    fn prompt<'a>(&'a mut self, prompt: &'a mut Prompt, facts: &'a mut Facts) -> Step<'a> {
        let (who, id) = match (
            facts.read::<Endpoint>(),
            facts.read::<Principal>(),
            facts.read::<RequestId>(),
        ) {
            (Some(Endpoint::Chat | Endpoint::Embeddings), Some(who), Some(id)) => (who, id),
            (Some(Endpoint::Models | Endpoint::Mint | Endpoint::Usage), ..) => return Step::go(),
            _ => {
                let denial = Denial::new(Kind::Internal, "The request could not be checked.");
                return Step::Done(Err(Box::new(denial.note("pii: a fact is not stated"))));
            }
        };
        let policy = self.policies.find(&who.project, who.tier.as_deref());
        let Some(policy) = policy.filter(|policy| policy.looks()).cloned() else {
            return Step::go();
        };
        let (who, id) = (who.clone(), id.0.clone());
        let teller = self.teller.insert(Teller {
            ports: self.ports.clone(),
            tenant: who.tenant.clone(),
            project: who.project.clone(),
            request: id,
        });
        let teller = teller.clone();
        if let Err(denial) = self.pass(&policy, &who, &teller, prompt, facts) {
            return Step::Done(Err(denial));
        }
        let hook = policy.sentinel.as_ref().and_then(|one| Some((one.mode(), one.hook()?)));
        match hook {
            Some((mode, hook)) => guardrail::ask(mode, hook.clone(), teller, prompt),
            None => Step::go(),
        }
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        let Some(lanes) = &mut self.lanes else {
            out.push(delta);
            return;
        };
        if lanes.take(delta, out) == Err(Blocked) && self.broken.is_none() {
            self.broken = Some(pii_blocked());
        }
    }

    fn broken(&mut self) -> Option<Box<Denial>> {
        self.broken.clone()
    }

    fn commit(&mut self) -> Option<Commit> {
        let denial = self.broken.clone()?;
        Some(Box::pin(async move { Err(denial) }))
    }

    fn close(&mut self, _: &Outcome, _: &Facts) {
        let (Some(lanes), Some(teller)) = (self.lanes.take(), self.teller.take()) else { return };
        let tally = lanes.tally();
        if !tally.is_empty() {
            let refused = self.broken.is_some().then_some(PII_BLOCK);
            teller.found(Direction::Response, lanes.mode(), tally, refused);
        }
    }
}

impl Watch {
    /// Checks and redacts a prompt.
    fn pass(
        &mut self,
        policy: &Policy,
        who: &Principal,
        teller: &Teller,
        prompt: &mut Prompt,
        facts: &mut Facts,
    ) -> Verdict {
        let texts = walk::read(prompt);
        if let Some(sentinel) = &policy.sentinel {
            let enforced = sentinel.mode() == Mode::Enforce;
            let reasons = walk::check(prompt, &texts, sentinel);
            for reason in &reasons {
                teller.of_prompt(reason.label(), sentinel.mode(), enforced);
            }
            if enforced && !reasons.is_empty() {
                return Err(content_blocked());
            }
        }
        let Some(shield) = policy.shield.clone() else { return Ok(()) };
        let enforced = shield.mode() == Mode::Enforce;
        if enforced
            && facts.read::<Endpoint>() == Some(&Endpoint::Embeddings)
            && walk::has_token_arrays(prompt)
        {
            let message =
                "\"input\" must be text: arrays of tokens cannot be checked for personal data.";
            return Err(Box::new(Denial::new(Kind::Invalid, message).param("input")));
        }
        let owner = Owner {
            tenant: who.tenant.clone(),
            project: who.project.clone(),
            user: who.user.clone(),
        };
        let mut redactor = Redactor::new(shield.clone(), self.ports.mac.clone(), owner);
        let edits = walk::redact(prompt, &texts, &mut redactor);
        let refused = edits.is_err().then(|| why(&redactor));
        let (vault, tally, answer) = redactor.into_answer();
        if refused.is_some() || !tally.is_empty() {
            teller.found(Direction::Request, shield.mode(), &tally, refused);
        }
        match refused {
            Some(PII_OVERFLOW) => return Err(too_many()),
            Some(_) => return Err(pii_blocked()),
            None => {}
        }
        for (at, text) in edits.unwrap_or_default() {
            prompt.replace_text(at, &text);
        }
        if enforced && (shield.answers() || !vault.is_empty()) {
            hide_logprobs(prompt);
            facts.state(Restoring);
        }
        if shield.answers() || !vault.is_empty() {
            let lanes = Lanes::new(vault, answer, shield.answers());
            self.lanes = Some(lanes.with_json_said(prompt.outline().json_asked));
        }
        Ok(())
    }
}

/// Nobody asks the provider for what would have to be removed.
fn hide_logprobs(prompt: &mut Prompt) {
    let told = prompt.outline().members.iter().filter(|member| member.role == Role::Logprobs);
    let told: Vec<_> = told.copied().collect();
    for member in &told {
        prompt.edits().drop_member(member);
    }
}

#[cfg(test)]
mod tests;
