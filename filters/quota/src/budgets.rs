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
use behest_contract::purse::{Ask, Demand, Demands, Measure, Purse, Refused, Settlement, Window};
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

    /// How every layer stands for whoever asks; one without an end user has no layers of end users, and one
    /// whose session has no name none of sessions. `id` is a request's that never was.
    ///
    /// Each layer is asked by itself, with a limit of nothing: so any purse says what its counter has come to,
    /// and none gives anything. What is told is exact, though not of one moment. An error says why nobody can
    /// tell now.
    pub async fn standings(&self, party: &Party<'_>, id: &str) -> Result<Vec<Standing>, Box<str>> {
        let rules = self.terms.policies.of(party.project, party.tier);
        let subjects = party.subjects();
        let has_session = !party.session.is_empty();
        let mut standings = Vec::new();
        for rule in applying(&rules.rules, party) {
            if rule.layer.scope() == Scope::Session && !has_session {
                continue;
            }
            let id: Arc<str> = format!("{id}-{}", rule.layer.label()).into();
            let ask = Ask {
                id: id.clone(),
                tenant: party.tenant.clone(),
                subjects: subjects.clone(),
                demands: [Demand { limit: 0, amount: 0, ..one_more(&rule) }].into_iter().collect(),
                sketch: Arc::default(),
                known: Arc::default(),
            };
            match self.purse.admit(ask).settled().await {
                Err(Refused::Full { used, at, .. }) => {
                    standings.push(Standing::new(rule, used, at));
                }
                Err(Refused::Unavailable(why)) => return Err(why),
                // A purse that goes on without what it counts by: it has lent nothing, and is told so.
                Ok(_) => {
                    let tenant = party.tenant.clone();
                    self.close(Settlement { id, tenant, tokens: 0, micro_usd: 0, void: true });
                    return Err("what is counted cannot be told now".into());
                }
            }
        }
        Ok(standings)
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

#[cfg(test)]
mod tests {
    use super::Budgets;
    use crate::config::{ProjectLimits, ProjectPolicy, QuotaConfig, SessionLimits};
    use crate::party::Party;
    use crate::prompt_size::PromptSize;
    use crate::reading::prompt;
    use crate::want::{Output, Want};
    use behest_contract::book::Answer;
    use behest_contract::clock::ManualClock;
    use behest_contract::delta::Usage;
    use behest_contract::purse::{
        Ask, Decision, Demand, Granted, MemoryPurse, Opening, Purse, Refused, Settlement,
    };
    use behest_contract::testing::block_on;
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::time::Duration;

    fn budgets(purse: Arc<dyn Purse>, clock: &ManualClock) -> Budgets {
        let project = ProjectLimits { tokens_per_day: Some(1000), ..ProjectLimits::default() };
        let session = SessionLimits { tokens: Some(500), ..SessionLimits::default() };
        let policy = ProjectPolicy { project, session, ..ProjectPolicy::default() };
        let config =
            QuotaConfig { projects: [("p".into(), policy)].into(), ..QuotaConfig::default() };
        Budgets::new(config, purse, Arc::new(clock.clone()))
    }

    /// Where somebody stands: each layer with its limit and what is used of it.
    fn standings(
        budgets: &Budgets,
        user: Option<&str>,
        session: &str,
    ) -> Result<Vec<(&'static str, u64, u64)>, Box<str>> {
        let (tenant, project) = ("t".into(), "p".into());
        let party =
            Party { tenant: &tenant, project: &project, user, tier: None, session, key: &project };
        let told = block_on(budgets.standings(&party, "never"))?;
        Ok(told.iter().map(|it| (it.layer.label(), it.limit, it.used)).collect())
    }

    #[test]
    fn where_somebody_stands_is_told_and_nothing_is_taken() {
        let clock = ManualClock::at(1_750_000_000);
        let purse = Arc::new(MemoryPurse::new(Arc::new(clock.clone())));
        let budgets = budgets(purse.clone(), &clock);
        let (tenant, project) = ("t".into(), "p".into());
        let user = Some("ann");
        let party = Party {
            tenant: &tenant,
            project: &project,
            user,
            tier: None,
            session: "s",
            key: &project,
        };
        let body = prompt(r#"{"messages":["hi"]}"#);
        let output = Output::Capped { tokens: 20, choices: 1 };
        let id = "r".into();
        let want = Want { id: &id, model: None, prompt: PromptSize::of(&body), output };
        let lease = block_on(budgets.admit(&party, &want)).unwrap();
        let usage = Usage { prompt_tokens: 30, completion_tokens: 12, ..Usage::default() };
        budgets.settle(&lease, Some(usage));
        for _ in 0..3 {
            assert_eq!(
                standings(&budgets, user, "s").unwrap(),
                [
                    ("project", 60, 1),
                    ("user", 6, 1),
                    ("user_tokens_day", 1_000_000, 42),
                    ("project_tokens_day", 1000, 42),
                    ("session_tokens", 500, 42),
                ]
            );
        }
        assert_eq!(purse.leases(), 0);
        let nobody = standings(&budgets, None, "").unwrap();
        assert_eq!(nobody, [("project", 60, 1), ("project_tokens_day", 1000, 42)]);
    }

    /// A purse that gives everything, as one does that goes on without what it counts by.
    #[derive(Default)]
    struct Blind(Mutex<Vec<Settlement>>);

    impl Purse for Blind {
        fn admit(&self, _: Ask) -> Decision {
            Decision::Done(Ok(Granted { used: [0].into_iter().collect(), at: Duration::ZERO }))
        }

        fn peek(&self, _: &str, _: &[Arc<str>], _: &[Demand]) -> Result<(), Refused> {
            Ok(())
        }

        fn raise(&self, _: &str, _: Duration, _: Vec<Opening>) -> Answer<()> {
            Box::pin(async { Ok(()) })
        }

        fn settle(&self, settlement: Settlement) {
            self.0.lock().push(settlement);
        }
    }

    #[test]
    fn what_is_given_all_the_same_is_given_back_and_not_taken_for_an_answer() {
        let purse = Arc::new(Blind::default());
        let budgets = budgets(purse.clone(), &ManualClock::at(1_750_000_000));
        assert!(standings(&budgets, None, "").is_err());
        let settled = purse.0.lock();
        assert!(matches!(&settled[..], [Settlement { void: true, .. }]), "{settled:?}");
    }
}
