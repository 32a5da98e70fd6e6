//! No kind leaves in any channel of an answer, however it is spelt and cut.

use super::{Room, enter, masking};
use crate::config::{Action, Mode, PolicyConfig};
use crate::entity::Entity;
use behest_contract::delta::{Channel, ChannelKind, Delta, ReasoningName, Text};
use behest_contract::facts::Endpoint;
use behest_contract::json::{Span, Str};
use bytes::Bytes;
use samples::{SAMPLES, sentence};
use serde_json::json;

#[path = "../../../tests/it/samples.rs"]
mod samples;

const CHANNELS: [ChannelKind; 5] = [
    ChannelKind::Content,
    ChannelKind::Refusal,
    ChannelKind::Reasoning(ReasoningName::Content),
    ChannelKind::Reasoning(ReasoningName::Plain),
    ChannelKind::ToolArguments(1),
];

/// Cuts of each kind that are drawn by lot, where all would be too many.
const DRAWN: usize = 6;

/// How the letters of an answer are spelt by its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Plain,
    /// Every one as `\uXXXX`.
    Escaped,
}

fn room() -> Room {
    let mut policy: PolicyConfig = masking(Mode::Enforce);
    policy.pii.answers = true;
    let all = Entity::ALL.iter().map(|entity| (entity.name().to_owned(), Action::Mask));
    policy.pii.entities = all.collect();
    enter(policy, Endpoint::Chat)
}

/// A piece of an answer as a provider sends it.
fn came(channel: Channel, piece: &[char], wire: Wire) -> Delta {
    let text: String = piece.iter().collect();
    let (body, escaped) = match wire {
        Wire::Plain => {
            let quoted = serde_json::to_string(&text).unwrap();
            let body = quoted[1..quoted.len() - 1].to_owned();
            let escaped = body.contains('\\');
            (body, escaped)
        }
        Wire::Escaped => {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            (units.collect::<String>(), !text.is_empty())
        }
    };
    let payload = Bytes::from(format!("\"{body}\""));
    let span = Span { start: 1, end: u32::try_from(payload.len()).unwrap() - 1 };
    Delta::Text(Text::came(channel, &payload, Str { span, escaped }))
}

/// What leaves in a channel for a text that is cut at some places.
fn streamed(
    room: &mut Room,
    kind: ChannelKind,
    text: &[char],
    cuts: &[usize],
    wire: Wire,
) -> String {
    room.next(None);
    let (verdict, _) = room.prompt(&json!({"messages": [{"role": "user", "content": "Go on."}]}));
    assert!(verdict.is_ok());
    let channel = Channel { choice: 0, kind };
    let (mut out, mut at) = (String::new(), 0);
    for cut in cuts.iter().copied().chain([text.len()]) {
        out.push_str(&room.deltas(came(channel, &text[at..cut], wire)));
        at = cut;
    }
    out.push_str(&room.deltas(Delta::Finish { choice: 0 }));
    out
}

/// One and two cuts: each one, and some pairs and threes by lot.
fn cuts(len: usize, seed: &mut u64) -> Vec<Vec<usize>> {
    let mut roll = || {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as usize % (len + 1)
    };
    let mut all: Vec<Vec<usize>> = (0..=len).map(|cut| vec![cut]).collect();
    for count in [2, 3].into_iter().flat_map(|count| [count; DRAWN]) {
        let mut cuts: Vec<usize> = (0..count).map(|_| roll()).collect();
        cuts.sort_unstable();
        all.push(cuts);
    }
    all.push((0..len).collect());
    all
}

/// Whether a text is another one in which just the value has become a placeholder.
fn is_masked(out: &str, before: &str, after: &str) -> bool {
    let Some(inside) = out.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) else {
        return false;
    };
    let name = inside.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    name.and_then(|name| name.rsplit_once('_'))
        .is_some_and(|(name, suffix)| Entity::named(name).is_some() && suffix.len() == 8)
}

/// Every kind, in every channel: `spell` writes a value within a text, as what stands before it, the value
/// and what stands behind it.
fn check(wire: Wire, channels: &[ChannelKind], spell: impl Fn(&str, &str) -> [String; 3]) {
    let mut room = room();
    let mut seed = 7;
    for (entity, label, value) in SAMPLES {
        let [before, spelt, after] = spell(&sentence(label, value), value.trim_end_matches('@'));
        let text: Vec<char> = [before.as_str(), &spelt, &after].concat().chars().collect();
        for kind in channels {
            let whole = streamed(&mut room, *kind, &text, &[], wire);
            assert!(is_masked(&whole, &before, &after), "{entity} {kind:?} {wire:?}: {whole}");
            for cuts in cuts(text.len(), &mut seed) {
                let out = streamed(&mut room, *kind, &text, &cuts, wire);
                assert_eq!(out, whole, "{entity} {kind:?} {wire:?} {cuts:?}");
            }
        }
    }
}

fn around(text: &str, value: &str) -> [String; 3] {
    let (before, after) = text.split_once(value).unwrap();
    [before.to_owned(), value.to_owned(), after.to_owned()]
}

#[test]
fn no_kind_leaves_in_any_channel() {
    check(Wire::Plain, &CHANNELS[..4], around);
}

#[test]
fn no_kind_leaves_that_the_wire_spells_in_escapes() {
    check(Wire::Escaped, &CHANNELS[..4], around);
}

/// The sentence as a member of a tool's arguments; the value's own characters as `\uXXXX` or as they are.
fn argument(text: &str, value: &str, escape: bool) -> [String; 3] {
    let inside = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let [before, value, after] = around(text, value).map(|part| inside(&part));
    let value = match escape {
        true => {
            let plain: String = serde_json::from_str(&format!("\"{value}\"")).unwrap();
            plain.chars().map(|character| format!("\\u{:04X}", u32::from(character))).collect()
        }
        false => value,
    };
    [format!("{{\"note\":\"{before}"), value, format!("{after}\",\"n\":[1,2]}}")]
}

#[test]
fn no_kind_leaves_in_the_arguments_of_tools() {
    check(Wire::Plain, &CHANNELS[4..], |text, value| argument(text, value, false));
}

#[test]
fn no_kind_leaves_in_the_arguments_of_tools_that_are_spelt_in_escapes() {
    check(Wire::Plain, &CHANNELS[4..], |text, value| argument(text, value, true));
    check(Wire::Escaped, &CHANNELS[4..], |text, value| argument(text, value, true));
}

#[test]
fn no_kind_leaves_between_and_within_characters_of_several_bytes() {
    let spell = |text: &str, value: &str| {
        let [before, value, after] = around(text, value);
        // A character without width in the middle, and digits as wide as letters of Chinese.
        let mut middle = value.len() / 2;
        while !value.is_char_boundary(middle) {
            middle += 1;
        }
        let (left, right) = value.split_at(middle);
        [format!("Één 中文 😀 {before}"), format!("{left}\u{200b}{right}"), format!("{after} 中é")]
    };
    check(Wire::Plain, &CHANNELS[..4], spell);
}
