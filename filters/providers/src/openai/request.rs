//! What must be different from what the client wrote: very little.

use behest_contract::dialect::Target;
use behest_contract::facts::Endpoint;
use behest_contract::json::{self, Kind, Span, Value};
use behest_contract::prompt::{Edits, Prompt, Role};
use bytes::Bytes;

const ASK_FOR_USAGE: &[u8] = br#""include_usage":true"#;

/// The edits that this target needs.
pub(super) fn edits(endpoint: Endpoint, prompt: &Prompt, target: &Target) -> Edits {
    let mut edits = Edits::default();
    name_the_model(prompt, &target.model, &mut edits);
    if endpoint == Endpoint::Chat {
        if prompt.outline().streamed && target.capabilities.usage_in_streams {
            ask_for_usage(prompt, &mut edits);
        }
        if !target.capabilities.developer_role {
            rename_developers(prompt, &mut edits);
        }
    }
    edits
}

fn name_the_model(prompt: &Prompt, model: &str, edits: &mut Edits) {
    match prompt.member(Role::Model) {
        Some(member) => edits.replace(member.value.span, json::quote(model).into()),
        None => {
            let mut member = br#""model":"#.to_vec();
            json::quote_into(model, &mut member);
            edits.append(member.into());
        }
    }
}

/// Usage is always asked for (CONTRACT 5), in the least invasive way that the client's own options
/// leave open.
fn ask_for_usage(prompt: &Prompt, edits: &mut Edits) {
    let object = || Bytes::from([b"{", ASK_FOR_USAGE, b"}"].concat());
    match (prompt.outline().usage_option, prompt.member(Role::StreamOptions)) {
        (Some(Value { kind: Kind::Bool(true), .. }), _) => {}
        (Some(option), _) => edits.replace(option.span, Bytes::from_static(b"true")),
        (None, Some(member)) if member.value.kind == Kind::Object => {
            let brace = member.value.span.end.saturating_sub(1);
            let inside = Span { start: member.value.span.start + 1, end: brace };
            let is_empty = inside.of(prompt.body()).iter().all(u8::is_ascii_whitespace);
            let comma: &[u8] = if is_empty { b"" } else { b"," };
            let member = Bytes::from([comma, ASK_FOR_USAGE].concat());
            edits.replace(Span { start: brace, end: brace }, member);
        }
        (None, Some(member)) => edits.replace(member.value.span, object()),
        (None, None) => {
            edits.append(Bytes::from([br#""stream_options":"#, object().as_ref()].concat()));
        }
    }
}

fn rename_developers(prompt: &Prompt, edits: &mut Edits) {
    let developers = prompt.outline().messages.iter().filter_map(|message| message.role);
    for role in developers.filter(|role| role.is(prompt.body(), b"developer")) {
        edits.replace(role.quoted(), Bytes::from_static(br#""system""#));
    }
}
