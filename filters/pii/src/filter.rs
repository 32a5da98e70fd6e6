//! The shield and Sentinel as a filter.

mod lanes;

use crate::config::{Action, HookConfig, Mode};
use crate::events::{
    Direction, GuardrailEvent, GuardrailEvents, GuardrailHook, HookRequest, HookVerdict,
};
use crate::mac::Mac;
use crate::metrics::PiiMetrics;
use crate::placeholder::Owner;
use crate::policy::{PiiPolicies, Policy};
use crate::redactor::{Blocked, REPLACED_MAX, Redactor};
use crate::tally::Tally;
use crate::walk;
use behest_contract::clock::Clock;
use behest_contract::delta::Delta;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, Fact, FactKey, Facts, Principal, RequestId};
use behest_contract::filter::{Commit, Filter, Hears, Step, Visit};
use behest_contract::outcome::Outcome;
use behest_contract::prompt::{Prompt, Role};
use lanes::Lanes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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
    /// The time of events.
    pub clock: Arc<dyn Clock>,
}

/// Lets nothing personal leave, and puts it back into the answer.
pub struct Pii {
    policies: Arc<PiiPolicies>,
    ports: PiiPorts,
}

impl Pii {
    /// A filter with the policies of a snapshot.
    pub fn new(policies: Arc<PiiPolicies>, ports: PiiPorts) -> Self {
        Self { policies, ports }
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
            told: None,
            broken: None,
        })
    }
}

/// Who a request's events are about.
#[derive(Clone)]
struct Subject {
    tenant: Arc<str>,
    project: Arc<str>,
    request: Arc<str>,
}

/// One request's passage.
struct Watch {
    policies: Arc<PiiPolicies>,
    ports: PiiPorts,
    /// What is done with the answer, where something is.
    lanes: Option<Lanes>,
    told: Option<Subject>,
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
            (Some(Endpoint::Chat | Endpoint::Embeddings), Some(who), Some(id)) => {
                (who.clone(), id.0.clone())
            }
            (Some(Endpoint::Models | Endpoint::Mint | Endpoint::Usage), ..) => return Step::go(),
            _ => {
                let denial = Denial::new(Kind::Internal, "The request could not be checked.");
                return Step::Done(Err(Box::new(denial.note("pii: a fact is not stated"))));
            }
        };
        let Some(policy) = self.policies.find(&who.project, who.tier.as_deref()).cloned() else {
            return Step::go();
        };
        let subject =
            Subject { tenant: who.tenant.clone(), project: who.project.clone(), request: id };
        self.told = Some(subject.clone());
        if let Err(denial) = self.pass(&policy, &who, prompt, facts) {
            return Step::Done(Err(denial));
        }
        match policy
            .sentinel
            .as_ref()
            .and_then(|sentinel| sentinel.hook().map(|hook| (sentinel.mode(), hook)))
        {
            Some((mode, hook)) => self.ask(mode, hook.clone(), subject, prompt),
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
        let (Some(lanes), Some(subject)) = (self.lanes.take(), self.told.take()) else { return };
        let tally = lanes.tally();
        if !tally.is_empty() {
            let refused = self.broken.is_some().then_some(PII_BLOCK);
            self.tell_found(&subject, Direction::Response, lanes.mode(), tally, refused);
        }
    }
}

