//! The limits as a filter.

use crate::admission::{Admission, Next};
use crate::alert::Alert;
use crate::budgets::Budgets;
use crate::config::QuotaConfig;
use crate::counters::Counters;
use crate::lease::{Heard, Lease, void};
use crate::minting::Minting;
use crate::party::Party;
use crate::prompt_size::{Countable, PromptSize};
use crate::refusal::Refusal;
use crate::session;
use crate::standing::Standings;
use crate::want::{Output, Want};
use behest_contract::book::{BillTray, Row};
use behest_contract::clock::Clock;
use behest_contract::delta::Delta;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, FactKey, Facts, ModelChoice, Principal, RequestId};
use behest_contract::filter::{Filter, Hears, Step, Visit};
use behest_contract::outcome::Outcome;
use behest_contract::ports::Offload;
use behest_contract::prompt::Prompt;
use behest_contract::purse::{Decision, Granted, Purse};
use http::HeaderMap;
use pingora_http::RequestHeader;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Admits what everybody may still use, and settles what it came to.
#[derive(Clone)]
pub struct Quota {
    budgets: Arc<Budgets>,
    minting: Arc<Minting>,
    offload: Option<Arc<dyn Offload>>,
    alert: Arc<Alert>,
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota").field("budgets", &self.budgets).finish_non_exhaustive()
    }
}

impl Quota {
    /// The limits of a configuration, over what this process has counted so far.
    pub fn new(config: QuotaConfig, counters: Arc<Counters>, clock: Arc<dyn Clock>) -> Self {
        let purse = counters.purse(&clock);
        let minting = Minting::new(config.mint_requests_per_minute, counters, clock.unix());
        let budgets = Arc::new(Budgets::new(config, purse, clock));
        Self { budgets, minting: Arc::new(minting), offload: None, alert: Arc::default() }
    }

    /// The same over another purse: one that outlives the process, or that many processes share.
    #[must_use]
    pub fn with_purse(self, purse: Arc<dyn Purse>) -> Self {
        Self { budgets: Arc::new(self.budgets.over(purse)), ..self }
    }

    /// Refuses whoever is known to have reached a limit, so that no body is read for nothing. While all
    /// are admitted it is not worth the look.
    fn ask_ahead(&self, party: &Party<'_>) -> Result<(), Refusal> {
        if self.alert.is_raised(self.budgets.clock()) { self.budgets.peek(party) } else { Ok(()) }
    }

    /// Has long prompts counted elsewhere. Without this, they are taken at their bound.
    #[must_use]
    pub fn with_offload(self, offload: Arc<dyn Offload>) -> Self {
        Self { offload: Some(offload), ..self }
    }
}

impl Filter for Quota {
    fn name(&self) -> &'static str {
        "quota"
    }

    fn reads(&self) -> Vec<FactKey> {
        vec![FactKey::of::<RequestId>(), FactKey::of::<Endpoint>(), FactKey::of::<Principal>()]
    }

    /// Texts, for an answer whose provider reports no usage.
    fn hears(&self) -> Hears {
        Hears::Text
    }

    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Passing {
            quota: self.clone(),
            session: None,
            told: Standings::default(),
            held: Held::Nothing,
            heard: Heard::default(),
        })
    }
}

/// One request's visit.
struct Passing {
    quota: Quota,
    /// The session that a header names.
    session: Option<Box<str>>,
    /// What the answer says about the limits.
    told: Standings,
    held: Held,
    heard: Heard,
}

/// What is to be given back or settled at the end.
enum Held {
    Nothing,
    /// It was asked for, and whether it was given is not known.
    Asked(Arc<Row>),
    Given(Box<Lease>),
}

