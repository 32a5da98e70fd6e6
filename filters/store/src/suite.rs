//! The behaviour that every engine must show: one check for each promise of the port.
//!
//! [`behaviour!`](crate::behaviour) makes a test of each.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a check fails by panicking")]

use behest_contract::directory::{
    AuditLine, AuditRecord, Change, Directory, Expect, Failure, Record, RecordKey, Revision,
};
use futures::executor::block_on;
use futures::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Opens one directory. The first call makes it; each further one opens the same again, as another
/// node does, or the same node after its death.
pub type Open = Box<dyn Fn() -> Arc<dyn Directory>>;

/// Makes a test of each check. Takes an expression that gives an [`Open`](crate::suite::Open) of a new
/// directory.
#[macro_export]
macro_rules! behaviour {
    ($open:expr) => {
        $crate::behaviour! { $open,
            a_new_directory_is_empty,
            a_commit_is_told_with_its_revision,
            each_expectation_is_held_to,
            a_conflict_changes_nothing,
            the_changes_of_a_commit_are_made_in_their_order,
            each_record_is_told_once_in_its_latest_state,
            a_deletion_is_told_for_ever,
            of_many_who_expect_the_same_one_wins,
            every_commit_has_a_revision_of_its_own,
            a_commit_without_changes_is_a_commit,
            the_audit_is_paged_newest_first,
            names_and_bodies_are_kept_as_they_are,
            numbers_that_no_directory_reaches_do_no_harm,
            what_was_answered_is_there_when_it_is_opened_again,
            all_who_have_it_open_see_one_directory,
        }
    };
    ($open:expr, $($check:ident),* $(,)?) => {
        $(
            #[test]
            fn $check() {
                $crate::suite::$check(&$open);
            }
        )*
    };
}

/// A change of the collection `things`.
pub fn change(id: &str, expect: Expect, body: Option<&str>) -> Change {
    let body = body.map(|body| body.as_bytes().into());
    Change { key: RecordKey::new("things", id), expect, body }
}

/// A line of the audit that was written at this time.
pub fn line(at_ms: u64) -> AuditLine {
    AuditLine { at_ms, body: format!("{{\"at\":{at_ms}}}").into_bytes().into() }
}

fn put(id: &str, body: &str) -> Change {
    change(id, Expect::Anything, Some(body))
}

fn delete(id: &str) -> Change {
    change(id, Expect::Anything, None)
}

fn try_commit(on: &dyn Directory, changes: Vec<Change>) -> Result<Revision, Failure> {
    block_on(on.commit(changes, line(1)))
}

fn commit(on: &dyn Directory, changes: Vec<Change>) -> Revision {
    try_commit(on, changes).unwrap()
}

fn revision(on: &dyn Directory) -> Revision {
    block_on(on.revision()).unwrap()
}

fn records(on: &dyn Directory, after: u64) -> Vec<Record> {
    block_on(on.changes_after(Revision(after))).unwrap()
}

/// Id, revision and body of what was written after a revision.
fn told(on: &dyn Directory, after: u64) -> Vec<(String, u64, Option<String>)> {
    let text = |body: Box<[u8]>| String::from_utf8(body.into()).unwrap();
    let told = |record: Record| (record.key.id.into(), record.revision.0, record.body.map(text));
    records(on, after).into_iter().map(told).collect()
}

fn audit(on: &dyn Directory, before: Option<u64>, limit: usize) -> Vec<AuditRecord> {
    block_on(on.audit(before, limit)).unwrap()
}

fn some(id: &str, revision: u64, body: &str) -> (String, u64, Option<String>) {
    (id.into(), revision, Some(body.into()))
}

fn deleted(id: &str, revision: u64) -> (String, u64, Option<String>) {
    (id.into(), revision, None)
}

/// It has nothing, and says so.
pub fn a_new_directory_is_empty(open: &Open) {
    let on = open();
    assert!(on.is_healthy());
    assert_eq!(revision(&*on), Revision(0));
    assert_eq!(records(&*on, 0), []);
    assert_eq!(audit(&*on, None, 10), []);
}

/// Revisions count commits, from 1, and whatever a commit has written bears its own.
pub fn a_commit_is_told_with_its_revision(open: &Open) {
    let on = open();
    assert_eq!(commit(&*on, vec![put("a", "1"), put("b", "2")]), Revision(1));
    assert_eq!(commit(&*on, vec![put("c", "3")]), Revision(2));
    assert_eq!(revision(&*on), Revision(2));
    assert_eq!(told(&*on, 0), [some("a", 1, "1"), some("b", 1, "2"), some("c", 2, "3")]);
    assert_eq!(told(&*on, 1), [some("c", 2, "3")]);
    assert_eq!(told(&*on, 2), []);
}

