//! Clocks that jump by days, forward and back (CONTRACT 4.3 and 7).

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::client::Ask;
use crate::support::folder::Folder;
use crate::support::gateway::Gateway;
use crate::support::metered::{capped, early_in_the_minute, of_user, project, used};
use crate::support::plan::{Plan, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::refused;

/// The library that tells a program another time; the tests' set-up installs it.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let places = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let here = PathBuf::from("/usr/lib/faketime/libfaketimeMT.so.1");
    let mut places = places.chain([here]);
    places.find(|place| place.exists()).expect("libfaketime (package faketime) is installed")
}

/// A gateway whose clock is what the file `clock` of its folder says.
async fn start(conf: serde_json::Value) -> Gateway {
    let folder = Folder::new();
    turn(folder.path(), 0);
    let clock = folder.path().join("clock");
    let library = library();
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // Waits are not measured by it.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    Gateway::start_with(folder, conf, &environment).await
}

/// Turns the clock to so many days from now.
fn turn(folder: &Path, days: i64) {
    let new = folder.join("clock.new");
    std::fs::write(&new, format!("{days:+}d\n")).unwrap();
    std::fs::rename(new, folder.join("clock")).unwrap();
}

/// Asks until it is refused; how often it was not.
async fn granted(gateway: &Gateway, ask: &Ask) -> u64 {
    let mut granted = 0;
    loop {
        let answer = gateway.ask(ask).await;
        if answer.status != 200 {
            refused(&answer, 402, "quota_exceeded");
            return granted;
        }
        granted += 1;
        assert!(granted < 50, "never refused");
    }
}

#[tokio::test]
async fn no_window_is_granted_twice_when_the_clock_goes_back() {
    let provider = Provider::start().await;
    let limits = json!({
        "limits": { "user_requests_per_minute": 1000 },
        "user_limits": { "requests_per_day": 5 },
    });
    let gateway = start(project(&provider, limits)).await;
    let ask = of_user(capped(100), "ann");
    // No day turns by itself meanwhile.
    early_in_the_minute(10).await;
    let mut all = Vec::new();
    for days in [0, 2, 0, 2, -2, 0, 2] {
        turn(gateway.folder.path(), days);
        all.push((days, granted(&gateway, &ask).await));
    }
    assert_eq!((all[0].1, all[1].1), (5, 5), "{all:?}");
    // Three days were seen, and one may have been granted anew.
    let sum: u64 = all.iter().map(|(_, granted)| granted).sum();
    assert!((10..=20).contains(&sum), "{all:?}");
    let again: u64 = all[3..].iter().filter(|(days, _)| *days >= 0).map(|(_, one)| one).sum();
    assert!(again <= 5, "{all:?}");
}

#[tokio::test]
async fn no_expired_token_is_accepted_whichever_way_the_clock_went() {
    let provider = Provider::start().await;
    let gateway = start(project(&provider, json!({}))).await;
    let old = gateway.token("ann").await;
    let chat = |token: &str| Ask::chat(WHOLE).key(token);
    assert_eq!(gateway.ask(&chat(&old)).await.status, 200);
    turn(gateway.folder.path(), 2);
    refused(&gateway.ask(&chat(&old)).await, 401, "invalid_token");
    let new = gateway.token("ann").await;
    assert_eq!(gateway.ask(&chat(&new)).await.status, 200, "a token of that time is good");
    // Two days back, the other one has not begun.
    turn(gateway.folder.path(), 0);
    refused(&gateway.ask(&chat(&new)).await, 401, "invalid_token");
    turn(gateway.folder.path(), -2);
    for token in [&old, &new] {
        refused(&gateway.ask(&chat(token)).await, 401, "invalid_token");
    }
    assert_eq!(provider.count(), 2);
}

#[tokio::test]
async fn what_is_in_flight_when_the_clock_jumps_is_settled_and_given_back() {
    let provider = Provider::start().await;
    let limits = json!({ "limits": { "max_in_flight": 1, "tokens_per_month": 100_000 } });
    let gateway = start(project(&provider, limits)).await;
    for days in [2, -2, 0] {
        let (plan, remote) = Plan::live();
        provider.next(plan);
        let before = provider.count();
        let mut client = gateway.client().await;
        client.send(capped(100).bytes()).await;
        provider.request(before).await;
        turn(gateway.folder.path(), days);
        refused(&gateway.ask(&capped(100)).await, 429, "rate_limited");
        used(5, 2).steps.into_iter().for_each(|step| remote.say(step));
        drop(remote);
        let answer = client.answer().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        gateway.until_status(&capped(100), 200).await;
    }
}
