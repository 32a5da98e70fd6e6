//! What a provider gets to read.

use super::{enter, masking};
use crate::config::Mode;
use crate::events::Direction;
use crate::filter::Restoring;
use behest_contract::delta::{ChannelKind, Delta};
use behest_contract::facts::Endpoint;
use serde_json::json;

/// Values in every place of a body, each with its own address.
fn everywhere() -> serde_json::Value {
    json!({
        "model": "m", "logprobs": true,
        "messages": [
            {"role": "system", "content": "You serve a1@example.com."},
            {"role": "user", "name": "a2@example.com", "content": [
                {"type": "text", "text": "I am a3@exam"}, {"type": "text", "text": "ple.com, card 4111 1111"},
                {"type": "text", "text": " 1111 1111, thanks"}, {"type": "image_url", "image_url": {"url": "https://x.example/?u=a4@example.com"}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
                "function": {"name": "f", "arguments": "{\"to\":\"a5\\u0040example.com\",\"card\":5555555555554444}"}}]},
            {"role": "tool", "content": "{\"found\":\"a6\\u0040example.com\"}"},
        ],
        "tools": [{"type": "function", "function": {"description": "mail a7@example.com", "parameters": {"deep": ["a8@example.com"]}}}],
        "metadata": {"unknown": {"x": "a9@example.com"}}, "user": "a0@example.com",
    })
}

#[test]
fn nothing_is_left_in_any_place_of_a_request() {
    let mut room = enter(masking(Mode::Enforce), Endpoint::Chat);
    let (verdict, sent) = room.prompt(&everywhere());
    assert!(verdict.is_ok());
    for canary in ["example.com", "4111", "1111 1111", "5555", "logprobs", "exam\"", "a3"] {
        assert!(!sent.replace("x.example/?u=", "").contains(canary), "{canary}: {sent}");
    }
    let read: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let inner = read["messages"][2]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    let inner: serde_json::Value = serde_json::from_str(inner).unwrap();
    assert!(inner["card"].as_str().unwrap().starts_with("<CREDIT_CARD_"));
    assert_eq!(room.facts.read::<Restoring>(), Some(&Restoring));
    let event = room.seen.events.lock()[0].clone();
    assert_eq!(
        (event.kind, event.direction, event.action_taken),
        ("pii_detection", Direction::Request, "masked")
    );
    assert_eq!(event.entity_types, ["CREDIT_CARD".into(), "EMAIL_ADDRESS".into()]);
    assert_eq!((event.entity_count, event.timestamp_ms), (12, 1_700_000_000_000));
    let counted = room.seen.counted.lock().clone();
    assert!(
        counted.contains(&"behest_redactions_total{EMAIL_ADDRESS,MASK} 10".to_owned()),
        "{counted:?}"
    );
}

#[test]
fn a_history_goes_up_alike_in_every_turn() {
    let mut messages = Vec::new();
    let mut before = String::new();
    for turn in 0..10 {
        let text =
            format!("turn {turn}: jane@example.com, +49 30 90182{turn}, card 4111 1111 1111 1111");
        messages.push(json!({"role": "user", "content": text}));
        let mut room = enter(masking(Mode::Enforce), Endpoint::Chat);
        let (_, sent) = room.prompt(&json!({"model": "m", "messages": messages}));
        assert!(sent.starts_with(&before), "{sent}");
        let heard: serde_json::Value = serde_json::from_str(&sent).unwrap();
        let echo = heard["messages"][2 * turn]["content"].as_str().unwrap().to_owned();
        let answer = room.say(ChannelKind::Content, &echo) + &room.deltas(Delta::End);
        assert_eq!(answer, text);
        messages.push(json!({"role": "assistant", "content": answer}));
        before = sent.strip_suffix("]}").unwrap().to_owned();
    }
}

#[test]
fn token_arrays_are_refused_where_they_cannot_be_checked() {
    for (input, fits) in [
        (json!("a"), true),
        (json!(["a", "b"]), true),
        (json!([1, 2]), false),
        (json!([[1], [2]]), false),
    ] {
        let body = json!({"input": input});
        let (verdict, _) = enter(masking(Mode::Enforce), Endpoint::Embeddings).prompt(&body);
        assert_eq!(verdict.is_ok(), fits, "{body}");
        assert!(enter(masking(Mode::Shadow), Endpoint::Embeddings).prompt(&body).0.is_ok());
    }
}
