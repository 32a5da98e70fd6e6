//! What counters have come to whose layers are set in the middle of their windows.
//!
//! A counter counts what is admitted while its layer is in force. When one is new, what was used of its
//! window before is in the ledger: its counter is set to that where it has come to less. So it may be told
//! any number of times, by any node, and never counts anything twice.

use crate::config::{ProjectPolicy, QuotaConfig};
use crate::layer::{Layer, Scope};
use crate::party::Party;
use crate::policy::Rules;
use crate::session;
use crate::tiers::Tier;
use behest_contract::book::{Side, Sum, UsageQuery};
use behest_contract::purse::{Measure, Opening, Window};
use smallvec::SmallVec;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// So far back a session's life is looked for.
const LIFE_MAX: Duration = Duration::from_secs(31 * 24 * 3600);

/// Layers of a project whose counters may have come to less than was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLayers {
    /// The project.
    pub project: Arc<str>,
    layers: Vec<Layer>,
}

/// What is to be asked of the ledger, and what counters have come to at least then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub query: UsageQuery,
    scope: Scope,
    window: Window,
    measures: SmallVec<[Measure; 3]>,
}

impl QuotaConfig {
    /// The layers over days, months and sessions that are new beside another configuration, to anybody at
    /// all, of projects that it has too.
    pub fn new_layers(&self, before: &Self) -> Vec<NewLayers> {
        let changed = self.projects.iter().filter_map(|(project, now)| {
            let before = before.projects.get(project).filter(|before| *before != now)?;
            let known = lasting(before);
            let new = lasting(now).into_iter().filter(|layer| !known.contains(layer));
            NewLayers::of(project, new)
        });
        changed.collect()
    }

    /// All layers of whole projects over days and months.
    pub fn project_layers(&self) -> Vec<NewLayers> {
        let all = self.projects.iter().filter_map(|(project, policy)| {
            let lasting = lasting(policy).into_iter();
            NewLayers::of(project, lasting.filter(|(_, layer)| layer.scope() == Scope::Project))
        });
        all.collect()
    }
}

/// The layers over more than minutes of each tier, and of whoever has none.
fn lasting(policy: &ProjectPolicy) -> HashSet<(Option<Arc<str>>, Layer)> {
    let tiers = policy.tiers.iter().map(Some).chain([None]);
    let of_tier = |tier: Option<&Tier>| {
        let Rules { rules, tier } = Rules::new(tier, policy, 0);
        rules.into_iter().map(move |rule| (tier.clone(), rule.layer))
    };
    let lasts =
        |layer: Layer| layer.window() != Window::Minute && layer.measure() != Measure::InFlight;
    tiers.flat_map(of_tier).filter(|(_, layer)| lasts(*layer)).collect()
}

impl NewLayers {
    fn of(
        project: &Arc<str>,
        layers: impl Iterator<Item = (Option<Arc<str>>, Layer)>,
    ) -> Option<Self> {
        let layers: HashSet<Layer> = layers.map(|(_, layer)| layer).collect();
        let layers: Vec<_> =
            Layer::ALL.into_iter().filter(|layer| layers.contains(layer)).collect();
        (!layers.is_empty()).then(|| Self { project: project.clone(), layers })
    }

    /// What is to be asked so that the counters of all subjects come to what was used by a time.
    pub fn questions(&self, tenant: &Arc<str>, at: Duration) -> Vec<Question> {
        let mut asked: Vec<Question> = Vec::new();
        for layer in &self.layers {
            let (scope, measure) = (layer.scope(), layer.measure());
            // A session's life, and the day of the one of whoever names none.
            let windows: &[Window] = match scope {
                Scope::Session => &[Window::Day, Window::Life],
                _ => &[layer.window()],
            };
            for window in windows {
                let same = asked.iter_mut().find(|one| one.scope == scope && one.window == *window);
                match same {
                    Some(question) => question.measures.push(measure),
                    None => asked.push(Question {
                        query: self.query(tenant, scope, span(*window, at)),
                        scope,
                        window: *window,
                        measures: [measure].into_iter().collect(),
                    }),
                }
            }
        }
        asked
    }

    fn query(&self, tenant: &Arc<str>, scope: Scope, time: Range<Duration>) -> UsageQuery {
        let sides: &[Side] = match scope {
            Scope::Project => &[],
            Scope::User => &[Side::User],
            Scope::Session => &[Side::User, Side::Session],
        };
        UsageQuery {
            tenant: tenant.clone(),
            project: Some(self.project.clone()),
            user: None,
            time,
            step: None,
            sides: SmallVec::from_slice(sides),
        }
    }
}

/// The window of a time; of a life, whole days up to then.
fn span(window: Window, at: Duration) -> Range<Duration> {
    let whole_days = || {
        let day = Window::Day.around(at).unwrap_or(at..at);
        day.start.saturating_sub(LIFE_MAX)..day.end
    };
    window.around(at).unwrap_or_else(whole_days)
}

impl Question {
    /// What counters have come to at least, by what the ledger says.
    pub fn openings(&self, sums: &[Sum]) -> Vec<Opening> {
        let of = |sum: &Sum| {
            let subject = self.subject(sum)?;
            let opening = |measure: &Measure| Opening {
                subject: subject.clone(),
                measure: *measure,
                window: self.window,
                amount: amount(sum, *measure),
            };
            Some(self.measures.iter().map(opening).collect::<SmallVec<[_; 3]>>())
        };
        sums.iter().filter_map(of).flatten().collect()
    }