impl Visit for Passing {
    fn head<'a>(&'a mut self, head: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        let asked = match metered(facts) {
            Err(denial) => return Step::Done(Err(denial)),
            Ok(None) => return Step::go(),
            Ok(Some(Metered::Mint(who))) => {
                let now = self.quota.budgets.clock().unix();
                let admitted = self.quota.minting.admit(&who.key, now);
                admitted.map(|standing| self.told.note(standing))
            }
            Ok(Some(Metered::Prompt(who, _))) => match session::named(head) {
                Err(denial) => return Step::Done(Err(denial)),
                Ok(named) => {
                    self.session = named;
                    self.quota.ask_ahead(&party(who, self.session.as_deref()))
                }
            },
        };
        asked.map_err(|refusal| self.refuse(&refusal)).into()
    }

    fn prompt<'a>(&'a mut self, prompt: &'a mut Prompt, facts: &'a mut Facts) -> Step<'a> {
        let (who, endpoint) = match metered(facts) {
            Err(denial) => return Step::Done(Err(denial)),
            Ok(None | Some(Metered::Mint(_))) => return Step::go(),
            Ok(Some(Metered::Prompt(who, endpoint))) => (who, endpoint),
        };
        let want = Want {
            id: facts.read::<RequestId>().map_or(&who.key, |RequestId(id)| id),
            model: facts.read::<ModelChoice>().map(|ModelChoice(model)| model),
            prompt: PromptSize::of(prompt),
            output: Output::of(prompt, endpoint),
        };
        let party = party(who, self.session.as_deref());
        let mut admission = match self.quota.budgets.begin(&party, &want) {
            Ok(admission) => admission,
            Err(refusal) => return Step::Done(Err(self.refuse(&refusal))),
        };
        self.held = Held::Asked(admission.sketch.clone());
        if let Some(tray) = facts.read::<BillTray>() {
            tray.begin(&admission.known);
        }
        // Most are decided at once: no future is made for those.
        match self.quota.budgets.purse().admit(admission.ask()) {
            Decision::Done(Ok(granted)) => {
                self.accept(&admission, &granted, prompt);
                Step::go()
            }
            Decision::Done(Err(refused)) => match admission.refused(refused) {
                Next::Refuse(refusal) => Step::Done(Err(self.refuse(&refusal))),
                next => Step::Wait(Box::pin(self.go_on(admission, next, prompt))),
            },
            Decision::Wait(answer) => Step::Wait(Box::pin(async move {
                match answer.await {
                    Ok(granted) => {
                        self.accept(&admission, &granted, prompt);
                        Ok(())
                    }
                    Err(refused) => {
                        let next = admission.refused(refused);
                        self.go_on(admission, next, prompt).await
                    }
                }
            })),
        }
    }

    fn reply(&mut self, headers: &mut HeaderMap, _: &Facts) {
        headers.extend(self.told.headers());
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        if let (Delta::Text(text), Held::Given(lease)) = (&delta, &self.held) {
            self.heard.add(text.len());
            lease.note(&self.heard);
        }
        out.push(delta);
    }

    fn close(&mut self, outcome: &Outcome, facts: &Facts) {
        let bill = match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => return,
            Held::Asked(sketch) => void(&sketch),
            Held::Given(lease) => lease.bill(outcome, &self.heard),
        };
        match facts.read::<BillTray>() {
            Some(tray) => tray.leave(bill),
            None => self.quota.budgets.close(bill.settlement),
        }
    }
}

impl Passing {
    fn accept(&mut self, admission: &Admission, granted: &Granted, prompt: &mut Prompt) {
        let lease = admission.granted(granted);
        if let Some(tokens) = lease.output_cap {
            prompt.cap_output(tokens);
        }
        self.told = lease.standings;
        self.held = Held::Given(Box::new(lease));
    }

    fn refuse(&mut self, refusal: &Refusal) -> Box<Denial> {
        self.told = refusal.standings();
        // What nobody can tell may have been given all the same: it is given back at the close.
        if !matches!(refusal, Refusal::Unavailable(_)) {
            self.held = Held::Nothing;
            self.quota.alert.raise(self.quota.budgets.clock());
        }
        refusal.denial()
    }

    /// Tries again, for less, until all is given or it is clear that it will not be.
    async fn go_on(
        &mut self,
        mut admission: Admission,
        mut next: Next,
        prompt: &mut Prompt,
    ) -> Verdict {
        loop {
            match next {
                Next::Refuse(refusal) => return Err(self.refuse(&refusal)),
                Next::Ask => {}
                Next::Count => {
                    let size = &admission.size;
                    let countable = Countable::of(prompt, size, admission.terms.image_tokens);
                    let counted = countable.counted(self.quota.offload.as_ref()).await;
                    admission.counted(counted.map_err(|_| self.overloaded())?);
                }
            }
            match self.quota.budgets.purse().admit(admission.ask()).settled().await {
                Ok(granted) => {
                    self.accept(&admission, &granted, prompt);
                    return Ok(());
                }
                Err(refused) => next = admission.refused(refused),
            }
        }
    }

    fn overloaded(&mut self) -> Box<Denial> {
        self.held = Held::Nothing;
        let denial = Denial::new(Kind::Unavailable, "The gateway is overloaded.");
        Box::new(denial.retry_after(Duration::from_secs(1)).note("quota: no room to count tokens"))
    }
}

fn party<'a>(who: &'a Principal, session: Option<&'a str>) -> Party<'a> {
    Party {
        tenant: &who.tenant,
        project: &who.project,
        user: who.user.as_deref(),
        tier: who.tier.as_deref(),
        session: session.or(who.session.as_deref()).unwrap_or(session::DEFAULT),
        key: &who.key,
    }
}

/// Who is to be counted, and what for.
enum Metered<'a> {
    /// A request to a model, admitted on its final prompt.
    Prompt(&'a Principal, Endpoint),
    /// A token, which has no prompt.
    Mint(&'a Principal),
}

/// Who is to be counted, if the endpoint is. A missing fact is a bug of the host's, and refused:
/// nobody passes uncounted by it.
fn metered(facts: &Facts) -> Result<Option<Metered<'_>>, Box<Denial>> {
    let who = facts.read::<Principal>().filter(|_| facts.read::<RequestId>().is_some());
    match (facts.read::<Endpoint>(), who) {
        (Some(Endpoint::Models | Endpoint::Usage), _) => Ok(None),
        (Some(endpoint @ (Endpoint::Chat | Endpoint::Embeddings)), Some(who)) => {
            Ok(Some(Metered::Prompt(who, *endpoint)))
        }
        (Some(Endpoint::Mint), Some(who)) => Ok(Some(Metered::Mint(who))),
        _ => {
            let denial = Denial::new(Kind::Internal, "The request could not be metered.");
            Err(Box::new(denial.note("quota: Endpoint, RequestId or Principal is not stated")))
        }
    }
}

#[cfg(test)]
mod tests;
