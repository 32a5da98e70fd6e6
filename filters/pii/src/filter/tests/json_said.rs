//! An answer that is to be JSON stays JSON, whatever is put back into it.

use super::{Room, enter, masking};
use crate::config::{Action, DenyListConfig, Mode, PolicyConfig};
use behest_contract::delta::{ChannelKind, Delta};
use behest_contract::facts::Endpoint;
use serde_json::{Value, json};

/// Values that end a string of JSON, or may not stand in one.
const SHARP: [&str; 5] = ["a\"b\\c", "line\nbreak", "tab\tstop", "bell\u{7}s", "back\\slash"];

fn policy() -> PolicyConfig {
    let mut policy = masking(Mode::Enforce);
    policy.pii.deny_lists = vec![DenyListConfig {
        name: "TERM".into(),
        terms: SHARP.map(str::to_owned).into(),
        action: Action::Mask,
    }];
    policy
}

/// A room that has seen a value, and what was sent for it.
fn seen(value: &str, format: Option<&str>) -> (Room, String) {
    let mut room = enter(policy(), Endpoint::Chat);
    let mut body = json!({ "messages": [{ "role": "user", "content": value }] });
    if let Some(format) = format {
        body["response_format"] = json!({ "type": format });
    }
    let (verdict, sent) = room.prompt(&body);
    assert!(verdict.is_ok());
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let placeholder = sent["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(placeholder.starts_with("<TERM_"), "{placeholder}");
    (room, placeholder)
}

fn streamed(room: &mut Room, kind: ChannelKind, text: &str, cuts: &[usize]) -> String {
    let (mut shown, mut at) = (String::new(), 0);
    for cut in cuts.iter().copied().chain([text.len()]) {
        shown += &room.say(kind, &text[at..cut]);
        at = cut;
    }
    shown + &room.deltas(Delta::Finish { choice: 0 })
}

#[test]
fn a_value_is_escaped_in_the_content_wherever_that_is_cut() {
    for value in SHARP {
        let (mut room, placeholder) = seen(value, Some("json_schema"));
        let text = json!({ "n": [placeholder, "x"] }).to_string();
        for kind in [ChannelKind::Content, ChannelKind::ContentText(0)] {
            for first in 0..text.len() {
                for second in first..text.len() {
                    let shown = streamed(&mut room, kind, &text, &[first, second]);
                    let read: Value = serde_json::from_str(&shown).unwrap();
                    assert_eq!(read, json!({ "n": [value, "x"] }), "{kind:?} {first} {second}");
                }
            }
        }
        // A part of a list comes whole.
        let shown = room.say(ChannelKind::ContentText(1), &text);
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["n"][0], value);
    }
}

#[test]
fn other_texts_and_other_answers_are_no_json() {
    let value = SHARP[0];
    let (mut room, placeholder) = seen(value, Some("json_object"));
    for kind in [ChannelKind::Refusal, ChannelKind::Thinking(0), ChannelKind::Transcript] {
        assert_eq!(streamed(&mut room, kind, &placeholder, &[9]), value, "{kind:?}");
    }
    let (mut room, placeholder) = seen(value, None);
    let text = json!({ "n": placeholder }).to_string();
    let shown = streamed(&mut room, ChannelKind::Content, &text, &[9]);
    assert_eq!(shown, format!("{{\"n\":\"{value}\"}}"));
}

#[test]
fn what_the_model_itself_says_in_escapes_is_found() {
    let mut policy = policy();
    policy.pii.answers = true;
    let mut room = enter(policy, Endpoint::Chat);
    let body = json!({
        "messages": [{ "role": "user", "content": "hi" }],
        "response_format": { "type": "json_object" },
    });
    assert!(room.prompt(&body).0.is_ok());
    let text = r#"{"to":"joe\u0040example.com"}"#;
    for cut in 0..text.len() {
        let shown = streamed(&mut room, ChannelKind::Content, text, &[cut]);
        assert!(shown.starts_with(r#"{"to":"<EMAIL_ADDRESS_"#), "{cut}: {shown}");
    }
}