/// Each kind of expectation, of a record that never was, of one that is, and of one that was deleted.
pub fn each_expectation_is_held_to(open: &Open) {
    let on = open();
    commit(&*on, vec![put("is", "x"), put("was", "x")]);
    commit(&*on, vec![put("is", "y"), delete("was")]);
    let at = |revision| Expect::At(Revision(revision));
    let all = [Expect::Anything, Expect::Absent, Expect::Present, at(0), at(1), at(2)];
    // What each of them says of the record.
    for (id, holds) in [
        ("never", [true, true, false, false, false, false]),
        ("is", [true, false, true, false, false, true]),
        ("was", [true, true, false, false, false, true]),
    ] {
        for (expect, holds) in all.into_iter().zip(holds) {
            // Undone by a second change that cannot be, so that each case finds what the others found.
            let stop = change("nothing", Expect::Present, None);
            let changes = vec![change(id, expect, Some("z")), stop];
            let stopped_by = if holds { "nothing" } else { id };
            let want = Err(Failure::Conflict(RecordKey::new("things", stopped_by)));
            assert_eq!(try_commit(&*on, changes), want, "{id} {expect:?}");
        }
    }
    for (id, expect) in [("never", Expect::Absent), ("is", at(2)), ("was", Expect::Absent)] {
        assert!(try_commit(&*on, vec![change(id, expect, Some("z"))]).is_ok(), "{id} {expect:?}");
    }
    assert_eq!(told(&*on, 2), [some("never", 3, "z"), some("is", 4, "z"), some("was", 5, "z")]);
}

/// Neither the changes before it, nor those after it, nor the audit, nor the revision.
pub fn a_conflict_changes_nothing(open: &Open) {
    let on = open();
    commit(&*on, vec![put("a", "1"), put("b", "2")]);
    let before = (told(&*on, 0), audit(&*on, None, 10));
    let refused = try_commit(
        &*on,
        vec![
            put("a", "9"),
            delete("b"),
            put("c", "9"),
            change("a", Expect::Absent, None),
            put("d", "9"),
        ],
    );
    assert_eq!(refused, Err(Failure::Conflict(RecordKey::new("things", "a"))));
    assert_eq!(revision(&*on), Revision(1));
    assert_eq!((told(&*on, 0), audit(&*on, None, 10)), before);
    assert!(on.is_healthy());
    assert_eq!(commit(&*on, vec![put("c", "3")]), Revision(2));
}

/// A change finds what the ones before it in the same commit have made.
pub fn the_changes_of_a_commit_are_made_in_their_order(open: &Open) {
    let on = open();
    commit(
        &*on,
        vec![
            change("a", Expect::Absent, Some("1")),
            change("a", Expect::Present, None),
            change("a", Expect::Absent, Some("2")),
            change("b", Expect::Absent, Some("1")),
            change("b", Expect::Present, None),
        ],
    );
    assert_eq!(told(&*on, 0), [some("a", 1, "2"), deleted("b", 1)]);
}

/// However often it was changed, and in the order of the last changes.
pub fn each_record_is_told_once_in_its_latest_state(open: &Open) {
    let on = open();
    for round in 0..5 {
        for id in ["a", "b", "c"] {
            commit(&*on, vec![put(id, &round.to_string())]);
        }
    }
    commit(&*on, vec![put("a", "last")]);
    let want = [some("b", 14, "4"), some("c", 15, "4"), some("a", 16, "last")];
    for after in [0, 1, 13] {
        assert_eq!(told(&*on, after), want, "after {after}");
    }
    assert_eq!(told(&*on, 15), want[2..]);
}

/// To whoever asks, however late; until the record is made again.
pub fn a_deletion_is_told_for_ever(open: &Open) {
    let on = open();
    commit(&*on, vec![put("a", "1"), put("b", "1")]);
    commit(&*on, vec![delete("a"), delete("b")]);
    commit(&*on, vec![delete("never")]);
    for _ in 0..20 {
        commit(&*on, vec![put("c", "1")]);
    }
    let gone = [deleted("a", 2), deleted("b", 2), deleted("never", 3)];
    assert_eq!(told(&*on, 0)[..3], gone);
    drop(on);
    let on = open();
    assert_eq!(told(&*on, 1)[..3], gone);
    commit(&*on, vec![put("a", "again")]);
    assert_eq!(told(&*on, 23), [some("a", 24, "again")]);
    assert_eq!(told(&*on, 0)[0], deleted("b", 2));
}

/// This is how two administrators do not overwrite each other.
pub fn of_many_who_expect_the_same_one_wins(open: &Open) {
    let on = open();
    let start = commit(&*on, vec![put("a", "start")]);
    let rivals = (0..20).map(|rival| {
        let rival = change("a", Expect::At(start), Some(&rival.to_string()));
        on.commit(vec![rival], line(1))
    });
    let ends = block_on(join_all(rivals));
    let lost = Err(Failure::Conflict(RecordKey::new("things", "a")));
    assert_eq!(ends.iter().filter(|end| **end == Ok(Revision(2))).count(), 1);
    assert_eq!(ends.iter().filter(|end| **end == lost).count(), 19);
    assert_eq!(revision(&*on), Revision(2));
}

