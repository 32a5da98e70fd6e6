//! A disk that takes no more: an I/O error, made by the limit on a process's files.

use crate::child;
use crate::requests::{admit, ask, demand, row};
use behest_contract::book::{Book, Row, RowQuery};
use behest_contract::directory::{Directory, Failure, Revision};
use behest_contract::purse::{Measure, Refused, Settlement};
use behest_store::Embedded;
use futures::executor::block_on;
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

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

/// Without a limit: the child sets itself one later on.
const DEAF: &[&str] = &["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];

/// How large the files of this process may become from now on.
fn limit_files(bytes: &str) {
    let own = std::process::id().to_string();
    let limit = ["--fsize=".to_owned() + bytes + ":", format!("--pid={own}")];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
}

/// Waits for what comes sooner or later.
fn until(what: &str, come: impl Fn() -> bool) {
    for _ in 0..2000 {
        if come() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain for {what}");
}

fn open_lease(store: &Embedded, id: &str) -> Result<(), Refused> {
    admit(store, &ask(id, &[demand(Measure::Tokens, u64::MAX, 10)]))
}

fn close(store: &Embedded, id: &str) {
    let (id, tenant) = (id.into(), "t".into());
    let end = Settlement { id, tenant, tokens: 15, micro_usd: 0, void: false };
    let row = row(&end.id);
    store.close(Some(end), Some(row));
}

fn rows(store: &Embedded) -> Vec<Row> {
    let time = Duration::ZERO..Duration::MAX;
    let all =
        RowQuery { tenant: None, project: None, user: None, time, after: None, limit: usize::MAX };
    block_on(store.rows(all)).unwrap()
}

fn journals(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join("journal")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".log")).collect()
}

/// The child of the test below: without a folder there is nothing to do.
#[test]
fn goes_on_once_there_is_room_again() {
    let Some((store, _)) = child::told() else { return };
    let folder = child::told_where().unwrap().0;
    open_lease(&store, "a").unwrap();
    // All of it is in the database: what is not would break that, which takes this limit for a failing disk.
    assert_eq!(rows(&store), []);
    limit_files("0");
    let Err(Refused::Unavailable(why)) = open_lease(&store, "refused") else { unreachable!() };
    assert!(why.contains("File too large"), "{why}");
    close(&store, "a");
    until("some tries", || store.tally().journal_errors >= 5);
    assert!(!store.is_healthy());
    assert_eq!(journals(&folder).len(), 1, "{:?}", journals(&folder));
    limit_files("unlimited");
    until("its recovery", || store.is_healthy());
    open_lease(&store, "b").unwrap();
    close(&store, "b");
    let rows = rows(&store);
    assert_eq!(rows.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(store.tally().database_errors, 0);
    println!("done");
}

#[test]
fn while_the_journal_cannot_grow_its_tries_leave_no_files_behind_and_nothing_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let role = "limited::goes_on_once_there_is_room_again";
    let child = child::command(DEAF, role, &folder, 0).stderr(Stdio::inherit()).output().unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success() && said.contains("done\n"), "{said}");
}
