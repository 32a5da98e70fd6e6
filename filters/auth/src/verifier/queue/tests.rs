//! Tests of a restart: every key is to be verified at once.

use super::RUNS_MAX;
use crate::api_key::tests::{Counting, ci, is_known};
use crate::api_key::{ApiKeys, Authentication, KeyRecord};
use crate::config::AuthConfig;
use crate::error::Refusal;
use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use behest_contract::clock::SystemClock;
use behest_contract::ports::{Busy, Job, Offload};
use behest_contract::testing::ManualClock;
use futures::executor::block_on;
use futures::future::{FutureExt, join_all};
use std::sync::Arc;
use std::time::Duration;

fn secret(n: usize) -> String {
    format!("behest_sk_live_{n:032x}")
}

/// Keys with a hash that costs next to nothing.
fn records(count: usize) -> Vec<Arc<KeyRecord>> {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let record = |n| {
        let phc = argon2.hash_password(secret(n).as_bytes()).unwrap().to_string();
        let id = format!("demo/{n}").into();
        Arc::new(KeyRecord { id, lookup: KeyRecord::lookup(&secret(n)), phc, ..ci() })
    };
    (0..count).map(record).collect()
}

fn keys(records: Vec<Arc<KeyRecord>>, offload: &Arc<Counting>, clock: &ManualClock) -> ApiKeys {
    let clock = Arc::new(clock.clone());
    ApiKeys::new(records, None, offload.clone(), clock, AuthConfig::default()).unwrap()
}

fn outcome(answer: &mut Option<Authentication>) -> Option<Result<(), Refusal>> {
    let settled = answer.take()?.settled().map(|known| known.map(drop));
    settled.now_or_never()
}

#[test]
fn a_thousand_keys_take_two_places_of_the_offload_and_all_are_verified() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(0));
    let keys = keys(records(1_000), &offload, &clock);
    let waiting: Vec<_> = (0..1_000).map(|n| keys.authenticate(&secret(n))).collect();
    let mut rounds = 0;
    while offload.held() > 0 {
        assert!(offload.held() <= 2, "the offload is left to others");
        // As long as a run of Argon2id takes, with one thread for all of them.
        clock.advance(Duration::from_millis(45) * u32::try_from(offload.held()).unwrap());
        offload.run_held();
        rounds += 1;
    }
    assert!(rounds <= 501, "{rounds}");
    let answers = block_on(join_all(waiting.into_iter().map(Authentication::settled)));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1_000);
    assert!((0..1_000).all(|n| is_known(&keys.authenticate(&secret(n)))));
}

#[test]
fn a_hot_key_is_next_however_many_idle_ones_came_before() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(0));
    let keys = keys(records(1_000), &offload, &clock);
    let idle: Vec<_> = (0..999).map(|n| keys.authenticate(&secret(n))).collect();
    let hot: Vec<_> = (0..20).map(|_| keys.authenticate(&secret(999))).collect();
    // Those two that were handed over before it came.
    offload.run_held();
    assert!(!is_known(&keys.authenticate(&secret(999))));
    offload.run_held();
    assert!(is_known(&keys.authenticate(&secret(999))));
    let answers = block_on(join_all(hot.into_iter().map(Authentication::settled)));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(offload.runs(), 4, "and its twenty callers shared one run");
    drop(idle);
}

#[test]
fn among_equals_the_first_to_come_is_the_first_to_go() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(0));
    let keys = keys(records(6), &offload, &clock);
    let waiting: Vec<_> = (0..6).map(|n| keys.authenticate(&secret(n))).collect();
    let known = || (0..6).filter(|n| is_known(&keys.authenticate(&secret(*n)))).count();
    offload.run_held();
    let mut waiting: Vec<_> = waiting.into_iter().map(Some).collect();
    let told: Vec<_> = waiting.iter_mut().map(outcome).map(|end| end.is_some()).collect();
    assert_eq!(told, [true, true, false, false, false, false]);
    offload.run_held();
    offload.run_held();
    assert_eq!(known(), 6);
}

