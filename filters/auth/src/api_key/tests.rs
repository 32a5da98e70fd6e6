//! Tests of keys, and the doubles that the other tests of this crate use too.

use super::{ApiKeys, Authentication, KeyRecord, NewKey};
use crate::config::{AuthConfig, DeclaredKey, EndUserRule};
use crate::error::{Error, Errors, Refusal};
use crate::role::Role;
use behest_contract::ports::{Busy, Job, Offload};
use behest_contract::secret::Secret;
use behest_contract::testing::ManualClock;
use futures::executor::block_on;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub(crate) const CI: &str = "behest_sk_live_00112233445566778899aabbccddeeff";
const PHONE: &str = "bh_live_ffeeddccbbaa99887766554433221100";

/// Hashing takes a while: once for all tests.
static CI_PHC: LazyLock<String> = LazyLock::new(|| KeyRecord::hash(CI).unwrap());
static PHONE_PHC: LazyLock<String> = LazyLock::new(|| KeyRecord::hash(PHONE).unwrap());

/// An offload that counts the jobs that it ran, and runs them when it is told to.
#[derive(Default)]
pub(crate) struct Counting {
    ran: AtomicUsize,
    at_once: bool,
    full: bool,
    held: Mutex<Vec<Job>>,
}

impl Counting {
    pub(crate) fn at_once() -> Arc<Self> {
        Arc::new(Self { at_once: true, ..Self::default() })
    }

    pub(crate) fn holding() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn full() -> Arc<Self> {
        Arc::new(Self { full: true, ..Self::default() })
    }

    pub(crate) fn run_held(&self) {
        let held = std::mem::take(&mut *self.held.lock());
        for job in held {
            self.ran.fetch_add(1, Ordering::SeqCst);
            job();
        }
    }

    pub(crate) fn lose_held(&self) {
        let held = std::mem::take(&mut *self.held.lock());
        drop(held);
    }

    /// How many jobs have been handed over and not run.
    pub(crate) fn held(&self) -> usize {
        self.held.lock().len()
    }

    pub(crate) fn runs(&self) -> usize {
        self.ran.load(Ordering::SeqCst)
    }
}

impl Offload for Counting {
    fn run(&self, job: Job) -> Result<(), Busy> {
        if self.full {
            return Err(Busy);
        }
        self.held.lock().push(job);
        if self.at_once {
            self.run_held();
        }
        Ok(())
    }
}

pub(crate) fn ci() -> KeyRecord {
    KeyRecord {
        id: "demo/ci".into(),
        tenant: "acme".into(),
        project: "demo".into(),
        lookup: KeyRecord::lookup(CI),
        phc: CI_PHC.clone(),
        end_user: EndUserRule::Allow,
        allow_on_chat: true,
        role: Role::User,
        expires_at: None,
    }
}

fn phone() -> KeyRecord {
    let (lookup, phc) = (KeyRecord::lookup(PHONE), PHONE_PHC.clone());
    KeyRecord { id: "demo/phone".into(), lookup, phc, ..ci() }
}

pub(crate) fn keys(
    records: Vec<KeyRecord>,
    previous: Option<&ApiKeys>,
    offload: &Arc<Counting>,
    clock: &ManualClock,
) -> ApiKeys {
    let (offload, clock) = (offload.clone(), Arc::new(clock.clone()));
    let records = records.into_iter().map(Arc::new).collect();
    ApiKeys::new(records, previous, offload, clock, AuthConfig::default()).unwrap()
}

/// Keys of records that the host keeps.
fn shared(
    records: Vec<Arc<KeyRecord>>,
    previous: Option<&ApiKeys>,
    offload: &Arc<Counting>,
    clock: &ManualClock,
) -> Result<ApiKeys, Errors> {
    let (offload, clock) = (offload.clone(), Arc::new(clock.clone()));
    ApiKeys::new(records, previous, offload, clock, AuthConfig::default())
}

pub(crate) fn is_known(answer: &Authentication) -> bool {
    matches!(answer, Authentication::Known(_))
}

/// How many keys are remembered as verified.
pub(crate) fn remembered(keys: &ApiKeys) -> usize {
    keys.verifier.size()
}

fn settle(keys: &ApiKeys, presented: &str) -> Result<String, Refusal> {
    block_on(keys.authenticate(presented).settled()).map(|key| key.id.to_string())
}

fn declared(id: &str, secret: &str) -> DeclaredKey {
    DeclaredKey {
        id: id.into(),
        tenant: "acme".into(),
        project: "demo".into(),
        secret: Secret::new(secret),
        end_user: EndUserRule::Allow,
        allow_on_chat: true,
    }
}

