//! A disk that takes no more: an I/O error, made by the limit on a process's files.

use crate::child;
use behest_contract::directory::{Directory, Failure, Revision};
use futures::executor::block_on;
use std::collections::HashMap;
use std::process::Stdio;

/// A file that grows beyond 400 blocks (of 512 or 1024 bytes, as the shell has it) is an error, and not
/// a signal. SQLite takes it for what a failing disk would say.
const WALL: &[&str] = &["sh", "-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\""];

/// The child of the test below: without a folder there is nothing to do.
#[test]
fn writes_until_it_is_refused() {
    let Some((store, _)) = child::told() else { return };
    let mut answered = 0;
    let refusal = loop {
        match block_on(child::commit(&store, 0, &answered.to_string())) {
            Ok(Revision(revision)) => {
                answered += 1;
                println!("acknowledged {revision}");
            }
            Err(failure) => break failure,
        }
    };
    println!("refused {refusal}");
    assert!(matches!(refusal, Failure::Unavailable(_)));
    assert!(!store.is_healthy());
    assert_eq!(block_on(store.revision()), Ok(Revision(answered)), "reads go on");
    assert_eq!(block_on(store.audit(None, usize::MAX)).unwrap().len() as u64, answered);
    for n in 0..3 {
        let later = block_on(child::commit(&store, 0, &format!("later {n}")));
        assert!(matches!(later, Err(Failure::Unavailable(_))), "{later:?}");
    }
    assert!(!store.is_healthy());
    println!("done");
}

#[test]
fn after_an_io_error_nothing_is_acknowledged_until_the_store_is_opened_anew() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let role = "limited::writes_until_it_is_refused";
    let child = child::command(WALL, role, &folder, 0).stderr(Stdio::inherit()).output().unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success() && said.contains("\ndone\n"), "{said}");
    assert!(said.contains("disk I/O error"), "{said}");
    let acknowledged = said.lines().filter_map(child::acknowledged).count() as u64;
    assert!(acknowledged > 0, "{said}");

    let store = child::open(&folder);
    assert!(store.is_healthy());
    let Revision(found) = block_on(store.revision()).unwrap();
    // The one that was refused may have been made, and those that came later not.
    assert!((acknowledged..=acknowledged + 1).contains(&found), "{found}, {acknowledged}");
    let records = block_on(store.changes_after(Revision(0))).unwrap();
    let kept: HashMap<_, _> =
        records.into_iter().map(|record| (record.key, record.revision)).collect();
    for n in 0..acknowledged {
        let key = behest_contract::directory::RecordKey::new("each", &n.to_string());
        assert_eq!(kept.get(&key), Some(&Revision(n + 1)));
    }
    assert_eq!(block_on(child::commit(&store, 0, "anew")), Ok(Revision(found + 1)));
}