/// Those of all who have it open, at once; there are no gaps.
pub fn every_commit_has_a_revision_of_its_own(open: &Open) {
    let nodes = [open(), open()];
    let commits =
        (0..100).map(|n: usize| nodes[n % 2].commit(vec![put(&n.to_string(), "x")], line(1)));
    let revisions: BTreeSet<_> =
        block_on(join_all(commits)).into_iter().map(|end| end.unwrap().0).collect();
    assert_eq!(revisions, (1..=100).collect());
    assert_eq!(revision(&*nodes[0]), Revision(100));
    let told: Vec<_> = records(&*nodes[1], 0).iter().map(|record| record.revision.0).collect();
    assert_eq!(told, Vec::from_iter(1..=100));
}

/// It raises the revision and leaves a line.
pub fn a_commit_without_changes_is_a_commit(open: &Open) {
    let on = open();
    assert_eq!(commit(&*on, vec![]), Revision(1));
    assert_eq!(revision(&*on), Revision(1));
    assert_eq!(records(&*on, 0), []);
    assert_eq!(audit(&*on, None, 10).len(), 1);
}

/// Page by page, each line comes once.
pub fn the_audit_is_paged_newest_first(open: &Open) {
    let on = open();
    for at_ms in 1..=10 {
        block_on(on.commit(vec![put("a", "x")], line(at_ms))).unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    for want in [4, 4, 2, 0] {
        let page = audit(&*on, before, 4);
        assert_eq!(page.len(), want);
        before = page.last().map(|record| record.number).or(before);
        seen.extend(page);
    }
    assert!(seen.is_sorted_by(|earlier, later| earlier.number > later.number));
    let lines: Vec<_> = seen.into_iter().map(|record| record.line).collect();
    assert_eq!(lines, (1..=10).rev().map(line).collect::<Vec<_>>());
    assert_eq!(audit(&*on, None, 0), []);
}

/// Any text is a name and any bytes are a body; an empty body is not a deletion.
pub fn names_and_bodies_are_kept_as_they_are(open: &Open) {
    let on = open();
    let names = ["", "a", "A", "a ", "ä", "a\u{308}", "a\0b", "a\0c", "%", "'; --", "日本"];
    let large: Box<[u8]> = (0..1_000_000).map(|n: u32| n.to_le_bytes()[0]).collect();
    let bodies: [Box<[u8]>; 4] = [[].into(), [0].into(), [0xff, 0, 0xfe].into(), large];
    let mut want = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        for collection in ["one", "two", name] {
            let key = RecordKey::new(collection, name);
            let body = bodies[n % bodies.len()].clone();
            want.insert((key.clone(), body.clone()));
            commit(&*on, vec![Change { key, expect: Expect::Anything, body: Some(body) }]);
        }
    }
    let told = records(&*on, 0).into_iter().map(|record| (record.key, record.body.unwrap()));
    // Not by assert_eq, which would print megabytes.
    assert!(told.collect::<BTreeSet<_>>() == want);
}

/// The largest and smallest of each.
pub fn numbers_that_no_directory_reaches_do_no_harm(open: &Open) {
    let on = open();
    commit(&*on, vec![put("a", "1")]);
    for far in [1 << 63, u64::MAX] {
        assert_eq!(told(&*on, far), []);
        let refused = try_commit(&*on, vec![change("a", Expect::At(Revision(far)), None)]);
        assert_eq!(refused, Err(Failure::Conflict(RecordKey::new("things", "a"))));
        assert_eq!(audit(&*on, Some(far), usize::MAX).len(), 1);
    }
    assert_eq!(audit(&*on, Some(0), usize::MAX), []);
}

/// And it goes on from there.
pub fn what_was_answered_is_there_when_it_is_opened_again(open: &Open) {
    for round in 0..5 {
        let on = open();
        assert_eq!(revision(&*on), Revision(round));
        assert_eq!(commit(&*on, vec![put(&round.to_string(), "x")]), Revision(round + 1));
    }
    let on = open();
    let want: Vec<_> = (0..5).map(|round| some(&round.to_string(), round + 1, "x")).collect();
    assert_eq!(told(&*on, 0), want);
    assert_eq!(audit(&*on, None, 10).len(), 5);
}

/// What one was answered, the others see from then on.
pub fn all_who_have_it_open_see_one_directory(open: &Open) {
    let (here, there) = (open(), open());
    assert_eq!(commit(&*here, vec![put("a", "1")]), Revision(1));
    assert_eq!(revision(&*there), Revision(1));
    let mine = change("a", Expect::At(Revision(1)), Some("2"));
    assert_eq!(commit(&*there, vec![mine.clone()]), Revision(2));
    assert!(matches!(try_commit(&*here, vec![mine]), Err(Failure::Conflict(_))));
    drop(there);
    assert_eq!(commit(&*here, vec![delete("a")]), Revision(3));
    assert_eq!(told(&*open(), 0), [deleted("a", 3)]);
    assert_eq!(audit(&*here, None, 10).len(), 3);
}