#[test]
fn who_has_waited_too_long_is_told_and_its_key_is_verified_all_the_same() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(0));
    let keys = keys(records(5), &offload, &clock);
    let mut waiting: Vec<_> = (0..5).map(|n| Some(keys.authenticate(&secret(n)))).collect();
    clock.advance(Duration::from_secs(59));
    let mut late = Some(keys.authenticate(&secret(4)));
    clock.advance(Duration::from_secs(1));
    offload.run_held();
    let told: Vec<_> = waiting.iter_mut().map(outcome).collect();
    let busy = Some(Err(Refusal::Busy));
    assert_eq!(told, [Some(Ok(())), Some(Ok(())), busy, busy, busy]);
    assert_eq!(outcome(&mut late), busy, "a run has one wait, that of its first caller");

    let mut again = Some(keys.authenticate(&secret(3)));
    offload.run_held();
    offload.run_held();
    assert_eq!(outcome(&mut again), Some(Ok(())));
    assert!((0..5).all(|n| is_known(&keys.authenticate(&secret(n)))));
}

#[test]
fn beyond_a_number_of_keys_that_wait_the_next_one_is_busy_at_once() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(0));
    let keys = keys(records(RUNS_MAX + 1), &offload, &clock);
    for n in 0..RUNS_MAX {
        assert!(matches!(keys.authenticate(&secret(n)), Authentication::Pending(_)), "{n}");
    }
    assert!(matches!(keys.authenticate(&secret(RUNS_MAX)), Authentication::Busy));
    assert!(matches!(keys.authenticate(&secret(0)), Authentication::Pending(_)), "a place it has");
    offload.run_held();
    assert!(matches!(keys.authenticate(&secret(RUNS_MAX)), Authentication::Pending(_)));
}

#[test]
fn a_lost_job_leaves_nobody_waiting_for_ever() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(0));
    let keys = keys(records(10), &offload, &clock);
    let mut waiting: Vec<_> = (0..10).map(|n| Some(keys.authenticate(&secret(n)))).collect();
    offload.lose_held();
    assert!(waiting.iter_mut().all(|answer| outcome(answer) == Some(Err(Refusal::Busy))));
    let mut again = Some(keys.authenticate(&secret(7)));
    offload.run_held();
    assert_eq!(outcome(&mut again), Some(Ok(())));
}

/// Runs each job there and then, as an example's offload does.
struct InPlace;

impl Offload for InPlace {
    fn run(&self, job: Job) -> Result<(), Busy> {
        job();
        Ok(())
    }
}

#[test]
fn an_offload_that_works_in_place_is_enough_for_many_threads() {
    let (offload, clock) = (Arc::new(InPlace), Arc::new(SystemClock));
    let keys = ApiKeys::new(records(400), None, offload, clock, AuthConfig::default()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let keys = &keys;
            scope.spawn(move || {
                for n in 0..400 {
                    let n = (n * 7 + thread * 50) % 400;
                    let answer = keys.authenticate(&secret(n)).settled();
                    assert!(block_on(answer).is_ok(), "{n}");
                }
            });
        }
    });
}

#[test]
fn a_reload_in_the_middle_of_a_rush_does_not_begin_it_anew() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(0));
    let records = records(20);
    let first = keys(records.clone(), &offload, &clock);
    let before: Vec<_> = (0..20).map(|n| first.authenticate(&secret(n))).collect();
    offload.run_held();
    let (port, time) = (offload.clone(), Arc::new(clock.clone()));
    let second = ApiKeys::new(records, Some(&first), port, time, AuthConfig::default()).unwrap();
    let after: Vec<_> = (0..20).map(|n| second.authenticate(&secret(n))).collect();
    while offload.held() > 0 {
        offload.run_held();
    }
    assert_eq!(offload.runs(), 20);
    let both = before.into_iter().chain(after).map(Authentication::settled);
    assert!(block_on(join_all(both)).iter().all(Result::is_ok));
}