impl Watch {
    /// Checks and redacts a prompt.
    fn pass(
        &mut self,
        policy: &Policy,
        who: &Principal,
        prompt: &mut Prompt,
        facts: &mut Facts,
    ) -> Verdict {
        let Some(subject) = self.told.clone() else { return Ok(()) };
        let texts = walk::read(prompt);
        if let Some(sentinel) = &policy.sentinel {
            let enforced = sentinel.mode() == Mode::Enforce;
            let reasons = walk::check(prompt, &texts, sentinel);
            for reason in &reasons {
                self.tell(&subject, Finding::of_prompt(reason.label(), sentinel.mode(), enforced));
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
            self.tell_found(&subject, Direction::Request, shield.mode(), &tally, refused);
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

    /// Asks the project's guardrail about what would be sent.
    fn ask<'a>(
        &'a mut self,
        mode: Mode,
        config: HookConfig,
        subject: Subject,
        prompt: &Prompt,
    ) -> Step<'a> {
        let fail_open = config.fail_open;
        let texts = prompt.texts().map(|(.., now)| now.into_owned()).collect();
        let request = HookRequest {
            config,
            project_id: subject.project.clone(),
            request_id: subject.request.clone(),
            texts,
        };
        let asked = self.ports.hook.as_ref().map(|hook| hook.ask(request));
        Step::Wait(Box::pin(async move {
            let answer = match asked {
                Some(asked) => asked.await.ok(),
                None => None,
            };
            let enforced = mode == Mode::Enforce;
            match answer {
                Some(HookVerdict::Allow) => Ok(()),
                Some(HookVerdict::Block) => {
                    self.tell(&subject, Finding::of_prompt("hook", mode, enforced));
                    if enforced { Err(content_blocked()) } else { Ok(()) }
                }
                None => {
                    let refused = enforced && !fail_open;
                    self.tell(&subject, Finding::of_prompt("hook_silent", mode, refused));
                    if refused { Err(unchecked()) } else { Ok(()) }
                }
            }
        }))
    }

    fn tell_found(
        &self,
        subject: &Subject,
        direction: Direction,
        mode: Mode,
        tally: &Tally,
        refused: Option<&'static str>,
    ) {
        self.ports.metrics.found(tally);
        let mut names: Vec<Box<str>> = tally.iter().map(|(name, ..)| name.into()).collect();
        names.dedup();
        let (kind, taken) = match (mode, refused) {
            (Mode::Enforce, Some(kind)) => (kind, BLOCKED),
            (Mode::Enforce, None) => (PII_DETECTION, tally.strongest().map_or(LOGGED, taken)),
            _ => (PII_DETECTION, LOGGED),
        };
        let (entities, count) = (names, tally.total());
        self.tell(subject, Finding { kind, direction, mode, taken, entities, count });
    }

    fn tell(&self, subject: &Subject, finding: Finding) {
        self.ports.metrics.event(finding.kind, finding.taken);
        self.ports.events.record(GuardrailEvent {
            kind: finding.kind,
            tenant_id: subject.tenant.clone(),
            project_id: subject.project.clone(),
            direction: finding.direction,
            mode: finding.mode.label(),
            action_taken: finding.taken,
            entity_types: finding.entities,
            entity_count: finding.count,
            request_id: subject.request.clone(),
            timestamp_ms: u64::try_from(self.ports.clock.unix().as_millis()).unwrap_or(u64::MAX),
        });
    }
}

/// The words of events for findings of this filter, and for why they refuse a request.
const PII_DETECTION: &str = "pii_detection";
const PII_BLOCK: &str = "pii_block";
const PII_OVERFLOW: &str = "pii_overflow";

/// Why a prompt that may not be sent may not.
fn why(redactor: &Redactor) -> &'static str {
    let blocks = redactor.tally().strongest() == Some(Action::Block);
    if redactor.is_overfull() && !blocks { PII_OVERFLOW } else { PII_BLOCK }
}

/// The words of events for what was done.
const BLOCKED: &str = "blocked";
const LOGGED: &str = "logged";

fn taken(action: Action) -> &'static str {
    match action {
        Action::Mask => "masked",
        Action::Redact => "redacted",
        Action::Hash => "hashed",
        Action::Block => BLOCKED,
    }
}

/// What is told of a finding.
struct Finding {
    kind: &'static str,
    direction: Direction,
    mode: Mode,
    taken: &'static str,
    entities: Vec<Box<str>>,
    count: u64,
}

impl Finding {
    /// A prompt as a whole is not wanted.
    fn of_prompt(kind: &'static str, mode: Mode, refused: bool) -> Self {
        let taken = if refused { BLOCKED } else { LOGGED };
        let direction = Direction::Request;
        Self { kind, direction, mode, taken, entities: Vec::new(), count: 1 }
    }
}

/// The project's guardrail has said nothing.
fn unchecked() -> Box<Denial> {
    let message = "The request could not be checked by this project's guardrail.";
    let denial = Denial::new(Kind::Unavailable, message).note("pii: the hook is silent");
    Box::new(denial.retry_after(Duration::from_secs(1)))
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
