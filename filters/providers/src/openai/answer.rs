//! Reading an answer: a whole one, or one event of a stream. They differ in one member's name, and in
//! that an event holds pieces of texts.

mod message;

use behest_contract::delta::{Channel, ChannelKind, Decoded, Delta, Frame, Part, Text, Usage};
use behest_contract::dialect::{Answer, Decoder, Nonsense};
use behest_contract::facts::Endpoint;
use behest_contract::filter::Hears;
use behest_contract::json::{Kind, Malformed, Scanner, Span, Str, Value};
use bytes::{Bytes, BytesMut};

const NOT_JSON: Nonsense = Nonsense("the provider's answer is not JSON");

/// Gathers a whole answer and reads it at its end.
pub(super) struct WholeDecoder {
    answer: Answer,
    gathered: BytesMut,
}

impl WholeDecoder {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer, gathered: BytesMut::new() }
    }
}

impl Decoder for WholeDecoder {
    fn feed(&mut self, bytes: &[u8], _out: &mut Vec<Decoded>) -> Result<(), Nonsense> {
        if self.gathered.len() + bytes.len() > self.answer.bytes_max {
            return Err(Nonsense("the provider's answer is larger than answer_limit"));
        }
        self.gathered.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Decoded>) -> Result<(), Nonsense> {
        let payload = std::mem::take(&mut self.gathered).freeze();
        let mut decoded = read(payload, self.answer.hears, Form::Whole)?;
        if let Decoded::Frame(frame) = &mut decoded {
            if self.answer.endpoint == Endpoint::Chat && frame.choices.is_none() {
                return Err(Nonsense("the provider's answer has no choices"));
            }
            frame.deltas.push(Delta::End);
        }
        out.push(decoded);
        Ok(())
    }
}

/// Reads one payload.
pub(super) fn read(payload: Bytes, hears: Hears, form: Form) -> Result<Decoded, Nonsense> {
    if simdutf8::basic::from_utf8(&payload).is_err() {
        return Err(NOT_JSON);
    }
    let wants_texts = hears == Hears::Text;
    let mut reader =
        Reader { frame: Frame::default(), wants_texts, form, finished: Vec::new(), usage: None };
    let mut is_error = false;
    let mut scanner = Scanner::new(&payload);
    let scanned = scanner.object(|scanner, key| match key.name(&payload).as_ref() {
        b"choices" => reader.choices(scanner),
        b"usage" => reader.usage(scanner, key),
        b"error" => scanner.value().map(|value| is_error |= value.kind != Kind::Null),
        _ => scanner.value().map(drop),
    });
    scanned.and_then(|_| scanner.end()).map_err(|_| NOT_JSON)?;
    if is_error {
        return Ok(Decoded::Error);
    }
    Ok(Decoded::Frame(reader.into_frame(payload)))
}

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// All of an answer.
    Whole,
    /// One event of a stream.
    Event,
}

struct Reader {
    frame: Frame,
    /// Otherwise a message is passed over whole.
    wants_texts: bool,
    form: Form,
    finished: Vec<u32>,
    usage: Option<Usage>,
}

impl Reader {
    fn choices(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        if scanner.peek() != Some(b'[') {
            return scanner.value().map(drop);
        }
        let mut count = 0;
        let span = scanner.array(|scanner| {
            count += 1;
            self.choice(scanner, count - 1)
        })?;
        self.frame.choices = Some(span);
        self.frame.no_choices = count == 0;
        Ok(())
    }

    fn choice(&mut self, scanner: &mut Scanner<'_>, position: u32) -> Result<(), Malformed> {
        let text = scanner.text();
        let first_part = self.frame.parts.len();
        let mut index = position;
        let mut finishes = false;
        scanner.object(|scanner, key| match key.name(text).as_ref() {
            b"delta" | b"message" if self.wants_texts => self.message(scanner),
            b"index" => scanner.value().map(|value| index = small(value, text).unwrap_or(position)),
            b"finish_reason" => scanner.value().map(|value| finishes = value.kind != Kind::Null),
            _ => self.more(scanner),
        })?;
        for part in self.frame.parts.iter_mut().skip(first_part) {
            part.channel.choice = index;
        }
        if finishes {
            self.frame.says_more = true;
            self.finished.push(index);
        }
        Ok(())
    }

