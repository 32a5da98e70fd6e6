//! Spelling an answer for a client of chat completions.
//!
//! A frame that no room touched leaves as the bytes that came. Otherwise its texts are exchanged in
//! place; what rooms held back or split leaves in events of its own, made after the last frame.

use behest_contract::delta::{Channel, ChannelKind, Delta, Frame, Part, ReasoningName, Text};
use behest_contract::json::{Malformed, Scanner, Span, Str};
use behest_contract::sse;
use bytes::Bytes;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashMap;

/// What the client asked for, as far as the spelling depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Spelling {
    /// It asked for usage in its stream; otherwise that is hidden from it.
    pub usage_asked: bool,
    /// Texts are put back into the answer, so that `logprobs` would spell them a second time.
    pub without_logprobs: bool,
}

impl Spelling {
    /// What is left out of a frame whatever its texts are.
    fn patch(self, frame: &Frame) -> Patch {
        let mut patch = Patch::default();
        if self.without_logprobs
            && let Some(choices) = frame.choices
        {
            for member in logprobs(&frame.payload, choices) {
                patch.cut(with_comma(&frame.payload, member), Vec::new());
            }
        }
        patch
    }
}

/// The members `logprobs` of all choices, names and values.
fn logprobs(payload: &[u8], choices: Span) -> SmallVec<[Span; 2]> {
    let mut found = SmallVec::new();
    let mut scanner = Scanner::new(choices.of(payload));
    // The payload was read before: nothing of it is malformed.
    let _ = scanner.array(|scanner| {
        let each = |scanner: &mut Scanner<'_>, name: Str| {
            let value = scanner.value()?;
            if name.is(scanner.text(), b"logprobs") {
                let (from, to) = (name.quoted().range().start, value.span.range().end);
                let before = choices.range().start;
                found.push(Span::new(before + from, before + to));
            }
            Ok::<(), Malformed>(())
        };
        scanner.object(each).map(drop)
    });
    found
}

/// Spells the events of one stream.
pub struct StreamSpeller {
    spelling: Spelling,
    /// The last frame that had choices: what a made event is like.
    model: Option<Model>,
}

struct Model {
    payload: Bytes,
    choices: Span,
    usage: Option<Span>,
}

type Texts<'a> = SmallVec<[&'a Text; 4]>;

impl StreamSpeller {
    /// A speller at the beginning of a stream.
    pub fn new(spelling: Spelling) -> Self {
        Self { spelling, model: None }
    }

    /// Appends the events for a frame, of which the rooms made `said`.
    pub fn frame(&mut self, frame: &Frame, said: &[Delta], out: &mut Vec<u8>) {
        if let Some(choices) = frame.choices.filter(|_| !frame.no_choices) {
            let payload = frame.payload.clone();
            self.model = Some(Model { payload, choices, usage: frame.usage });
        }
        let texts: Texts<'_> = said.iter().filter_map(text_of).collect();
        if came_through(frame, &texts) {
            self.write(frame, self.spelling.patch(frame), out);
            return;
        }
        let finishes = said.iter().any(|delta| matches!(delta, Delta::Finish { .. }));
        let spread = Spread::new(frame, &texts, finishes);
        for text in &spread.before {
            self.write_made(text, out);
        }
        if frame.says_more || spread.carried.iter().any(|texts| !texts.is_empty()) {
            let mut patch = self.spelling.patch(frame);
            spread.add_to(&mut patch, frame);
            self.write(frame, patch, out);
        }
        for text in &spread.after {
            self.write_made(text, out);
        }
    }

    fn write(&self, frame: &Frame, mut patch: Patch, out: &mut Vec<u8>) {
        if frame.payload.is_empty() {
            return;
        }
        if let Some(usage) = frame.usage.filter(|_| !self.spelling.usage_asked) {
            if frame.no_choices {
                return;
            }
            patch.cut(with_comma(&frame.payload, usage), Vec::new());
        }
        if patch.is_empty() {
            sse::write_event(&frame.payload, out);
        } else {
            sse::write_event(&patch.apply(&frame.payload), out);
        }
    }

    /// Writes an event of our own making, with one text in it.
    fn write_made(&self, text: &Text, out: &mut Vec<u8>) {
        let (Some(choices), Some(model)) = (made_choices(text), &self.model) else { return };
        // The made choice takes the place of all others, and of what they say besides.
        let mut patch = Patch::default();
        patch.cut(model.choices, choices);
        if let Some(usage) = model.usage {
            patch.cut(with_comma(&model.payload, usage), Vec::new());
        }
        sse::write_event(&patch.apply(&model.payload), out);
    }
}

