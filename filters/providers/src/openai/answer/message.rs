//! Where a message, or a piece of one, has its texts.

use super::{Form, Reader, small};
use behest_contract::delta::{Channel, ChannelKind, Part, ReasoningName};
use behest_contract::json::{Malformed, Scanner, Str};

/// Strings of an annotation that are structure and no text.
const STRUCTURAL: &[&[u8]] = &[b"type", b"id", b"file_id", b"container_id"];

type Read = Result<(), Malformed>;

impl Reader {
    pub(super) fn message(&mut self, scanner: &mut Scanner<'_>) -> Read {
        self.object(scanner, |reader, scanner, name| match name {
            b"content" => reader.content(scanner),
            b"refusal" => reader.part(scanner, ChannelKind::Refusal),
            b"reasoning_content" => {
                reader.part(scanner, ChannelKind::Reasoning(ReasoningName::Content))
            }
            b"reasoning" => reader.part(scanner, ChannelKind::Reasoning(ReasoningName::Plain)),
            b"reasoning_details" => reader.list(scanner, Self::reasoning_detail),
            b"tool_calls" => reader.list(scanner, Self::tool_call),
            b"function_call" => reader.function(scanner, ChannelKind::FunctionArguments),
            b"audio" => reader.audio(scanner),
            b"annotations" => reader.list(scanner, Self::annotation),
            _ => reader.more(scanner),
        })
    }

    /// A text, or a list of parts.
    fn content(&mut self, scanner: &mut Scanner<'_>) -> Read {
        if scanner.peek() != Some(b'[') {
            return self.part(scanner, ChannelKind::Content);
        }
        self.list(scanner, |reader, scanner, _| {
            reader.object(scanner, |reader, scanner, name| match name {
                b"text" => reader.part(scanner, ChannelKind::ContentText(reader.number())),
                b"thinking" => reader.thinking(scanner),
                b"type" | b"index" => scanner.value().map(drop),
                _ => reader.more(scanner),
            })
        })
    }

    fn thinking(&mut self, scanner: &mut Scanner<'_>) -> Read {
        if scanner.peek() != Some(b'[') {
            return self.part(scanner, ChannelKind::Thinking(self.number()));
        }
        self.list(scanner, |reader, scanner, _| {
            reader.object(scanner, |reader, scanner, name| match name {
                b"text" => reader.part(scanner, ChannelKind::Thinking(reader.number())),
                b"type" => scanner.value().map(drop),
                _ => reader.more(scanner),
            })
        })
    }

    fn reasoning_detail(&mut self, scanner: &mut Scanner<'_>, position: u32) -> Read {
        let text = scanner.text();
        let first_part = self.frame.parts.len();
        let mut index = position;
        self.object(scanner, |reader, scanner, name| match name {
            b"text" => reader.part(scanner, ChannelKind::ReasoningText(0)),
            b"summary" => reader.part(scanner, ChannelKind::ReasoningSummary(0)),
            b"index" => scanner.value().map(|value| index = small(value, text).unwrap_or(position)),
            b"type" | b"format" => scanner.value().map(drop),
            _ => reader.more(scanner),
        })?;
        if self.form == Form::Whole {
            // Two of one index would be one channel.
            index = position;
        }
        self.belong_to(index, first_part);
        Ok(())
    }

    fn tool_call(&mut self, scanner: &mut Scanner<'_>, position: u32) -> Read {
        let text = scanner.text();
        let first_part = self.frame.parts.len();
        let mut index = position;
        self.object(scanner, |reader, scanner, name| match name {
            b"index" => scanner.value().map(|value| index = small(value, text).unwrap_or(position)),
            b"function" => reader.function(scanner, ChannelKind::ToolArguments(0)),
            b"custom" => reader.object(scanner, |reader, scanner, name| match name {
                b"input" => reader.part(scanner, ChannelKind::ToolInput(0)),
                _ => reader.more(scanner),
            }),
            _ => reader.more(scanner),
        })?;
        self.belong_to(index, first_part);
        Ok(())
    }

    fn function(&mut self, scanner: &mut Scanner<'_>, kind: ChannelKind) -> Read {
        self.object(scanner, |reader, scanner, name| match name {
            b"arguments" => reader.part(scanner, kind),
            _ => reader.more(scanner),
        })
    }

    fn audio(&mut self, scanner: &mut Scanner<'_>) -> Read {
        self.object(scanner, |reader, scanner, name| match name {
            b"transcript" => reader.part(scanner, ChannelKind::Transcript),
            _ => reader.more(scanner),
        })
    }

    /// Of these, kinds are added as they please: all strings but the structural ones are texts.
    fn annotation(&mut self, scanner: &mut Scanner<'_>, _: u32) -> Read {
        let text = scanner.text();
        let parts = &mut self.frame.parts;
        scanner.walk(Str::default(), &mut |name, place| {
            if !place.span.is_empty() && !STRUCTURAL.contains(&name.name(text).as_ref()) {
                let number = u32::try_from(parts.len()).unwrap_or(u32::MAX);
                let kind = ChannelKind::Citation(number);
                parts.push(Part { channel: Channel { choice: 0, kind }, place });
            }
        })?;
        self.frame.says_more = true;
        Ok(())
    }

    /// Gives the parts since `first_part` the index of what they were found in.
    fn belong_to(&mut self, index: u32, first_part: usize) {
        for part in self.frame.parts.iter_mut().skip(first_part) {
            let kind = &mut part.channel.kind;
            *kind = match *kind {
                ChannelKind::ToolInput(_) => ChannelKind::ToolInput(index),
                ChannelKind::ReasoningText(_) => ChannelKind::ReasoningText(index),
                ChannelKind::ReasoningSummary(_) => ChannelKind::ReasoningSummary(index),
                _ => ChannelKind::ToolArguments(index),
            };
        }
    }

    /// The number of the next part of a content.
    fn number(&self) -> u32 {
        match self.form {
            Form::Whole => u32::try_from(self.frame.parts.len() + 1).unwrap_or(u32::MAX),
            Form::Event => 0,
        }
    }

    /// Reads an object by its members' names; anything else is passed over.
    fn object(
        &mut self,
        scanner: &mut Scanner<'_>,
        mut each: impl FnMut(&mut Self, &mut Scanner<'_>, &[u8]) -> Read,
    ) -> Read {
        if scanner.peek() != Some(b'{') {
            return self.more(scanner);
        }
        let text = scanner.text();
        scanner.object(|scanner, key| each(self, scanner, key.name(text).as_ref())).map(drop)
    }

    /// Reads a list by its items and their positions; anything else is passed over.
    fn list(
        &mut self,
        scanner: &mut Scanner<'_>,
        mut each: impl FnMut(&mut Self, &mut Scanner<'_>, u32) -> Read,
    ) -> Read {
        if scanner.peek() != Some(b'[') {
            return self.more(scanner);
        }
        let mut position = 0;
        scanner
            .array(|scanner| {
                position += 1;
                each(self, scanner, position - 1)
            })
            .map(drop)
    }
}
