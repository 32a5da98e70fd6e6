//! A front door for tests.

use behest_contract::json::{Kind, Malformed, Scanner, Span, Str, Value};
use behest_contract::prompt::{Member, Message, Outline, Prompt, Role, Text, TextKind};
use bytes::Bytes;

/// Reads a body whose `messages` are strings; those that begin with `data:` are images.
pub(crate) fn prompt(body: &str) -> Prompt {
    let bytes = body.as_bytes();
    let mut outline = Outline::default();
    let mut scanner = Scanner::new(bytes);
    let root = scanner.object(|scanner, name| {
        let (role, value) = match name.name(bytes).as_ref() {
            b"messages" | b"input" => (Role::Messages, messages(scanner, bytes, &mut outline)?),
            b"max_tokens" | b"max_completion_tokens" => (Role::OutputCap, scanner.value()?),
            b"n" => (Role::Choices, scanner.value()?),
            b"tools" => (Role::Tools, scanner.value()?),
            _ => (Role::Other, scanner.value()?),
        };
        let whole = Span { start: name.quoted().start, end: value.span.end };
        outline.members.push(Member { role, whole, value });
        Ok::<(), Malformed>(())
    });
    outline.root = root.unwrap();
    Prompt::new(Bytes::copy_from_slice(bytes), outline)
}

fn messages(
    scanner: &mut Scanner<'_>,
    bytes: &[u8],
    outline: &mut Outline,
) -> Result<Value, Malformed> {
    let span = scanner.array(|scanner| {
        let value = scanner.value()?;
        outline.messages.push(Message { span: value.span, role: None });
        if let Some(words) = value.string() {
            let text =
                Text { kind: TextKind::Content, value: words, name: Str::default(), message: None };
            outline.texts.push(text);
            outline.images.extend(Some(words).filter(|w| w.span.of(bytes).starts_with(b"data:")));
        }
        Ok::<(), Malformed>(())
    })?;
    outline.list = Some(span);
    Ok(Value { span, kind: Kind::Array })
}
