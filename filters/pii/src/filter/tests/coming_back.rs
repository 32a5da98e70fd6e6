//! What a client gets to read of what its request held.

use super::{enter, masking};
use crate::config::{Action, Mode};
use behest_contract::delta::{Channel, ChannelKind, Delta, ReasoningName, Text};
use behest_contract::facts::Endpoint;
use behest_contract::json::{Span, Str};
use bytes::Bytes;
use serde_json::json;

#[test]
fn what_a_request_held_is_put_back_in_every_channel() {
    let mut room = enter(masking(Mode::Enforce), Endpoint::Chat);
    let body = json!({"messages": [{"role": "user", "content": "I am \"jane\" jane@example.com"}]});
    let (_, sent) = room.prompt(&body);
    let start = sent.find('<').unwrap();
    let placeholder = sent[start..=sent.find('>').unwrap()].to_owned();
    let kinds = [
        ChannelKind::Content,
        ChannelKind::ContentText(0),
        ChannelKind::Thinking(0),
        ChannelKind::Reasoning(ReasoningName::Plain),
        ChannelKind::ReasoningText(0),
        ChannelKind::ReasoningSummary(0),
        ChannelKind::Refusal,
        ChannelKind::ToolArguments(0),
        ChannelKind::ToolInput(0),
        ChannelKind::FunctionArguments,
        ChannelKind::Transcript,
    ];
    for kind in kinds {
        let (left, right) = placeholder.split_at(9);
        let shown = [
            room.say(kind, "to "),
            room.say(kind, left),
            room.say(kind, right),
            room.say(kind, "!"),
        ];
        assert_eq!(shown.concat(), "to jane@example.com!");
    }
    assert_eq!(room.say(ChannelKind::Content, &placeholder[..12]), "");
    assert_eq!(room.deltas(Delta::Finish { choice: 0 }), &placeholder[..12]);
    assert_eq!(
        room.say(ChannelKind::Content, "<EMAIL_ADDRESS_AAAAAAAA> "),
        "<EMAIL_ADDRESS_AAAAAAAA> "
    );
}

#[test]
fn a_text_that_is_spelt_two_ways_is_one_text() {
    let mut room = enter(masking(Mode::Enforce), Endpoint::Chat);
    let body = json!({"messages": [{"role": "user", "content": "jane@example.com"}]});
    let (_, sent) = room.prompt(&body);
    let placeholder = &sent[sent.find('<').unwrap()..=sent.find('>').unwrap()];
    let (left, right) = placeholder.split_at(9);
    let (plain, listed) = (ChannelKind::Content, ChannelKind::ContentText(0));
    for (first, second) in [(plain, listed), (listed, plain)] {
        let shown = [room.say(first, left), room.say(second, right), room.say(first, "!")];
        assert_eq!(shown.concat(), "jane@example.com!");
    }
    // The tail leaves as its latest piece was spelt.
    room.say(plain, "a ");
    room.say(listed, left);
    let mut out = Vec::new();
    room.visit.delta(Delta::Finish { choice: 0 }, &mut out);
    let Some(Delta::Text(tail)) = out.first() else { panic!("{out:?}") };
    assert_eq!((tail.channel.kind, &*tail.read()), (listed, left));
}

#[test]
fn nothing_is_held_back_of_a_text_that_comes_whole() {
    let mut policy = masking(Mode::Enforce);
    policy.pii.answers = true;
    policy.pii.entities.insert("PHONE_NUMBER".into(), Action::Redact);
    let mut room = enter(policy, Endpoint::Chat);
    let body = json!({"messages": [{"role": "user", "content": "jane@example.com"}]});
    let (_, sent) = room.prompt(&body);
    let placeholder = &sent[sent.find('<').unwrap()..=sent.find('>').unwrap()];
    for kind in [ChannelKind::Citation(0), ChannelKind::ContentText(1), ChannelKind::Thinking(2)] {
        let title = format!("{placeholder} or 212-555-0187");
        assert_eq!(room.say(kind, &title), "jane@example.com or [PHONE_NUMBER]");
        assert_eq!(room.say(kind, &placeholder[..9]), &placeholder[..9]);
    }
    assert_eq!(room.deltas(Delta::End), "");
}

#[test]
fn untouched_pieces_stay_the_providers_bytes() {
    let mut room = enter(masking(Mode::Enforce), Endpoint::Chat);
    room.prompt(&json!({"messages": [{"role": "user", "content": "a@example.com"}]})).0.unwrap();
    let payload = Bytes::from_static(b"{\"t\":\"fine w\\u006frds \"}");
    let place = Str { span: Span::new(6, 21), escaped: true };
    let channel = Channel { choice: 0, kind: ChannelKind::Content };
    let mut out = Vec::new();
    room.visit.delta(Delta::Text(Text::came(channel, &payload, place)), &mut out);
    assert!(matches!(out.as_slice(), [Delta::Text(text)] if text.stands_at(&payload, place)));
}
