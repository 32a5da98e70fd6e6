//! Reading an embeddings request.

use super::empty_outline;
use super::fields::{Place, Refusal, is_text, note_name, refuse, structural, text};
use behest_contract::json::{Kind, Malformed, Scanner, Seen, Span, Str, Value};
use behest_contract::prompt::{Member, Outline, Role, Text, TextKind};

/// Finds what lies where in a body.
pub(super) fn outline(body: &[u8]) -> Result<Outline, Refusal> {
    let mut outline = empty_outline();
    let mut seen = Seen::default();
    let mut scanner = Scanner::new(body);
    if scanner.peek() != Some(b'{') {
        scanner.value()?;
        return Err(refuse("body", "The body must be a JSON object."));
    }
    outline.root = scanner.object(|scanner, name| {
        note_name(&mut seen, scanner, name, "body")?;
        let (role, value) = match name.name(scanner.text()).as_ref() {
            b"model" => (Role::Model, text(scanner, "model")?),
            b"input" => (Role::Messages, input(scanner, name, &mut outline)?),
            b"thread_id" | b"session_id" | b"user_id" | b"tier" | b"token" => {
                (Role::Private, scanner.value()?)
            }
            _ => (Role::Other, texts(scanner, name, TextKind::Other, &mut outline)?),
        };
        let whole = Span { start: name.quoted().start, end: value.span.end };
        outline.members.push(Member { role, whole, value });
        Ok::<(), Refusal>(())
    })?;
    scanner.end()?;
    if !outline.members.iter().any(|member| member.role == Role::Messages) {
        return Err(refuse("input", "\"input\" is missing."));
    }
    Ok(outline)
}

/// A text, several, or arrays of token numbers.
fn input(scanner: &mut Scanner<'_>, name: Str, outline: &mut Outline) -> Result<Value, Refusal> {
    let value = texts(scanner, name, TextKind::Content, outline)?;
    match value.kind {
        Kind::String(_) | Kind::Array => Ok(value),
        _ => Err(refuse("input", "\"input\" must be a string or an array.")),
    }
}

fn texts(
    scanner: &mut Scanner<'_>,
    name: Str,
    kind: TextKind,
    outline: &mut Outline,
) -> Result<Value, Malformed> {
    let bytes = scanner.text();
    let structural = structural(Place::Body, &name.name(bytes));
    scanner.walk(name, &mut |name, value| {
        if !value.span.is_empty() && is_text(bytes, structural, name, value) {
            outline.texts.push(Text { kind, value, name, message: None });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::outline;

    #[test]
    fn texts_and_token_arrays_are_read_and_nonsense_is_refused() {
        let texts = |body: &str| outline(body.as_bytes()).map(|found| found.texts.len()).ok();
        assert_eq!(texts(r#"{"input":"a","model":"m"}"#), Some(1));
        assert_eq!(texts(r#"{"input":["a","b"],"user":"u","encoding_format":"base64"}"#), Some(3));
        assert_eq!(texts(r#"{"input":"a","x":{"encoding_format":"b","id":"c"}}"#), Some(3));
        assert_eq!(texts(r#"{"input":[[1,2],[3]]}"#), Some(0));
        for wrong in [r#"{"input":1}"#, r#"{"model":"m"}"#, "[]", r#"{"input":"a","input":"b"}"#] {
            assert_eq!(texts(wrong), None, "{wrong}");
        }
    }
}