/// Spells a whole answer, of which the rooms made `said`.
pub fn spell_whole(spelling: Spelling, frame: &Frame, said: &[Delta]) -> Bytes {
    let texts: Texts<'_> = said.iter().filter_map(text_of).collect();
    let mut patch = spelling.patch(frame);
    if came_through(frame, &texts) && patch.is_empty() {
        return frame.payload.clone();
    }
    let mut words: HashMap<Channel, Vec<u8>> = HashMap::new();
    for text in texts {
        text.spell(words.entry(text.channel).or_default());
    }
    for part in &frame.parts {
        patch.cut(part.place.span, words.get(&part.channel).cloned().unwrap_or_default());
    }
    patch.apply(&frame.payload).into()
}

fn text_of(delta: &Delta) -> Option<&Text> {
    match delta {
        Delta::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether the frame's texts came through the rooms as they were.
fn came_through(frame: &Frame, texts: &[&Text]) -> bool {
    let same = |part: &Part, text: &&Text| {
        part.channel == text.channel && text.stands_at(&frame.payload, part.place)
    };
    frame.parts.len() == texts.len() && frame.parts.iter().zip(texts).all(|(p, t)| same(p, t))
}

/// Which text goes where: into one of the frame's parts, or into an event before or behind it.
struct Spread<'a> {
    /// One text for each part at most, but for those that come whole.
    carried: SmallVec<[SmallVec<[&'a Text; 1]>; 2]>,
    before: Texts<'a>,
    after: Texts<'a>,
}

impl<'a> Spread<'a> {
    /// A frame that finishes a choice carries the last texts of each channel, so that nothing comes
    /// behind the finish; any other carries the first, so that nothing comes before a role.
    fn new(frame: &Frame, texts: &[&'a Text], finishes: bool) -> Self {
        let mut spread = Self {
            carried: SmallVec::from_elem(SmallVec::new(), frame.parts.len()),
            before: SmallVec::new(),
            after: SmallVec::new(),
        };
        for text in texts {
            spread.place(frame, text, finishes);
        }
        spread
    }

    fn place(&mut self, frame: &Frame, text: &'a Text, finishes: bool) {
        let parts = frame.parts.iter().zip(&mut self.carried);
        let mut own = parts.filter(|(part, _)| part.channel == text.channel).map(|(_, own)| own);
        let whole = text.channel.kind.comes_whole();
        let mut full: SmallVec<[_; 2]> = SmallVec::new();
        let free = own.find_map(|carried| {
            if carried.is_empty() || whole {
                return Some(carried);
            }
            full.push(carried);
            None
        });
        match free {
            Some(carried) => carried.push(text),
            None if full.is_empty() => self.before.push(text),
            None if finishes => {
                // Each moves one part forward, and the first one out.
                let mut moved: SmallVec<[&Text; 1]> = SmallVec::from_elem(text, 1);
                for carried in full.iter_mut().rev() {
                    std::mem::swap(*carried, &mut moved);
                }
                self.before.extend(moved);
            }
            None => self.after.push(text),
        }
    }

    fn add_to(&self, patch: &mut Patch, frame: &Frame) {
        for (part, texts) in frame.parts.iter().zip(&self.carried) {
            let mut words = Vec::new();
            for text in texts {
                text.spell(&mut words);
            }
            patch.cut(part.place.span, words);
        }
    }
}

/// Stretches of a payload to be exchanged.
#[derive(Default)]
struct Patch {
    cuts: SmallVec<[(Span, Vec<u8>); 2]>,
}

impl Patch {
    fn cut(&mut self, span: Span, with: Vec<u8>) {
        self.cuts.push((span, with));
    }

    fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }

    fn apply(mut self, payload: &[u8]) -> Vec<u8> {
        self.cuts.sort_by_key(|(span, _)| span.start);
        let added: usize = self.cuts.iter().map(|(_, with)| with.len()).sum();
        let mut out = Vec::with_capacity(payload.len() + added);
        let mut at = 0;
        for (span, with) in &self.cuts {
            let range = span.range();
            out.extend_from_slice(payload.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(with);
            at = range.end;
        }
        out.extend_from_slice(payload.get(at..).unwrap_or_default());
        out
    }
}

/// A member's span with the comma before it, or else the one behind it.
fn with_comma(payload: &[u8], member: Span) -> Span {
    let before = payload.get(..member.start as usize).unwrap_or_default().trim_ascii_end();
    if before.ends_with(b",") {
        return Span { start: Span::new(before.len() - 1, 0).start, end: member.end };
    }
    let behind = payload.get(member.end as usize..).unwrap_or_default();
    let trimmed = behind.trim_ascii_start();
    let comma = usize::from(trimmed.starts_with(b","));
    let end = member.end as usize + comma * (behind.len() - trimmed.len() + 1);
    Span::new(member.start as usize, end)
}

/// A list with the one choice that says this text; a citation is nothing apart from its annotation.
fn made_choices(text: &Text) -> Option<Vec<u8>> {
    let Channel { choice, kind } = text.channel;
    let (open, close) = around(kind)?;
    let mut choices = format!(r#"[{{"index":{choice},"delta":{{{open}"#).into_bytes();
    text.spell(&mut choices);
    choices.extend_from_slice(close.as_bytes());
    choices.extend_from_slice(br#"},"finish_reason":null}]"#);
    Some(choices)
}

/// What stands before a text and behind it, within its message.
fn around(kind: ChannelKind) -> Option<(Cow<'static, str>, &'static str)> {
    let member = |open: &'static str, close| (Cow::Borrowed(open), close);
    Some(match kind {
        ChannelKind::Content => member(r#""content":""#, "\""),
        ChannelKind::ContentText(_) => member(r#""content":[{"type":"text","text":""#, "\"}]"),
        ChannelKind::Thinking(_) => {
            member(r#""content":[{"type":"thinking","thinking":[{"type":"text","text":""#, "\"}]}]")
        }
        ChannelKind::Reasoning(ReasoningName::Content) => member(r#""reasoning_content":""#, "\""),
        ChannelKind::Reasoning(ReasoningName::Plain) => member(r#""reasoning":""#, "\""),
        ChannelKind::ReasoningText(index) => (detail("reasoning.text", index, "text"), "\"}]"),
        ChannelKind::ReasoningSummary(index) => {
            (detail("reasoning.summary", index, "summary"), "\"}]")
        }
        ChannelKind::Refusal => member(r#""refusal":""#, "\""),
        ChannelKind::ToolArguments(index) => (call(index, "function", "arguments"), "\"}}]"),
        ChannelKind::ToolInput(index) => (call(index, "custom", "input"), "\"}}]"),
        ChannelKind::FunctionArguments => member(r#""function_call":{"arguments":""#, "\"}"),
        ChannelKind::Transcript => member(r#""audio":{"transcript":""#, "\"}"),
        ChannelKind::Citation(_) => return None,
    })
}

fn detail(kind: &str, index: u32, member: &str) -> Cow<'static, str> {
    format!(r#""reasoning_details":[{{"type":"{kind}","index":{index},"{member}":""#).into()
}

fn call(index: u32, tool: &str, member: &str) -> Cow<'static, str> {
    format!(r#""tool_calls":[{{"index":{index},"{tool}":{{"{member}":""#).into()
}

#[cfg(test)]
mod tests {
    use super::{Spelling, spell_whole, with_comma};
    use behest_contract::delta::Frame;
    use behest_contract::json::Span;

    #[test]
    fn a_member_goes_with_its_comma() {
        for (payload, wanted) in [
            (r#"{"a":1,"usage":null}"#, r#"{"a":1}"#),
            (r#"{"a":1 , "usage":null , "b":2}"#, r#"{"a":1  , "b":2}"#),
            (r#"{"usage":null , "b":2}"#, r#"{ "b":2}"#),
            (r#"{"usage":null}"#, "{}"),
        ] {
            let start = payload.find("\"usage\"").unwrap();
            let span = with_comma(payload.as_bytes(), Span::new(start, start + 12));
            let mut left = payload.to_owned();
            left.replace_range(span.range(), "");
            assert_eq!(left, wanted);
        }
    }

    #[test]
    fn logprobs_are_left_out_where_texts_are_put_back() {
        let payload = r#"{"choices":[{"logprobs":{"content":[{"token":"x"}]},"index":0}, {"index":1 , "logprobs":null}],"logprobs":1}"#;
        let start = payload.find('[').unwrap();
        let choices = Span::new(start, payload.rfind(']').unwrap() + 1);
        let frame = Frame { payload: payload.into(), choices: Some(choices), ..Frame::default() };
        let spelt = |without_logprobs| {
            let spelling = Spelling { usage_asked: false, without_logprobs };
            spell_whole(spelling, &frame, &[])
        };
        assert_eq!(spelt(false), payload);
        assert_eq!(spelt(true), r#"{"choices":[{"index":0}, {"index":1 }],"logprobs":1}"#);
    }
}
