use super::Verifier;
use crate::api_key::tests::{CI, Counting, ci, is_known, keys, remembered};
use crate::api_key::{ApiKeys, Authentication};
use crate::config::AuthConfig;
use crate::error::{Error, Refusal};
use behest_contract::clock::SystemClock;
use behest_contract::ports::{Busy, Job, Offload};
use behest_contract::testing::ManualClock;
use futures::executor::block_on;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Runs each job on a thread of its own, and counts them.
#[derive(Default)]
struct Threads(AtomicUsize);

impl Offload for Threads {
    fn run(&self, job: Job) -> Result<(), Busy> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::thread::Builder::new().spawn(job).map(drop).map_err(|_| Busy)
    }
}

fn settle(answer: Authentication) -> Result<(), Refusal> {
    block_on(answer.settled()).map(drop)
}

#[test]
fn fifty_first_uses_share_one_run() {
    let offload = Counting::holding();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    let waiting: Vec<_> = (0..50).map(|_| keys.authenticate(CI)).collect();
    assert!(waiting.iter().all(|answer| matches!(answer, Authentication::Pending(_))));
    offload.run_held();
    let answers = block_on(join_all(waiting.into_iter().map(Authentication::settled)));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(offload.runs(), 1);
}

#[test]
fn fifty_threads_share_one_run() {
    let offload = Arc::new(Threads::default());
    let clock = Arc::new(SystemClock);
    let keys =
        ApiKeys::new(vec![Arc::new(ci())], None, offload.clone(), clock, AuthConfig::default())
            .unwrap();
    let start = Barrier::new(50);
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                start.wait();
                assert_eq!(settle(keys.authenticate(CI)), Ok(()));
                assert!(is_known(&keys.authenticate(CI)));
            });
        }
    });
    assert_eq!(offload.0.load(Ordering::SeqCst), 1);
}

#[test]
fn a_run_goes_on_when_everyone_who_waited_has_left() {
    let offload = Counting::holding();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    drop(keys.authenticate(CI));
    offload.run_held();
    assert!(is_known(&keys.authenticate(CI)));
}

#[test]
fn a_verified_key_is_verified_again_after_its_time() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let keys = keys(vec![ci()], None, &offload, &clock);
    assert_eq!(settle(keys.authenticate(CI)), Ok(()));
    clock.advance(Duration::from_mins(59));
    assert!(is_known(&keys.authenticate(CI)), "and a use does not prolong it");
    clock.advance(Duration::from_mins(1));
    assert_eq!(settle(keys.authenticate(CI)), Ok(()));
    assert_eq!(offload.runs(), 2);
    assert!(is_known(&keys.authenticate(CI)));
    assert_eq!(remembered(&keys), 1);
}

#[test]
fn a_forgotten_key_is_verified_again_and_the_others_are_not() {
    let offload = Counting::at_once();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    assert_eq!(settle(keys.authenticate(CI)), Ok(()));
    keys.forget("demo/other");
    assert!(is_known(&keys.authenticate(CI)));
    keys.forget("demo/ci");
    assert_eq!(remembered(&keys), 0);
    assert_eq!(settle(keys.authenticate(CI)), Ok(()));
    assert_eq!(offload.runs(), 2);
}

#[test]
fn a_run_that_was_under_way_when_its_key_was_forgotten_is_not_remembered() {
    let offload = Counting::holding();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    let before = keys.authenticate(CI);
    keys.forget("demo/ci");
    offload.run_held();
    assert_eq!(settle(before), Ok(()));
    assert_eq!(remembered(&keys), 0);

    let between = keys.authenticate(CI);
    keys.forget("demo/ci");
    let after = keys.authenticate(CI);
    offload.run_held();
    assert_eq!((settle(between), settle(after)), (Ok(()), Ok(())));
    assert!(is_known(&keys.authenticate(CI)), "the later run counts");
    assert_eq!(offload.runs(), 3);
}

#[test]
fn unknown_keys_do_not_grow_the_memory() {
    let offload = Counting::at_once();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    assert_eq!(settle(keys.authenticate(CI)), Ok(()));
    for n in 0..1000 {
        drop(keys.authenticate(&format!("{CI}{n}")));
    }
    assert_eq!(remembered(&keys), 1);
    assert!(is_known(&keys.authenticate(CI)));
}

#[test]
fn a_full_offload_is_busy_and_the_next_use_tries_again() {
    let offload = Counting::full();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    for _ in 0..2 {
        assert_eq!(settle(keys.authenticate(CI)), Err(Refusal::Busy));
    }
}

#[test]
fn everyone_who_waits_for_a_lost_run_is_told_and_the_next_use_starts_another() {
    let offload = Counting::holding();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    let waiting = [keys.authenticate(CI), keys.authenticate(CI)];
    offload.lose_held();
    assert_eq!(waiting.map(settle), [Err(Refusal::Busy), Err(Refusal::Busy)]);
    let again = keys.authenticate(CI);
    offload.run_held();
    assert_eq!(settle(again), Ok(()));
}

#[test]
fn a_memory_without_a_sensible_time_limit_is_refused() {
    for verified_for in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(86_401)] {
        let (offload, clock) = (Counting::at_once(), Arc::new(ManualClock::at(0)));
        let config = AuthConfig { verified_for, ..AuthConfig::default() };
        let errors = ApiKeys::new(vec![], None, offload, clock, config).unwrap_err();
        assert!(matches!(errors.iter().next(), Some(Error::VerifiedFor)));
    }
}

impl Verifier {
    /// How many keys are remembered as verified.
    pub(crate) fn size(&self) -> usize {
        assert!(self.queue.lock().is_empty(), "nothing is left of ended runs");
        self.verified.read().len()
    }
}