#[test]
fn a_hash_is_argon2id_with_the_parameters_that_are_promised_and_a_salt_of_its_own() {
    assert!(CI_PHC.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", *CI_PHC);
    let again = KeyRecord { phc: KeyRecord::hash(CI).unwrap(), ..ci() };
    assert_ne!(again.phc, *CI_PHC);
    assert!(again.verify(CI) && !again.verify(PHONE));
}

#[test]
fn each_key_is_known_as_itself_and_verified_once() {
    let offload = Counting::at_once();
    let keys = keys(vec![ci(), phone()], None, &offload, &ManualClock::at(0));
    for _ in 0..3 {
        assert_eq!(settle(&keys, CI).as_deref(), Ok("demo/ci"));
        assert_eq!(settle(&keys, PHONE).as_deref(), Ok("demo/phone"));
    }
    assert_eq!(offload.runs(), 2);
    assert!(is_known(&keys.authenticate(CI)));
}

#[test]
fn an_unknown_key_costs_no_argon2id_run() {
    let offload = Counting::at_once();
    let keys = keys(vec![ci()], None, &offload, &ManualClock::at(0));
    assert!(settle(&keys, CI).is_ok());
    let swapped = format!("{}e", &CI[..CI.len() - 1]);
    let cased = CI.to_uppercase();
    for wrong in [PHONE, "", "x", &swapped, &cased, &CI[1..], &format!("{CI}0")] {
        assert!(matches!(keys.authenticate(wrong), Authentication::Unknown), "{wrong}");
    }
    assert_eq!(offload.runs(), 1);
    assert!(is_known(&keys.authenticate(CI)), "and displaces nothing");
}

#[test]
fn a_hash_of_another_key_is_not_satisfied_by_the_digest_alone() {
    let offload = Counting::at_once();
    let damaged = KeyRecord { phc: PHONE_PHC.clone(), ..ci() };
    let keys = keys(vec![damaged], None, &offload, &ManualClock::at(0));
    assert_eq!(settle(&keys, CI), Err(Refusal::Unknown));
    assert!(!is_known(&keys.authenticate(CI)));
}

#[test]
fn a_reload_keeps_what_is_verified_and_drops_what_is_gone() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let first = keys(vec![ci(), phone()], None, &offload, &clock);
    assert!(settle(&first, CI).is_ok() && settle(&first, PHONE).is_ok());

    let moved = KeyRecord { project: "other".into(), ..ci() };
    let second = keys(vec![moved], Some(&first), &offload, &clock);
    assert!(matches!(second.authenticate(PHONE), Authentication::Unknown));
    match second.authenticate(CI) {
        Authentication::Known(key) => assert_eq!(&*key.project, "other", "the new record counts"),
        _ => panic!("a verified key is verified again"),
    }
    let third = keys(vec![ci(), phone()], Some(&second), &offload, &clock);
    assert!(is_known(&third.authenticate(CI)));
    assert!(matches!(third.authenticate(PHONE), Authentication::Pending(_)), "it was gone");
    assert_eq!(settle(&first, PHONE).as_deref(), Ok("demo/phone"), "running requests keep theirs");
}

#[test]
fn a_reload_does_not_prolong_what_is_verified() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let first = keys(vec![ci()], None, &offload, &clock);
    assert!(settle(&first, CI).is_ok());
    clock.advance(Duration::from_mins(59));
    let second = keys(vec![ci()], Some(&first), &offload, &clock);
    assert!(is_known(&second.authenticate(CI)));
    clock.advance(Duration::from_mins(1));
    assert!(!is_known(&second.authenticate(CI)));
}

#[test]
fn declaring_again_hashes_new_keys_only() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let records = ApiKeys::declare(vec![declared("demo/ci", CI)], None).unwrap();
    let hash = records[0].phc.clone();
    let first = shared(records, None, &offload, &clock).unwrap();
    let both = vec![declared("demo/renamed", CI), declared("demo/phone", PHONE)];
    let records = ApiKeys::declare(both, Some(&first)).unwrap();
    assert_eq!(records[0].phc, hash);
    assert_eq!(&*records[0].id, "demo/renamed");
    assert!(records[1].verify(PHONE));
}

#[test]
fn every_unfit_declared_key_is_told_and_none_is_shown() {
    let long = "x".repeat(8193);
    let unfit = [
        declared("a", "short-of-sixteen"),
        declared("b", "only-fifteen-ch"),
        declared("c", "with a space in it"),
        declared("d", "with,a,comma,in,it"),
        declared("e", "sm\u{f6}rg\u{e5}sbord-smorgasbord"),
        declared("f", &long),
        declared("g", ""),
    ];
    let shown = format!("{unfit:?}");
    let errors = ApiKeys::declare(unfit.into(), None).unwrap_err();
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "key `b` is shorter than 16 characters",
            "key `c` holds a character that is no visible ASCII, or a comma",
            "key `d` holds a character that is no visible ASCII, or a comma",
            "key `e` holds a character that is no visible ASCII, or a comma",
            "key `f` is longer than 8192 characters",
            "key `g` is shorter than 16 characters",
        ]
    );
    assert!(!shown.contains("sixteen") && !format!("{errors:?}").contains("fifteen"));
}

