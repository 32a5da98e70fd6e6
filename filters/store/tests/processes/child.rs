//! The processes that the tests start: this program once more, with one test that is none.

use behest_contract::directory::{
    Answer, AuditLine, Change, Directory, Expect, RecordKey, Revision,
};
use behest_store::{Embedded, EmbeddedConfig};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = "BEHEST_STORE_TEST_FOLDER";
const ROUND: &str = "BEHEST_STORE_TEST_ROUND";

/// How many commit at the same time in a child.
pub(crate) const COMMITTERS: u64 = 24;

/// Has a child do a role in a folder. `program` is what runs before this program, if anything.
pub(crate) fn command(program: &[&str], role: &str, folder: &Path, round: u64) -> Command {
    let this = env::current_exe().unwrap();
    let mut words = program.iter().map(Into::into).chain([this.into_os_string()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--exact", role, "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).env(ROUND, round.to_string());
    command
}

/// What a child was told; nothing in a run that somebody starts by hand.
pub(crate) fn told() -> Option<(Embedded, u64)> {
    let (folder, round) = told_where()?;
    Some((open(&folder), round))
}

/// The same, for one that opens the store in its own way.
pub(crate) fn told_where() -> Option<(PathBuf, u64)> {
    let folder = env::var_os(FOLDER)?;
    let round = env::var(ROUND).unwrap().parse().unwrap();
    Some((folder.into(), round))
}

/// What a line of a child's says was acknowledged. The harness's own words may stand before it.
pub(crate) fn acknowledged(line: &str) -> Option<&str> {
    Some(line.split_once("acknowledged ")?.1)
}

pub(crate) fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, &EmbeddedConfig::default()).unwrap()
}

/// A commit of two records: one of its own, and one that all commits of a committer share.
pub(crate) fn commit(store: &Embedded, committer: u64, name: &str) -> Answer<Revision> {
    let change = |collection: &str, id: &str, expect, body: &str| Change {
        key: RecordKey::new(collection, id),
        expect,
        body: Some(body.as_bytes().into()),
    };
    let padding = "x".repeat(300);
    store.commit(
        vec![
            change("each", name, Expect::Absent, &padding),
            change("last", &committer.to_string(), Expect::Anything, name),
        ],
        AuditLine { at_ms: committer, body: name.as_bytes().into() },
    )
}
