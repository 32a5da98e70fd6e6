//! What is done about what the model itself says.

use super::{enter, masking, outcome};
use crate::config::{Action, Mode};
use crate::events::Direction;
use behest_contract::delta::ChannelKind;
use behest_contract::denial::Kind;
use behest_contract::facts::Endpoint;
use futures::executor::block_on;
use serde_json::json;

#[test]
fn what_the_model_says_is_redacted_or_breaks_the_answer() {
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    let mut policy = masking(Mode::Enforce);
    policy.pii.answers = true;
    let mut room = enter(policy.clone(), Endpoint::Chat);
    room.prompt(&body).0.unwrap();
    let shown = room.say(ChannelKind::Content, "mail joe@exa")
        + &room.say(ChannelKind::Content, "mple.com now ");
    assert!(shown.starts_with("mail <EMAIL_ADDRESS_") && shown.contains("> "), "{shown}");
    room.visit.close(&outcome(), &room.facts);
    assert_eq!(room.seen.events.lock()[0].direction, Direction::Response);

    policy.pii.default_action = Some(Action::Block);
    let mut room = enter(policy, Endpoint::Chat);
    room.prompt(&body).0.unwrap();
    assert_eq!(room.say(ChannelKind::Content, "mail joe@example"), "mail ");
    assert!(room.visit.broken().is_none() && room.visit.commit().is_none());
    assert_eq!(room.say(ChannelKind::Content, ".com now "), "");
    assert_eq!(room.visit.broken().unwrap().kind, Kind::PiiBlocked);
    assert_eq!(room.say(ChannelKind::Refusal, "more"), "");
    assert_eq!(block_on(room.visit.commit().unwrap()).unwrap_err().kind, Kind::PiiBlocked);
}

#[test]
fn a_blocked_kind_breaks_the_answer_in_every_channel() {
    let mut policy = masking(Mode::Enforce);
    policy.pii.answers = true;
    policy.pii.default_action = Some(Action::Block);
    for kind in [
        ChannelKind::ContentText(0),
        ChannelKind::Thinking(0),
        ChannelKind::ReasoningText(0),
        ChannelKind::ReasoningSummary(0),
        ChannelKind::ToolInput(0),
        ChannelKind::FunctionArguments,
        ChannelKind::Transcript,
        ChannelKind::Citation(0),
    ] {
        let mut room = enter(policy.clone(), Endpoint::Chat);
        room.prompt(&json!({"messages": [{"role": "user", "content": "hi"}]})).0.unwrap();
        let shown = room.say(kind, "mail joe@example.com now ");
        assert!(!shown.contains("joe"), "{kind:?}: {shown}");
        assert_eq!(room.visit.broken().unwrap().kind, Kind::PiiBlocked, "{kind:?}");
    }
}