#[test]
fn records_in_each_others_way_and_unfit_hashes_are_told() {
    let same_id = KeyRecord { id: "demo/ci".into(), ..phone() };
    let same_secret = KeyRecord { id: "demo/twin".into(), ..ci() };
    let plain = "$pbkdf2-sha256$i=1000$c2FsdHNhbHQ$aGFzaGhhc2g";
    let vast = CI_PHC.replace("m=19456", "m=4194304");
    let hashes = [String::new(), plain.to_owned(), vast, CI_PHC.replace("argon2id", "argon2d")];
    let unfit = hashes.into_iter().enumerate().map(|(n, phc)| {
        let lookup = [u8::try_from(n).unwrap(); 32];
        KeyRecord { id: format!("unfit/{n}").into(), lookup, phc, ..ci() }
    });
    let records = [ci(), same_id, same_secret].into_iter().chain(unfit).map(Arc::new).collect();
    let errors = shared(records, None, &Counting::at_once(), &ManualClock::at(0)).unwrap_err();
    let all: Vec<_> = errors.iter().collect();
    assert_eq!(all.len(), 6, "{errors}");
    assert!(matches!(all[0], Error::SameId(id) if &**id == "demo/ci"));
    assert!(matches!(all[1], Error::SameSecret(..)));
    assert!(all[2..].iter().all(|error| matches!(error, Error::UnfitHash(_))));
}

#[test]
fn a_record_and_the_keys_show_no_hash() {
    let keys = keys(vec![ci()], None, &Counting::at_once(), &ManualClock::at(0));
    assert_eq!(format!("{keys:?}"), r#"{"demo/ci"}"#);
    assert!(!format!("{:?}", ci()).contains("argon2"));
}

#[test]
fn a_key_that_has_run_out_is_unknown_whether_it_was_verified_or_not() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(1_000));
    let ends = KeyRecord { expires_at: Some(Duration::from_secs(1_010)), ..ci() };
    let keys = keys(vec![ends, phone()], None, &offload, &clock);
    assert!(settle(&keys, CI).is_ok());
    clock.advance(Duration::from_millis(9_999));
    assert!(is_known(&keys.authenticate(CI)));
    clock.advance(Duration::from_millis(1));
    assert!(matches!(keys.authenticate(CI), Authentication::Unknown), "it was verified");
    let fresh = super::tests::keys(
        vec![KeyRecord { expires_at: Some(Duration::from_secs(1_010)), ..ci() }],
        None,
        &offload,
        &clock,
    );
    assert!(matches!(fresh.authenticate(CI), Authentication::Unknown), "it was not");
    assert!(settle(&keys, PHONE).is_ok(), "the one that replaced it goes on");
}

#[test]
fn a_key_that_runs_out_while_it_waits_is_unknown() {
    let (offload, clock) = (Counting::holding(), ManualClock::at(1_000));
    let ends = KeyRecord { expires_at: Some(Duration::from_secs(1_001)), ..ci() };
    let keys = keys(vec![ends], None, &offload, &clock);
    let waiting = keys.authenticate(CI);
    clock.advance(Duration::from_secs(1));
    offload.run_held();
    assert_eq!(block_on(waiting.settled()).map(drop), Err(Refusal::Unknown));
}

#[test]
fn a_record_that_is_known_already_is_not_read_again() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let kept = Arc::new(ci());
    let first = shared(vec![kept.clone()], None, &offload, &clock).unwrap();
    assert!(settle(&first, CI).is_ok());
    let second = shared(vec![kept.clone(), Arc::new(phone())], Some(&first), &offload, &clock);
    assert!(is_known(&second.unwrap().authenticate(CI)));
    let changed = Arc::new(KeyRecord { phc: "damaged".to_owned(), ..ci() });
    let errors = shared(vec![changed], Some(&first), &offload, &clock).unwrap_err();
    assert!(matches!(errors.iter().next(), Some(Error::UnfitHash(_))), "another hash is");
}

#[test]
fn a_key_whose_hash_was_replaced_is_verified_by_the_new_one() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let first = keys(vec![ci()], None, &offload, &clock);
    assert!(settle(&first, CI).is_ok());
    let damaged = KeyRecord { phc: PHONE_PHC.clone(), ..ci() };
    let second = keys(vec![damaged], Some(&first), &offload, &clock);
    assert_eq!(settle(&second, CI), Err(Refusal::Unknown));
}

#[test]
fn a_new_key_has_the_form_that_is_promised_and_is_known_by_its_record() {
    let (new, other) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
    let digits = new.secret.expose().strip_prefix("behest_sk_live_").unwrap();
    assert_eq!(digits.len(), 32);
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    assert!(new.secret.expose().ends_with(&*new.last_four) && new.last_four.len() == 4);
    assert_ne!(new.secret, other.secret);
    assert!(!format!("{new:?}").contains(digits));
    let record = KeyRecord { lookup: new.lookup, phc: new.phc.clone(), ..ci() };
    let keys = keys(vec![record], None, &Counting::at_once(), &ManualClock::at(0));
    assert!(settle(&keys, new.secret.expose()).is_ok());
}

#[test]
fn numbers_without_sense_are_refused() {
    let wrong =
        AuthConfig { verify_at_once: 0, verified_for: Duration::ZERO, ..Default::default() };
    let (offload, clock) = (Counting::at_once(), Arc::new(ManualClock::at(0)));
    let errors = ApiKeys::new(vec![], None, offload, clock, wrong).unwrap_err();
    assert_eq!(errors.iter().count(), 2, "{errors}");
}
