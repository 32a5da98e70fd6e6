//! Prompts that hold very many values.

use super::{Room, enter, masking};
use crate::config::{Action, DenyListConfig, Mode, PolicyConfig};
use crate::redactor::REPLACED_MAX;
use behest_contract::delta::ChannelKind;
use behest_contract::denial::{Denial, Kind};
use behest_contract::facts::Endpoint;
use serde_json::{Value, json};

fn said(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": text }] })
}

/// A list of contacts, as a spreadsheet writes it.
fn contacts(count: usize) -> String {
    let rows = (0..count).map(|n| format!("{n},user{n}@example.com\n"));
    rows.collect()
}

#[test]
fn a_long_list_is_masked_and_comes_back() {
    let list = contacts(20_000);
    let mut room = enter(masking(Mode::Enforce), Endpoint::Chat);
    let (verdict, sent) = room.prompt(&said(&list));
    assert!(verdict.is_ok());
    assert!(!sent.contains("example.com"));
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let sent = sent["messages"][0]["content"].as_str().unwrap();
    assert_eq!(room.say(ChannelKind::Content, sent), list);
    let event = room.seen.events.lock()[0].clone();
    assert_eq!((event.kind, event.action_taken), ("pii_detection", "masked"));
    assert_eq!(event.entity_count, 20_000);
}

/// A room that replaces a word, and lets no card pass.
fn worded(mode: Mode) -> Room {
    let mut policy = PolicyConfig::default();
    policy.pii.mode = mode;
    policy.pii.entities.insert("CREDIT_CARD".into(), Action::Block);
    policy.pii.deny_lists = vec![DenyListConfig {
        name: "WORD".into(),
        terms: vec!["x".into()],
        action: Action::Redact,
    }];
    enter(policy, Endpoint::Chat)
}

fn refused(room: &mut Room, text: &str) -> Box<Denial> {
    room.prompt(&said(text)).0.unwrap_err()
}

#[test]
fn more_than_is_replaced_is_refused_for_what_it_is() {
    let fits = "x ".repeat(REPLACED_MAX as usize);
    let mut room = worded(Mode::Enforce);
    assert!(room.prompt(&said(&fits)).0.is_ok());
    // One more, in a text of its own.
    let body = json!({ "messages": [
        { "role": "user", "content": fits }, { "role": "user", "content": "x" },
    ] });
    room.next(None);
    let denial = room.prompt(&body).0.unwrap_err();
    assert_eq!((denial.kind, denial.retry_helps), (Kind::TooLarge, false));
    assert!(denial.message.contains("100000 values"), "{}", denial.message);
    let event = room.seen.events.lock()[1].clone();
    assert_eq!((event.kind, event.action_taken), ("pii_overflow", "blocked"));
    assert_eq!(event.entity_count, u64::from(REPLACED_MAX) + 1);
    // What is blocked is blocked, however much there is besides.
    room.next(None);
    let denial = refused(&mut room, &format!("{fits} x 4111 1111 1111 1111"));
    assert_eq!(denial.kind, Kind::PiiBlocked);
    assert_eq!(room.seen.events.lock()[2].kind, "pii_block");
    let mut shadow = worded(Mode::Shadow);
    assert!(shadow.prompt(&body).0.is_ok());
    assert_eq!(shadow.seen.events.lock()[0].action_taken, "logged");
}
