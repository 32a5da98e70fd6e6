//! A disk that is full for a while: who is told, and what is there afterwards (CONTRACT 11, 12).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::client::Ask;
use crate::support::conf::{KEY, conf};
use crate::support::folder::Folder;
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::until_then;

/// Runs a program on a disk of a few MiB, which only it sees: the folder `data`.
const ON_A_SMALL_DISK: [&str; 7] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs -o size=4m none data && exec \"$0\" \"$@\"",
];

/// Not every machine lets a test have a disk of its own. What the store does without one is tested where it
/// is: `limited.rs` of its processes.
fn can_have_a_disk(folder: &Path) -> bool {
    let [program, words @ ..] = ON_A_SMALL_DISK;
    let mut command = Command::new(program);
    let command = command.args(words).arg("true").current_dir(folder).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The disk, as this process sees it.
fn disk(gateway: &Gateway) -> PathBuf {
    let seen = gateway.folder.path().join("data");
    Path::new("/proc")
        .join(gateway.pid().to_string())
        .join("root")
        .join(seen.strip_prefix("/").unwrap())
}

/// Leaves no room on a disk.
fn fill(filler: &Path) {
    let mut file = std::fs::File::create(filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
}

fn journals(disk: &Path) -> usize {
    std::fs::read_dir(disk.join("journal")).unwrap().count()
}

/// What its log says of its store, at this level.
fn said(gateway: &Gateway, level: &str) -> Vec<String> {
    let output = gateway.folder.read("stderr");
    let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines = lines.filter(|line| line["level"] == level);
    let lines = lines.filter_map(|line| Some(line["fields"]["message"].as_str()?.to_owned()));
    lines.filter(|line| line.starts_with("store /")).collect()
}

async fn errors(gateway: &Gateway, part: &str) -> u64 {
    let metrics = gateway.metrics().await;
    let name = format!("behest_store_errors_total{{part=\"{part}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.expect("the metric").parse().unwrap()
}

async fn until_ready(gateway: &Gateway, status: u16) {
    until_then("readiness", async || {
        let answer = gateway.admin(Ask::new("GET", "/readyz")).await;
        (answer.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_is_told_once_and_so_is_its_end() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    if !can_have_a_disk(folder.path()) {
        eprintln!("this machine gives a test no disk of its own");
        return;
    }
    let provider = Provider::start().await;
    let conf = conf(&[provider.url()]);
    let gateway = Gateway::start_within(&ON_A_SMALL_DISK, folder, conf, &[]).await;
    let chat = || Ask::chat(WHOLE).key(KEY);
    assert_eq!(gateway.ask(&chat()).await.status, 200);
    assert_eq!((errors(&gateway, "journal").await, errors(&gateway, "database").await), (0, 0));
    let disk = disk(&gateway);
    let filler = disk.join("filler");
    fill(&filler);
    let refusal = gateway.until_status(&chat(), 503).await;
    refused(&refusal, 503, "unavailable");
    until_ready(&gateway, 503).await;
    let files = journals(&disk);
    until_then("some tries", async || (errors(&gateway, "journal").await >= 6).then_some(())).await;
    assert!(journals(&disk) <= files, "{files} and then {}", journals(&disk));
    let told = said(&gateway, "ERROR");
    let of_the_journal = told.iter().filter(|line| line.contains("journal")).collect::<Vec<_>>();
    assert_eq!(of_the_journal.len(), 1, "{told:?}");
    assert!(of_the_journal[0].contains("No space left on device (os error 28)"), "{told:?}");
    assert!(told.len() <= 2, "{told:?}");
    std::fs::remove_file(&filler).unwrap();
    until_ready(&gateway, 200).await;
    assert_eq!(gateway.ask(&chat()).await.status, 200);
    let told = said(&gateway, "WARN");
    assert!(told.iter().any(|line| line.contains("journal can be written again")), "{told:?}");
}
