//! Reading a chat completion's request.

use super::empty_outline;
use super::fields::{Place, Refusal, boolean, count, is_text, note_name, refuse, structural, text};
use behest_contract::json::{Kind, Malformed, Scanner, Seen, Span, Str, Value};
use behest_contract::prompt::{Member, Message, Outline, Role, Text, TextKind};

/// Finds what lies where in a body.
pub(super) fn outline(body: &[u8]) -> Result<Outline, Refusal> {
    let mut reader = Reader { outline: empty_outline() };
    let mut seen = Seen::default();
    let mut scanner = Scanner::new(body);
    if scanner.peek() != Some(b'{') {
        scanner.value()?;
        return Err(refuse("body", "The body must be a JSON object."));
    }
    let root = scanner.object(|scanner, name| {
        note_name(&mut seen, scanner, name, "body")?;
        reader.member(scanner, name)
    })?;
    scanner.end()?;
    let mut outline = reader.outline;
    outline.root = root;
    if outline.list.is_none() {
        return Err(refuse("messages", "\"messages\" is missing."));
    }
    Ok(outline)
}

struct Reader {
    outline: Outline,
}

impl Reader {
    fn member(&mut self, scanner: &mut Scanner<'_>, name: Str) -> Result<(), Refusal> {
        let (role, value) = match name.name(scanner.text()).as_ref() {
            b"model" => (Role::Model, text(scanner, "model")?),
            b"messages" => (Role::Messages, self.messages(scanner)?),
            b"stream" => (Role::Stream, self.stream(scanner)?),
            b"stream_options" => (Role::StreamOptions, self.stream_options(scanner)?),
            b"max_tokens" => (Role::OutputCap, count(scanner, "max_tokens")?),
            b"max_completion_tokens" => (Role::OutputCap, count(scanner, "max_completion_tokens")?),
            b"n" => (Role::Choices, count(scanner, "n")?),
            b"logprobs" | b"top_logprobs" => (Role::Logprobs, scanner.value()?),
            b"tools" => (Role::Tools, self.other(scanner, name)?),
            b"response_format" => (Role::AnswerFormat, self.answer_format(scanner, name)?),
            // What Behest's own clients may leave in the body for the gateway (CONTRACT 5).
            b"thread_id" | b"session_id" | b"user_id" | b"tier" | b"token" => {
                (Role::Private, scanner.value()?)
            }
            _ => (Role::Other, self.other(scanner, name)?),
        };
        let whole = Span { start: name.quoted().start, end: value.span.end };
        self.outline.members.push(Member { role, whole, value });
        Ok(())
    }

    fn stream(&mut self, scanner: &mut Scanner<'_>) -> Result<Value, Refusal> {
        let value = boolean(scanner, "stream")?;
        self.outline.streamed = value.kind == Kind::Bool(true);
        Ok(value)
    }

    /// Its texts are noted like any other member's, and its kind is looked for once more: it is short.
    fn answer_format(&mut self, scanner: &mut Scanner<'_>, name: Str) -> Result<Value, Malformed> {
        let value = self.other(scanner, name)?;
        self.outline.json_asked = asks_for_json(value, scanner.text());
        Ok(value)
    }

    fn stream_options(&mut self, scanner: &mut Scanner<'_>) -> Result<Value, Refusal> {
        if scanner.peek() != Some(b'{') {
            let value = scanner.value()?;
            if value.kind != Kind::Null {
                return Err(refuse("stream_options", "\"stream_options\" must be an object."));
            }
            return Ok(value);
        }
        let mut seen = Seen::default();
        let span = scanner.object(|scanner, name| {
            note_name(&mut seen, scanner, name, "stream_options")?;
            if name.is(scanner.text(), b"include_usage") {
                self.outline.usage_option = Some(boolean(scanner, "include_usage")?);
                return Ok(());
            }
            self.other(scanner, name)?;
            Ok::<(), Refusal>(())
        })?;
        Ok(Value { span, kind: Kind::Object })
    }

    fn messages(&mut self, scanner: &mut Scanner<'_>) -> Result<Value, Refusal> {
        if scanner.peek() != Some(b'[') {
            scanner.value()?;
            return Err(refuse("messages", "\"messages\" must be an array."));
        }
        let span = scanner.array(|scanner| self.message(scanner))?;
        if self.outline.messages.is_empty() {
            return Err(refuse("messages", "\"messages\" must not be empty."));
        }
        self.outline.list = Some(span);
        Ok(Value { span, kind: Kind::Array })
    }

