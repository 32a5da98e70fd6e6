//! What must be different from what the client wrote: very little.

use behest_contract::dialect::{OutputCap, Target};
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
        if let Some(tokens) = prompt.output_cap() {
            cap_output(prompt, tokens, target.capabilities.output_cap, &mut edits);
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

/// A client that sets no cap may still have written one that is `null`: two members of one name would
/// leave it to the provider which of them counts.
fn cap_output(prompt: &Prompt, tokens: u64, spelling: OutputCap, edits: &mut Edits) {
    let name = match spelling {
        OutputCap::MaxCompletionTokens => "max_completion_tokens",
        OutputCap::MaxTokens => "max_tokens",
        OutputCap::Untold => return,
    };
    let members = prompt.outline().members.iter();
    for member in members.filter(|member| member.role == Role::OutputCap) {
        edits.drop_member(member);
    }
    edits.append(format!("\"{name}\":{tokens}").into());
}

fn rename_developers(prompt: &Prompt, edits: &mut Edits) {
    let developers = prompt.outline().messages.iter().filter_map(|message| message.role);
    for role in developers.filter(|role| role.is(prompt.body(), b"developer")) {
        edits.replace(role.quoted(), Bytes::from_static(br#""system""#));
    }
}

#[cfg(test)]
mod tests {
    use super::edits;
    use behest_contract::dialect::{Capabilities, OutputCap, Target};
    use behest_contract::facts::Endpoint;
    use behest_contract::json::{Malformed, Scanner, Span};
    use behest_contract::prompt::{Member, Outline, Prompt, Role};
    use bytes::Bytes;

    fn prompt(body: &'static str) -> Prompt {
        let mut outline = Outline::default();
        let mut scanner = Scanner::new(body.as_bytes());
        let root = scanner.object(|scanner, name| {
            let value = scanner.value()?;
            let role = match name.name(body.as_bytes()).as_ref() {
                b"model" => Role::Model,
                b"max_tokens" | b"max_completion_tokens" => Role::OutputCap,
                _ => Role::Other,
            };
            let whole = Span { start: name.quoted().start, end: value.span.end };
            outline.members.push(Member { role, whole, value });
            Ok::<(), Malformed>(())
        });
        outline.root = root.unwrap();
        Prompt::new(Bytes::from_static(body.as_bytes()), outline)
    }

    fn sent(endpoint: Endpoint, output_cap: OutputCap, prompt: &Prompt) -> String {
        let capabilities = Capabilities { output_cap, ..Capabilities::default() };
        let target = Target { model: "m".into(), capabilities };
        let wire = prompt.splice(&edits(endpoint, prompt, &target));
        String::from_utf8(wire.to_vec()).unwrap()
    }

    #[test]
    fn a_cap_is_spelt_in_the_providers_word_and_only_once() {
        let (new, old) = (OutputCap::MaxCompletionTokens, OutputCap::MaxTokens);
        let plain = r#"{"model":"a", "x":1.0}"#;
        let null = r#"{"max_tokens":null,"model":"a","max_completion_tokens":null}"#;
        for (body, word, wanted) in [
            (plain, new, r#"{"model":"m", "x":1.0,"max_completion_tokens":99}"#),
            (plain, old, r#"{"model":"m", "x":1.0,"max_tokens":99}"#),
            (plain, OutputCap::Untold, r#"{"model":"m", "x":1.0}"#),
            (null, new, r#"{"model":"m","max_completion_tokens":99}"#),
            (null, old, r#"{"model":"m","max_tokens":99}"#),
        ] {
            let mut prompt = prompt(body);
            prompt.cap_output(99);
            assert_eq!(sent(Endpoint::Chat, word, &prompt), wanted);
        }
    }

    #[test]
    fn where_no_cap_is_forced_the_clients_words_stay() {
        for body in
            [r#"{"model":"m","max_tokens":null}"#, r#"{"max_completion_tokens":5,"model":"m"}"#]
        {
            assert_eq!(sent(Endpoint::Chat, OutputCap::MaxTokens, &prompt(body)), body);
        }
        let mut prompt = prompt(r#"{"model":"m","input":"a"}"#);
        prompt.cap_output(9);
        assert_eq!(
            sent(Endpoint::Embeddings, OutputCap::MaxTokens, &prompt),
            r#"{"model":"m","input":"a"}"#
        );
    }
}
