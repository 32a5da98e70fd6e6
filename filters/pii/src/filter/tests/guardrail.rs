//! A guardrail of a project's own, in shadow: it is asked beside the request.

use super::{Room, enter_with, masking};
use crate::config::{HookConfig, Mode, PolicyConfig, SentinelConfig};
use crate::events::{HookFailure, HookVerdict};
use behest_contract::facts::Endpoint;
use futures::executor::block_on;
use serde_json::json;
use std::sync::atomic::Ordering;

const ADDRESS: &str = "a@example.com";

fn shadowed(says: Result<HookVerdict, HookFailure>) -> Room {
    let hook =
        HookConfig { url: "http://g".into(), secret: None, timeout_ms: 100, fail_open: false };
    let sentinel =
        SentinelConfig { mode: Mode::Shadow, hook: Some(hook), ..SentinelConfig::default() };
    let policy = PolicyConfig { sentinel, ..masking(Mode::Enforce) };
    enter_with(policy, Endpoint::Chat, says)
}

/// Sends one prompt through, and lets its request end.
fn pass(room: &mut Room) {
    let body = json!({ "messages": [{ "role": "user", "content": format!("I am {ADDRESS}") }] });
    assert!(room.prompt(&body).0.is_ok());
    room.next(None);
}

/// What was told of the guardrail.
fn told(room: &Room) -> Vec<(&'static str, &'static str, &'static str)> {
    let events = room.seen.events.lock();
    let of_hook = events.iter().filter(|event| event.kind.starts_with("hook"));
    of_hook.map(|event| (event.kind, event.mode, event.action_taken)).collect()
}

#[test]
fn a_request_does_not_wait_for_what_cannot_change_it_and_it_is_told_all_the_same() {
    for (says, expected) in [
        (Ok(HookVerdict::Block), vec![("hook", "shadow", "logged")]),
        (Err(HookFailure), vec![("hook_silent", "shadow", "logged")]),
        (Ok(HookVerdict::Allow), vec![]),
    ] {
        let mut room = shadowed(says);
        pass(&mut room);
        assert_eq!(told(&room), []);
        let (errand, bytes) = room.errands.sent.lock().pop().unwrap();
        let asked: Vec<String> = room.hook.1.lock().clone();
        assert!(asked.iter().all(|text| !text.contains(ADDRESS)), "{asked:?}");
        assert_eq!(bytes, asked.iter().map(String::len).sum::<usize>());
        block_on(errand);
        assert_eq!(told(&room), expected);
        assert!(room.errands.sent.lock().is_empty());
    }
}

#[test]
fn one_that_there_is_no_room_to_ask_is_as_good_as_silent() {
    let mut room = shadowed(Ok(HookVerdict::Block));
    room.errands.busy.store(true, Ordering::Relaxed);
    pass(&mut room);
    assert_eq!(told(&room), [("hook_silent", "shadow", "logged")]);
}
