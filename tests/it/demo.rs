//! The demo, as a newcomer meets it: what it prints works as pasted (CONTRACT 1).

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Mutex;

use crate::support::client::{Ask, Client};
use crate::support::folder::Folder;
use crate::support::gateway::{leave, spawn};
use crate::support::until;

/// Demos look for free ports each on its own, so only one test at a time starts some.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

struct Demo {
    program: Child,
    folder: Folder,
    started: Instant,
}

impl Demo {
    fn start() -> Self {
        let folder = Folder::new();
        let started = Instant::now();
        Self { program: spawn(&["demo"], folder.path()), folder, started }
    }

    /// What it prints, once it has printed it all.
    async fn text(&self) -> String {
        let all = || Some(self.folder.read("stdout")).filter(|text| text.contains("To a real"));
        until("the demo's text", all).await
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        leave(&mut self.program);
    }
}

/// The address and the key in what the demo prints.
fn called(text: &str) -> (std::net::SocketAddr, String) {
    let after = |mark: &str| text.split(mark).nth(1).unwrap();
    let address = after("http://").split('/').next().unwrap().parse().unwrap();
    let key = after("Bearer ").split('\'').next().unwrap().to_owned();
    (address, key)
}

#[tokio::test]
async fn the_demo_answers_within_a_second_of_its_start() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let demo = Demo::start();
    let (address, key) = called(&demo.text().await);
    let body = r#"{"messages":[{"role":"user","content":"Hello"}]}"#;
    let answer = Client::connect(address).await.ask(&Ask::chat(body).key(&key)).await;
    let took = demo.started.elapsed();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["choices"][0]["message"]["content"].is_string());
    // An optimised build takes a fifth of this; one with checks hashes the key more slowly.
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn the_demo_streams() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let demo = Demo::start();
    let (address, key) = called(&demo.text().await);
    let body = r#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#;
    let client = Client::connect(address).await;
    let mut stream = client.stream(&Ask::chat(body).key(&key)).await;
    let mut pieces = Vec::new();
    loop {
        let data = stream.data().await;
        if data == "[DONE]" {
            break;
        }
        let value: Value = serde_json::from_str(&data).unwrap();
        pieces.extend(value["choices"][0]["delta"]["content"].as_str().map(str::to_owned));
    }
    assert!(pieces.len() > 3, "{pieces:?}");
    assert!(pieces.concat().contains("Hello"));
}

#[tokio::test]
async fn the_printed_curl_line_works_as_pasted() {
    let _alone = ONE_AT_A_TIME.lock().await;
    if Command::new("curl").arg("--version").output().is_err() {
        // `make test` installs it; the other tests of the demo do without.
        return;
    }
    let demo = Demo::start();
    let text = demo.text().await;
    let line = text.lines().find(|line| line.starts_with("curl ")).expect("a curl line");
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["object"], "chat.completion", "{answer}");
    // The key is fresh, and only its owner can read it.
    let other = Demo::start();
    assert_ne!(called(&text).1, called(&other.text().await).1);
}

#[tokio::test]
async fn the_demo_leaves_when_it_is_told_to() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut demo = Demo::start();
    demo.text().await;
    let told = Instant::now();
    leave(&mut demo.program);
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
    // The configuration that it ran with is there to be copied, and is valid.
    let config = demo.folder.path().join("behest-demo/behest.yaml");
    let mut check = spawn(&["validate", "--config", config.to_str().unwrap()], demo.folder.path());
    let status = until("the end of validate", || check.try_wait().unwrap()).await;
    assert!(status.success(), "{}", demo.folder.read("stderr"));
}
