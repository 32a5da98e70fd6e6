//! When a prompt is counted, where, and what that changes.

use super::{House, Request};
use crate::config::{ModelTerms, ProjectPolicy, QuotaConfig, SessionLimits, UserLimits};
use crate::filter::Quota;
use crate::tokenizer::Vocabulary;
use behest_contract::denial::Kind;
use behest_contract::outcome::Ending;
use behest_contract::ports::{Busy, Job, Offload};
use behest_contract::purse::{Measure, Window};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn session(tokens: u64) -> ProjectPolicy {
    let session = SessionLimits { tokens: Some(tokens), micro_usd: None };
    let user = UserLimits { tokens_per_day: Some(1 << 40), ..UserLimits::default() };
    ProjectPolicy { session, user, ..ProjectPolicy::default() }
}

/// So many words of one token each, five bytes long.
fn words(count: usize) -> String {
    format!(r#"{{"messages":["{}"],"max_tokens":10}}"#, " word".repeat(count))
}

fn reserved(house: &House) -> u64 {
    house.used("s:own/ann/default", Measure::Tokens, Window::Day)
}

/// Runs jobs here and counts them, or has no room.
#[derive(Default)]
struct Elsewhere {
    jobs: AtomicU32,
    is_full: bool,
}

impl Offload for Elsewhere {
    fn run(&self, job: Job) -> Result<(), Busy> {
        if self.is_full {
            return Err(Busy);
        }
        self.jobs.fetch_add(1, Ordering::Relaxed);
        job();
        Ok(())
    }
}

#[test]
fn a_bound_that_fits_is_not_counted() {
    let house = House::new();
    assert!(Request::chat(&house.quota(session(100_000))).prompt(&words(1_000)).is_ok());
    assert_eq!(reserved(&house), 5_000 + 33 + 64 + 10);
}

#[test]
fn a_bound_that_does_not_fit_is_counted_and_asked_for_again() {
    let house = House::new();
    let quota = house.quota(session(1_090));
    assert!(Request::chat(&quota).prompt(&words(1_000)).is_ok());
    // A word each, around the text and the message 8 each, the frame and the output.
    assert_eq!(reserved(&house), 1_000 + 16 + 64 + 10);
    let house = House::new();
    let denial = Request::chat(&house.quota(session(1_089))).refused(&words(1_000));
    assert_eq!(denial.kind, Kind::BudgetExceeded);
    assert_eq!(reserved(&house), 0);
}

#[test]
fn what_no_count_can_help_is_not_counted() {
    let house = House::new();
    let elsewhere = Arc::new(Elsewhere::default());
    let quota = house.quota(session(9)).with_offload(elsewhere.clone());
    assert!(Request::chat(&quota).prompt(&words(100_000)).is_err());
    assert_eq!(elsewhere.jobs.load(Ordering::Relaxed), 0);
}

#[test]
fn a_long_prompt_is_counted_elsewhere_and_a_short_one_here() {
    let house = House::new();
    // Loads the vocabulary: until that is done, short ones are counted elsewhere too.
    crate::tokenizer::count(["warm"]);
    // 65,535 and 65,540 bytes.
    for (count, jobs) in [(13_107, 0), (13_108, 1)] {
        let elsewhere = Arc::new(Elsewhere::default());
        let quota = house.quota(session(13_300)).with_offload(elsewhere.clone());
        let mut request = Request::chat(&quota);
        assert!(request.prompt(&words(count)).is_ok(), "{count}");
        assert_eq!(elsewhere.jobs.load(Ordering::Relaxed), jobs, "{count}");
        request.close(Ending::Denied, 0, None);
    }
}

#[test]
fn no_room_elsewhere_is_an_overload() {
    let house = House::new();
    let elsewhere = Arc::new(Elsewhere { is_full: true, ..Elsewhere::default() });
    let quota = house.quota(session(20_000)).with_offload(elsewhere);
    let mut request = Request::chat(&quota);
    let denial = request.refused(&words(14_000));
    assert_eq!(denial.kind, Kind::Unavailable);
    assert!(denial.retry_after.is_some());
    assert_eq!(house.purse.leases(), 0);
}

#[test]
fn without_an_elsewhere_a_long_prompt_is_taken_at_its_bound() {
    let house = House::new();
    let quota = house.quota(session(20_000));
    assert_eq!(Request::chat(&quota).refused(&words(14_000)).kind, Kind::BudgetExceeded);
    assert!(Request::chat(&quota).prompt(&words(13_000)).is_ok());
}

#[test]
fn a_vocabulary_that_is_not_ours_has_a_margin() {
    let house = House::new();
    let config = |vocabulary| QuotaConfig {
        projects: [("own".into(), session(3_000))].into(),
        models: [("m".into(), ModelTerms { vocabulary, ..ModelTerms::default() })].into(),
        ..QuotaConfig::default()
    };
    for (vocabulary, prompt) in [(Vocabulary::O200k, 1_080), (Vocabulary::Other, 2_160)] {
        let clock = Arc::new(house.clock.clone());
        let quota = Quota::new(config(vocabulary), house.counters.clone(), clock);
        let quota = quota.with_purse(house.purse.clone());
        let mut request = Request::chat(&quota);
        assert!(request.prompt(&words(1_000)).is_ok());
        assert_eq!(reserved(&house), prompt + 10);
        request.close(Ending::Denied, 0, None);
    }
}

#[test]
fn what_filters_have_changed_is_what_is_counted() {
    let house = House::new();
    let quota = house.quota(session(1_100));
    let mut prompt = crate::reading::prompt(r#"{"messages":["x"],"max_tokens":10}"#);
    let (at, ..) = prompt.texts().next().unwrap();
    prompt.replace_text(at, &" word".repeat(1_000));
    assert!(Request::chat(&quota).send(&mut prompt).is_ok());
    assert_eq!(reserved(&house), 1_000 + 16 + 64 + 10);
}
