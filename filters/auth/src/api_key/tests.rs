//! Tests of keys, and the doubles that the other tests of this crate use too.

use super::{ApiKeys, Authentication, KeyRecord};
use crate::config::{AuthConfig, DeclaredKey, EndUserRule};
use crate::error::{Error, Refusal};
use behest_contract::ports::{Busy, Job, Offload};
use behest_contract::secret::Secret;
use behest_contract::testing::ManualClock;
use futures::executor::block_on;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

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
        self.held.lock().clear();
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
    ApiKeys::new(records, previous, offload, clock, AuthConfig::default()).unwrap()
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
    assert!(is_known(&first.authenticate(PHONE)), "running requests keep theirs");
}

#[test]
fn a_reload_does_not_prolong_what_is_verified() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let first = keys(vec![ci()], None, &offload, &clock);
    assert!(settle(&first, CI).is_ok());
    clock.advance(std::time::Duration::from_mins(59));
    let second = keys(vec![ci()], Some(&first), &offload, &clock);
    assert!(is_known(&second.authenticate(CI)));
    clock.advance(std::time::Duration::from_mins(1));
    assert!(!is_known(&second.authenticate(CI)));
}

#[test]
fn declaring_again_hashes_new_keys_only() {
    let (offload, clock) = (Counting::at_once(), ManualClock::at(0));
    let records = ApiKeys::declare(vec![declared("demo/ci", CI)], None).unwrap();
    let hash = records[0].phc.clone();
    let first = keys(records, None, &offload, &clock);
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
    let records = [ci(), same_id, same_secret].into_iter().chain(unfit).collect();
    let (offload, clock) = (Counting::at_once(), Arc::new(ManualClock::at(0)));
    let errors = ApiKeys::new(records, None, offload, clock, AuthConfig::default()).unwrap_err();
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