    fn message(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Refusal> {
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Err(refuse("messages", "Each of \"messages\" must be an object."));
        }
        let number = u32::try_from(self.outline.messages.len()).unwrap_or(u32::MAX);
        let first_text = self.outline.texts.len();
        let mut role = None;
        let mut seen = Seen::default();
        let span = scanner.object(|scanner, name| {
            note_name(&mut seen, scanner, name, "messages")?;
            match name.name(scanner.text()).as_ref() {
                b"role" => role = text(scanner, "role")?.string(),
                b"content" => self.content(scanner, name, number)?,
                _ => self.texts(scanner, name, Within::message(number)).map(drop)?,
            }
            Ok::<(), Refusal>(())
        })?;
        let Some(role) = role else {
            return Err(refuse("messages", "Each of \"messages\" must have a \"role\"."));
        };
        if role.is(scanner.text(), b"tool") || role.is(scanner.text(), b"function") {
            for found in self.outline.texts.iter_mut().skip(first_text) {
                found.kind = TextKind::ToolResult;
            }
        }
        self.outline.messages.push(Message { span, role: Some(role) });
        Ok(())
    }

    fn content(
        &mut self,
        scanner: &mut Scanner<'_>,
        name: Str,
        number: u32,
    ) -> Result<(), Refusal> {
        match scanner.peek() {
            Some(b'"' | b'n') => {
                self.texts(scanner, name, Within::part(number))?;
                Ok(())
            }
            Some(b'[') => {
                scanner.array(|scanner| self.part(scanner, name, number))?;
                Ok(())
            }
            _ => {
                scanner.value()?;
                Err(refuse("messages", "\"content\" must be a string, an array or null."))
            }
        }
    }

    /// One part of a message's content: some text, an image, …
    fn part(&mut self, scanner: &mut Scanner<'_>, name: Str, number: u32) -> Result<(), Malformed> {
        if scanner.peek() != Some(b'{') {
            self.texts(scanner, name, Within::part(number))?;
            return Ok(());
        }
        let bytes = scanner.text();
        scanner.object(|scanner, name| {
            let first_text = self.outline.texts.len();
            self.texts(scanner, name, Within::part(number))?;
            if name.is(bytes, b"image_url") {
                // An object with its place, or the place itself.
                let found = self.outline.texts.iter().skip(first_text);
                let places = found.filter(|text| {
                    [&b"url"[..], b"image_url"].contains(&text.name.name(bytes).as_ref())
                });
                self.outline.images.extend(places.map(|text| text.value));
            }
            Ok::<(), Malformed>(())
        })?;
        Ok(())
    }

    /// Reads a member of the body that holds nothing of the gateway's own.
    fn other(&mut self, scanner: &mut Scanner<'_>, name: Str) -> Result<Value, Malformed> {
        let within = Within { place: Place::Body, kind: TextKind::Other, message: None };
        self.texts(scanner, name, within)
    }

    /// Reads any value and notes the texts in it.
    fn texts(
        &mut self,
        scanner: &mut Scanner<'_>,
        name: Str,
        within: Within,
    ) -> Result<Value, Malformed> {
        let bytes = scanner.text();
        let Within { place, kind, message } = within;
        let structural = structural(place, &name.name(bytes));
        let texts = &mut self.outline.texts;
        scanner.walk(name, &mut |name, value| {
            if value.span.is_empty() || !is_text(bytes, structural, name, value) {
                return;
            }
            let arguments = message.is_some() && name.is(bytes, b"arguments");
            let kind = if arguments { TextKind::ToolArguments } else { kind };
            texts.push(Text { kind, value, name, message });
        })
    }
}

/// Whether an answer of this format is JSON. Of a kind that is given twice the last one counts, as readers
/// of JSON have it.
fn asks_for_json(format: Value, body: &[u8]) -> bool {
    if format.kind != Kind::Object {
        return false;
    }
    let text = format.span.of(body);
    let mut asked = false;
    let read = Scanner::new(text).object(|scanner, name| {
        let value = scanner.value()?;
        if name.is(text, b"type") {
            let is = |word| value.string().is_some_and(|kind| kind.is(text, word));
            asked = is(b"json_object") || is(b"json_schema");
        }
        Ok::<(), Malformed>(())
    });
    read.is_ok() && asked
}

/// What a value is part of.
#[derive(Clone, Copy)]
struct Within {
    place: Place,
    kind: TextKind,
    message: Option<u32>,
}

impl Within {
    fn message(number: u32) -> Self {
        Self { place: Place::Message, kind: TextKind::Other, message: Some(number) }
    }

    fn part(number: u32) -> Self {
        Self { place: Place::Part, kind: TextKind::Content, message: Some(number) }
    }
}

#[cfg(test)]
mod tests;
