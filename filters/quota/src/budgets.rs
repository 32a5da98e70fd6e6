//! The limits, the budgets and the purse that counts for them.

use crate::admission::{Admission, Amounts, Next};
use crate::config::{ModelTerms, QuotaConfig};
use crate::layer::Scope;
use crate::lease::{self, Lease};
use crate::party::Party;
use crate::policy::{Policies, Rule};
use crate::refusal::{Full, Refusal};
use crate::session;
use crate::standing::Standing;
use crate::want::Want;
use behest_contract::book::Row;
use behest_contract::clock::Clock;
use behest_contract::delta::Usage;
use behest_contract::purse::{Demand, Demands, Measure, Purse, Refused, Settlement, Window};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What everybody may use, and who counts it.
#[derive(Clone)]
pub struct Budgets {
    terms: Arc<Terms>,
    purse: Arc<dyn Purse>,
    clock: Arc<dyn Clock>,
}

/// A configuration made ready.
#[derive(Debug)]
struct Terms {
    policies: Policies,
    models: HashMap<Arc<str>, ModelTerms>,
    default_output_tokens: u64,
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Budgets {
    /// The limits of a configuration, over what this purse has counted.
    pub fn new(config: QuotaConfig, purse: Arc<dyn Purse>, clock: Arc<dyn Clock>) -> Self {
        let terms = Terms {
            policies: Policies::new(&config),
            models: config.models,
            default_output_tokens: config.default_output_tokens,
        };
        Self { terms: Arc::new(terms), purse, clock }
    }

    /// The same limits over another purse.
    pub(crate) fn over(&self, purse: Arc<dyn Purse>) -> Self {
        Self { purse, ..self.clone() }
    }

    /// Refuses whoever is known to have reached a limit. Takes nothing, and promises nothing.
    pub fn peek(&self, party: &Party<'_>) -> Result<(), Refusal> {
        let rules = self.terms.policies.of(party.project, party.tier);
        let asked = applying(&rules.rules, party);
        let demands: Demands = asked.iter().map(one_more).collect();
        let peeked = self.purse.peek(party.tenant, &party.subjects(), &demands);
        let Err(Refused::Full { demand, used, at }) = peeked else {
            // What is not known is no reason to refuse.
            return Ok(());
        };
        let Some(rule) = asked.get(demand) else { return Ok(()) };
        let standing = Standing::new(*rule, used, at);
        Err(Refusal::Full(Full { standing, wanted: 1, tier: rules.tier.clone() }))
    }

    /// Asks every layer at once for what a request may need. The prompt is taken at its bound: whoever
    /// has a [`Prompt`](behest_contract::prompt::Prompt) goes through [`Quota`](crate::Quota), which
    /// counts it where the bound is too much.
    pub async fn admit(&self, party: &Party<'_>, want: &Want<'_>) -> Result<Lease, Refusal> {
        let mut admission = self.begin(party, want)?;
        loop {
            match self.purse.admit(admission.ask()).settled().await {
                Ok(granted) => return Ok(admission.granted(&granted)),
                Err(refused) => match admission.refused(refused) {
                    Next::Ask => {}
                    Next::Count => admission.counted(None),
                    Next::Refuse(refusal) => return Err(refusal),
                },
            }
        }
    }

    /// Closes a lease: at what the provider reported, or `None` if the request never reached one, and
    /// everything is taken back.
    pub fn settle(&self, lease: &Lease, usage: Option<Usage>) {
        let bill = match usage {
            Some(usage) => lease.used(usage, false),
            None => lease::void(&lease.sketch),
        };
        self.close(bill.settlement);
    }

    pub(crate) fn close(&self, settlement: Settlement) {
        self.purse.settle(settlement);
    }

    pub(crate) fn purse(&self) -> &dyn Purse {
        self.purse.as_ref()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// An admission, ready to be asked for. Money cannot be reserved for what has no price: that is
    /// refused here, for a hard budget is not to be passed by.
    pub(crate) fn begin(&self, party: &Party<'_>, want: &Want<'_>) -> Result<Admission, Refusal> {
        let rules = self.terms.policies.of(party.project, party.tier);
        let asked = applying(&rules.rules, party);
        let terms = want.model.and_then(|model| self.terms.models.get(model));
        let terms = terms.copied().unwrap_or_default();
        let money = asked.iter().any(|rule| rule.layer.measure() == Measure::MicroUsd);
        if money && terms.price.is_none() {
            return Err(Refusal::Unpriced);
        }
        let bound = want.prompt.bound(terms.image_tokens);
        let amounts = Amounts::new(bound, want.output, &terms, self.terms.default_output_tokens);
        let names = (party.subjects(), self.sketch(party, want, &terms));
        Ok(Admission::new(rules, asked, terms, want.prompt, amounts, names))
    }

    /// The row as it is to be booked if this process dies before it can write a better one: the prompt is
    /// taken for read, and nothing for written.
    fn sketch(&self, party: &Party<'_>, want: &Want<'_>, terms: &ModelTerms) -> Row {
        let prompt_tokens = want.prompt.estimate(terms.image_tokens);
        let read = Usage { prompt_tokens, ..Usage::default() };
        Row {
            prompt_tokens,
            micro_usd: terms.price.map(|price| price.cost(&read).micros()),
            id: want.id.clone(),
            at_ms: u64::try_from(self.clock.unix().as_millis()).unwrap_or(u64::MAX),
            tenant: party.tenant.clone(),
            project: party.project.clone(),
            user: party.user.map(Box::from),
            session: Some(party.session.into()),
            key: party.key.clone(),
            model: want.model.cloned().unwrap_or_default(),
            ending: "lost".into(),
            estimated: true,
            ..Row::default()
        }
    }
}

/// The rules that apply: without an end user there is nobody whose limits to ask for. Who names no session
/// would stay in one for ever, and so has one of each day.
fn applying(rules: &[Rule], party: &Party<'_>) -> SmallVec<[Rule; 16]> {
    let applies = |rule: &&Rule| party.user.is_some() || rule.layer.scope() != Scope::User;
    let mut asked: SmallVec<[Rule; 16]> = rules.iter().filter(applies).copied().collect();
    if party.session == session::DEFAULT {
        let of_sessions = asked.iter_mut().filter(|rule| rule.layer.scope() == Scope::Session);
        of_sessions.for_each(|rule| rule.window = Window::Day);
    }
    asked
}

/// Whether there is room for anything at all.
fn one_more(rule: &Rule) -> Demand {
    Demand {
        subject: rule.layer.scope().subject(),
        measure: rule.layer.measure(),
        window: rule.window,
        limit: rule.limit,
        amount: 1,
    }
}