    /// An empty text says nothing and is no part.
    fn part(&mut self, scanner: &mut Scanner<'_>, kind: ChannelKind) -> Result<(), Malformed> {
        let value = scanner.value()?;
        match value.string() {
            Some(place) if !place.span.is_empty() => {
                self.frame.parts.push(Part { channel: Channel { choice: 0, kind }, place });
            }
            Some(_) => {}
            None => self.frame.says_more |= value.kind != Kind::Null,
        }
        Ok(())
    }

    fn more(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        let value = scanner.value()?;
        self.frame.says_more |= value.kind != Kind::Null;
        Ok(())
    }

    fn usage(&mut self, scanner: &mut Scanner<'_>, key: Str) -> Result<(), Malformed> {
        let start = key.quoted().start;
        let end = if scanner.peek() == Some(b'{') {
            let (span, usage) = read_usage(scanner)?;
            self.usage = usage;
            self.frame.says_more = true;
            span.end
        } else {
            scanner.value()?.span.end
        };
        self.frame.usage = Some(Span { start, end });
        Ok(())
    }

    fn into_frame(self, payload: Bytes) -> Frame {
        let Self { mut frame, wants_texts, finished, usage, .. } = self;
        frame.says_more |= frame.choices.is_none();
        if wants_texts {
            let texts = frame.parts.iter();
            let texts = texts.map(|part| Text::came(part.channel, &payload, part.place));
            frame.deltas.extend(texts.map(Delta::Text));
        }
        frame.deltas.extend(finished.into_iter().map(|choice| Delta::Finish { choice }));
        frame.deltas.extend(usage.map(Delta::Usage));
        frame.payload = payload;
        frame
    }
}

fn small(value: Value, text: &[u8]) -> Option<u32> {
    value.whole_number(text).and_then(|number| u32::try_from(number).ok())
}

/// `completion_tokens` counts the reasoning's tokens too; embeddings report a prompt and the total only.
/// What cannot be read is no report, for nothing would be charged by it.
fn read_usage(scanner: &mut Scanner<'_>) -> Result<(Span, Option<Usage>), Malformed> {
    let text = scanner.text();
    let (mut prompt, mut completion, mut total) = (None, None, None);
    let (mut cached, mut reasoning) = (None, None);
    let span = scanner.object(|scanner, key| {
        match key.name(text).as_ref() {
            b"prompt_tokens" => prompt = number(scanner)?,
            b"completion_tokens" => completion = number(scanner)?,
            b"total_tokens" => total = number(scanner)?,
            b"prompt_tokens_details" => cached = detail(scanner, "cached_tokens")?,
            b"completion_tokens_details" => reasoning = detail(scanner, "reasoning_tokens")?,
            _ => drop(scanner.value()?),
        }
        Ok::<(), Malformed>(())
    })?;
    let rest = |part: Option<u64>| total?.checked_sub(part?);
    let usage = prompt.or_else(|| rest(completion)).zip(completion.or_else(|| rest(prompt)));
    let usage = usage.map(|(prompt_tokens, completion_tokens)| Usage {
        prompt_tokens,
        completion_tokens,
        cached_tokens: cached.unwrap_or(0),
        reasoning_tokens: reasoning.unwrap_or(0),
    });
    Ok((span, usage))
}

/// A number of tokens. Some providers reckon in floating point, and spell them so: `5.0`, `1e3`.
fn number(scanner: &mut Scanner<'_>) -> Result<Option<u64>, Malformed> {
    /// All smaller whole numbers are exact in floating point.
    const EXACT_MAX: f64 = (1_u64 << 53) as f64;
    let text = scanner.text();
    let value = scanner.value()?;
    let spelt_otherwise = || {
        let spelt = (value.kind == Kind::Number).then(|| value.span.of(text))?;
        let number: f64 = std::str::from_utf8(spelt).ok()?.parse().ok()?;
        let is_count = (0.0..=EXACT_MAX).contains(&number) && number.fract() == 0.0;
        is_count.then_some(number as u64)
    };
    Ok(value.whole_number(text).or_else(spelt_otherwise))
}

fn detail(scanner: &mut Scanner<'_>, name: &str) -> Result<Option<u64>, Malformed> {
    if scanner.peek() != Some(b'{') {
        return scanner.value().map(|_| None);
    }
    let text = scanner.text();
    let mut found = None;
    scanner.object(|scanner, key| {
        if key.is(text, name.as_bytes()) {
            found = number(scanner)?;
            return Ok(());
        }
        scanner.value().map(drop)
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests;