    /// Whose counter it is; `None` if it is nobody's: there are no limits of users for nobody.
    fn subject(&self, sum: &Sum) -> Option<Arc<str>> {
        let project = self.query.project.as_ref()?;
        let side = |at: usize| sum.sides.get(at).and_then(Option::as_deref);
        let (user, session) = (side(0), side(1).unwrap_or(session::DEFAULT));
        let counts = match self.scope {
            Scope::Project => true,
            Scope::User => user.is_some(),
            Scope::Session => (session == session::DEFAULT) == (self.window == Window::Day),
        };
        let (tenant, tier) = (&self.query.tenant, None);
        let party = Party { tenant, project, user, tier, session, key: tenant };
        counts.then(|| party.subjects().get(usize::from(self.scope.subject())).cloned())?
    }
}

fn amount(sum: &Sum, measure: Measure) -> u64 {
    match measure {
        Measure::Requests => sum.requests,
        Measure::InFlight => 0,
        Measure::Tokens => sum.prompt_tokens.saturating_add(sum.completion_tokens),
        Measure::MicroUsd => sum.micro_usd,
    }
}

#[cfg(test)]
mod tests {
    use super::{Question, Sum};
    use crate::config::{ProjectPolicy, QuotaConfig};
    use behest_contract::purse::{Measure, Window};
    use std::time::Duration;

    /// 2025-06-15 15:06:40 UTC, and when that day and month began.
    const AT: Duration = Duration::from_secs(1_750_000_000);
    const DAY: Duration = Duration::from_secs(1_749_945_600);
    const MONTH: Duration = Duration::from_secs(1_748_736_000);

    fn config(change: impl Fn(&mut ProjectPolicy)) -> QuotaConfig {
        let mut policy = ProjectPolicy::default();
        change(&mut policy);
        QuotaConfig { projects: [("p".into(), policy)].into(), ..QuotaConfig::default() }
    }

    fn questions(change: impl Fn(&mut ProjectPolicy)) -> Vec<Question> {
        let new = config(change).new_layers(&config(|_| {}));
        new.iter().flat_map(|new| new.questions(&"t".into(), AT)).collect()
    }

    fn opened(question: &Question, sides: &[Option<&str>]) -> Vec<(String, Measure, u64)> {
        let sum = Sum {
            sides: sides.iter().map(|side| side.map(Box::from)).collect(),
            requests: 3,
            prompt_tokens: 40,
            completion_tokens: 5,
            micro_usd: 7,
            ..Sum::default()
        };
        let openings = question.openings(&[sum]).into_iter();
        openings.map(|it| (it.subject.to_string(), it.measure, it.amount)).collect()
    }

    #[test]
    fn only_what_is_new_and_lasts_is_asked_for() {
        assert_eq!(questions(|_| {}), []);
        assert_eq!(questions(|policy| policy.project.requests_per_minute = Some(9)), []);
        assert_eq!(questions(|policy| policy.project.max_in_flight = Some(9)), []);
        // There was another number before.
        assert_eq!(questions(|policy| policy.user.tokens_per_day = Some(9)), []);
        let with = |policy: &mut ProjectPolicy| policy.project.tokens_per_day = Some(9);
        assert_eq!(config(with).new_layers(&QuotaConfig::default()), []);
        assert_eq!(config(|_| {}).new_layers(&config(with)), []);
    }

    #[test]
    fn a_projects_counters_come_to_what_its_window_has_used() {
        let asked = questions(|policy| {
            policy.project.tokens_per_month = Some(9);
            policy.project.micro_usd_per_month = Some(9);
            policy.project.tokens_per_day = Some(9);
        });
        let times: Vec<_> = asked.iter().map(|one| one.query.time.clone()).collect();
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        assert_eq!(times, [DAY..DAY + hours(24), MONTH..MONTH + hours(30 * 24)]);
        let tokens = ("p:p".to_owned(), Measure::Tokens, 45);
        assert_eq!(opened(&asked[0], &[]), std::slice::from_ref(&tokens));
        assert_eq!(opened(&asked[1], &[]), [tokens, ("p:p".to_owned(), Measure::MicroUsd, 7)]);
    }

    #[test]
    fn users_and_sessions_have_their_own() {
        // The tiers have one already, and who has none has not.
        let asked = questions(|policy| {
            policy.user.requests_per_day = Some(9);
            policy.session.tokens = Some(9);
        });
        let [user, default, named] = &asked[..] else { panic!("{asked:?}") };
        let requests = ("u:p/ann".to_owned(), Measure::Requests, 3);
        assert_eq!(opened(user, &[Some("ann")]), [requests]);
        assert_eq!(opened(user, &[None]), []);
        assert_eq!((default.window, named.window), (Window::Day, Window::Life));
        let tokens = |subject: &str| vec![(subject.to_owned(), Measure::Tokens, 45)];
        assert_eq!(opened(default, &[Some("ann"), Some("default")]), tokens("s:p/ann/default"));
        assert_eq!(opened(default, &[Some("ann"), Some("s1")]), []);
        assert_eq!(opened(named, &[None, Some("s1")]), tokens("s:p//s1"));
        assert_eq!(opened(named, &[Some("ann"), Some("default")]), []);
    }
}
