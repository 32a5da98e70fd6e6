//! A million users, in a process of their own, so that their memory can be told.

use super::{Desk, ask, demand};
use behest_contract::purse::{Measure, Window};
use std::env;
use std::process::Command;

const USERS: u64 = 1_000_000;
const CHILD: &str = "BEHEST_STORE_TEST_CROWD";

/// Does nothing where it is not the child of the test below.
#[test]
fn takes_a_million_users() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let desk = Desk::new();
    let before = resident_kib();
    // The layers that are asked where nothing is configured.
    let layers = [
        demand(0, Measure::Requests, Window::Minute, u64::MAX, 1),
        demand(1, Measure::Requests, Window::Minute, 10, 1),
        demand(1, Measure::Requests, Window::Day, 100, 1),
        demand(1, Measure::Tokens, Window::Day, 50_000, 4_000),
    ];
    for user in 0..USERS {
        desk.admit(&ask("a", &user.to_string(), &layers)).unwrap();
        assert!(desk.close("a", 1_200));
    }
    println!("grown {} KiB", resident_kib() - before);
    // None was forgotten.
    for user in (0..USERS).step_by(1_000) {
        let used = desk.admit(&ask("a", &user.to_string(), &layers)).unwrap();
        assert_eq!(used[1..], [2, 2, 5_200], "{user}");
        assert!(desk.close("a", 1_200));
    }
    assert_eq!(desk.places.subjects() as u64, USERS + 1);
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_million_users_fit_into_200_mib() {
    let role = "embedded::accounts::tests::places::crowd::takes_a_million_users";
    let mut child = Command::new(env::current_exe().unwrap());
    let child = child.args(["--exact", role, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{said}");
    let grown = said.split_once("grown ").unwrap().1.split_once(" KiB").unwrap().0;
    let grown: u64 = grown.parse().unwrap();
    println!("{} MiB", grown >> 10);
    assert!(grown < 200 << 10, "{grown} KiB");
}
