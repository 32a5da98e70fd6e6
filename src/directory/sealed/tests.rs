use super::Sealed;
use crate::ports::{Keyring, MasterKey};
use behest_contract::directory::{AuditLine, Change, Directory, Expect, RecordKey, Revision};
use behest_store::{Embedded, EmbeddedConfig};
use futures::executor::block_on;
use std::sync::Arc;

const OLD: &str = "8f1d3c5b7a9e0f2d4c6b8a1e3f5d7c9b0a2e4f6d8c1b3a5e7f9d0c2b4a6e8f13";
const NEW: &str = "0a2e4f6d8c1b3a5e7f9d0c2b4a6e8f138f1d3c5b7a9e0f2d4c6b8a1e3f5d7c9b";

fn over(inner: &Arc<Embedded>, newest: &str, older: &[&str]) -> Sealed {
    let key = |text: &&str| MasterKey::parse(text).unwrap();
    let ring = Keyring::new(key(&newest), older.iter().map(key).collect());
    Sealed::new(inner.clone(), Arc::new(ring))
}

fn line(text: &str) -> AuditLine {
    AuditLine { at_ms: 5, body: text.as_bytes().into() }
}

fn put(on: &Sealed, collection: &str, id: &str, body: Option<&str>) -> Revision {
    let body = body.map(|body| body.as_bytes().into());
    let key = RecordKey::new(collection, id);
    let change = Change { key, expect: Expect::Anything, body };
    block_on(on.commit(vec![change], line("who"))).unwrap()
}

/// All bodies as they are told.
fn bodies(on: &dyn Directory) -> Vec<Option<String>> {
    let records = block_on(on.changes_after(Revision(0))).unwrap();
    let text = |body: Box<[u8]>| String::from_utf8(body.into()).unwrap();
    records.into_iter().map(|record| record.body.map(text)).collect()
}

fn audit(on: &dyn Directory) -> Vec<String> {
    let lines = block_on(on.audit(None, 100)).unwrap();
    lines.into_iter().map(|line| String::from_utf8(line.line.body.into()).unwrap()).collect()
}

fn store() -> (tempfile::TempDir, Arc<Embedded>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("data"), &EmbeddedConfig::default()).unwrap();
    (folder, Arc::new(store))
}

#[test]
fn what_lies_in_the_store_is_sealed_and_what_is_told_is_not() {
    let (_folder, store) = store();
    let sealed = over(&store, OLD, &[]);
    put(&sealed, "projects", "p", Some("canary"));
    put(&sealed, "projects", "q", None);
    assert_eq!(bodies(&sealed), [Some("canary".to_owned()), None]);
    assert_eq!(audit(&sealed), ["who", "who"]);
    let lies = format!("{:?}{:?}", bodies(&*store), audit(&*store));
    assert!(!lies.contains("canary") && !lies.contains("who"), "{lies}");
    assert_eq!(bodies(&*store)[1], None, "a deletion is told as one");
}

#[test]
fn what_shows_the_right_master_key_is_told_to_whoever_has_a_wrong_one() {
    let (_folder, store) = store();
    let sealed = over(&store, OLD, &[]);
    put(&sealed, "seal_checks", "master", Some("sealed by itself"));
    put(&sealed, "projects", "p", Some("canary"));
    let wrong = over(&store, NEW, &[]);
    assert_eq!(bodies(&wrong), [Some("sealed by itself".to_owned()), None]);
    assert_eq!(audit(&wrong), ["{}", "{}"]);
}

#[test]
fn a_record_that_was_moved_does_not_open() {
    let (_folder, store) = store();
    let sealed = over(&store, OLD, &[]);
    put(&sealed, "projects", "p", Some("canary"));
    let body = block_on(store.changes_after(Revision(0))).unwrap().remove(0).body;
    let key = RecordKey::new("projects", "q");
    let moved = Change { key, expect: Expect::Anything, body };
    block_on(store.commit(vec![moved], line("{}"))).unwrap();
    assert_eq!(bodies(&sealed), [Some("canary".to_owned()), None]);
}

#[test]
fn records_of_an_older_master_key_are_sealed_again_under_the_newest() {
    let (_folder, store) = store();
    let before = over(&store, OLD, &[]);
    put(&before, "projects", "p", Some("canary"));
    put(&before, "projects", "gone", None);
    let both = over(&store, NEW, &[OLD]);
    put(&both, "projects", "new", Some("newer"));
    let revision = block_on(both.revision()).unwrap();
    assert!(block_on(both.reseal(line("again"))).is_ok());
    assert_eq!(block_on(both.revision()), Ok(revision), "none was seen yet");
    assert_eq!(bodies(&both)[0].as_deref(), Some("canary"));
    block_on(both.reseal(line("again"))).unwrap();
    let told = bodies(&over(&store, NEW, &[]));
    let want = [None, Some("newer".to_owned()), Some("canary".to_owned())];
    assert_eq!(told, want);
    let revision = block_on(both.revision()).unwrap();
    block_on(both.reseal(line("again"))).unwrap();
    assert_eq!(block_on(both.revision()), Ok(revision), "there is nothing left to do");
}
