//! Money, and purses that wait or fail.

use super::{House, Request, who};
use crate::config::{ProjectLimits, ProjectPolicy};
use behest_contract::book::Answer;
use behest_contract::denial::Kind;
use behest_contract::facts::{Endpoint, Facts, ModelChoice, RequestId};
use behest_contract::outcome::Ending;
use behest_contract::purse::{
    Ask, Decision, Demand, Measure, MemoryPurse, Opening, Purse, Refused, Settlement, Window,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn monthly(micro_usd: u64) -> ProjectPolicy {
    let micro_usd_per_month = Some(micro_usd);
    let project = ProjectLimits { micro_usd_per_month, ..ProjectLimits::default() };
    ProjectPolicy { project, ..ProjectPolicy::default() }
}

#[test]
fn a_model_without_a_price_passes_no_budget_in_money() {
    let house = House::new();
    for (policy, admitted) in [(monthly(1 << 40), false), (ProjectPolicy::default(), true)] {
        let mut request = Request::chat(&house.quota(policy));
        request.facts = Facts::default();
        request.facts.state(Endpoint::Chat);
        request.facts.state(RequestId("r".into()));
        request.facts.state(who("own", None, None));
        request.facts.state(ModelChoice("unpriced".into()));
        let verdict = request.empty();
        assert_eq!(verdict.is_ok(), admitted);
        if let Err(denial) = verdict {
            assert_eq!((denial.kind, denial.param), (Kind::Invalid, Some("model")));
            assert!(denial.details.is_none());
        }
        request.close(Ending::Denied, 0, None);
    }
    assert_eq!(house.purse.leases(), 0);
}

/// A purse of which others take in between, which answers late, or not at all.
struct Slow {
    inner: Arc<MemoryPurse>,
    answers: AtomicU32,
    /// From this answer on nobody knows.
    fails_from: u32,
    settled: Mutex<Vec<Settlement>>,
}

impl Purse for Slow {
    fn raise(&self, tenant: &str, at: Duration, openings: Vec<Opening>) -> Answer<()> {
        self.inner.raise(tenant, at, openings)
    }

    fn admit(&self, ask: Ask) -> Decision {
        let answers = self.answers.fetch_add(1, Ordering::Relaxed);
        let decision = self.inner.admit(ask);
        if answers >= self.fails_from {
            let refused = Refused::Unavailable("timed out".into());
            return Decision::Wait(Box::pin(async { Err(refused) }));
        }
        Decision::Wait(Box::pin(async { decision.settled().await }))
    }

    fn peek(&self, _: &str, _: &[Arc<str>], _: &[Demand]) -> Result<(), Refused> {
        Err(Refused::Unavailable("nothing is known".into()))
    }

    fn settle(&self, settlement: Settlement) {
        self.inner.settle(settlement.clone());
        self.settled.lock().push(settlement);
    }
}

fn slow(house: &House, fails_from: u32) -> Arc<Slow> {
    let answers = AtomicU32::new(0);
    Arc::new(Slow { inner: house.purse.clone(), answers, fails_from, settled: Mutex::default() })
}

#[test]
fn a_purse_that_answers_late_is_waited_for() {
    let house = House::new();
    let purse = slow(&house, 99);
    let quota = house.quota(monthly(300)).with_purse(purse.clone());
    let mut request = Request::chat(&quota);
    // What nobody knows yet is no reason to refuse early.
    assert!(request.head().is_ok());
    assert!(request.empty().is_ok());
    // Refused, counted, refused, shrunk.
    assert_eq!(purse.answers.load(Ordering::Relaxed), 3);
    assert_eq!(request.cap, Some(110));
    request.close(Ending::Completed, 1, Some(super::used(1, 1)));
    assert_eq!(purse.settled.lock()[0].micro_usd, 3);
}

#[test]
fn what_may_have_been_given_is_given_back_at_the_close() {
    let house = House::new();
    let purse = slow(&house, 0);
    let quota = house.quota(monthly(1 << 40)).with_purse(purse.clone());
    let mut request = Request::chat(&quota);
    let denial = request.empty().unwrap_err();
    assert_eq!(denial.kind, Kind::Unavailable);
    assert!(denial.retry_after.is_some());
    assert_eq!(denial.note.as_deref(), Some("quota: timed out"));
    assert_eq!(house.purse.leases(), 1);
    request.close(Ending::Internal, 0, None);
    assert_eq!(house.purse.leases(), 0);
    assert!(purse.settled.lock()[0].void);
}

#[test]
fn a_client_that_leaves_while_the_purse_thinks_has_taken_nothing() {
    let house = House::new();
    let purse = slow(&house, 99);
    let quota = house.quota(monthly(1 << 40)).with_purse(purse);
    let mut request = Request::chat(&quota);
    let mut prompt = crate::reading::prompt(r#"{"messages":[""]}"#);
    // The future is dropped before it is asked for its answer.
    drop(request.visit.prompt(&mut prompt, &mut request.facts));
    assert_eq!(house.purse.leases(), 1);
    request.close(Ending::ClientLeft, 0, None);
    assert_eq!(house.purse.leases(), 0);
}

#[test]
fn a_hard_budget_is_never_overdrawn() {
    for _ in 0..20 {
        let house = House::new();
        // Room for exactly ten: 33 bytes and the frame cost 97, and 10 tokens cost 20.
        let body = r#"{"messages":[""],"max_tokens":10}"#;
        let quota = house.quota(ProjectPolicy {
            project: ProjectLimits { requests_per_minute: Some(1_000), ..monthly(1_170).project },
            ..ProjectPolicy::default()
        });
        let admitted = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let mut request =
                            Request::of(&quota, Endpoint::Chat, who("own", None, None));
                        match request.prompt(body) {
                            Ok(()) => drop(admitted.fetch_add(1, Ordering::Relaxed)),
                            Err(denial) => assert_eq!(denial.kind, Kind::BudgetExceeded),
                        }
                    }
                });
            }
        });
        let spent = house.used("p:own", Measure::MicroUsd, Window::Month);
        assert_eq!((admitted.into_inner(), spent), (10, 1_170));
    }
}
