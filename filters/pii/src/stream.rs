//! Redacting a text that comes in pieces.
//!
//! What can still become part of a finding is held; everything before it leaves at once. Nothing is
//! released by time. The pieces' output is the whole text's output, however it was cut.

use crate::detect::fold::{Folded, is_disguised};
use crate::detect::tail::Tail;
use crate::detect::{Candidate, Decided, LOOK_BACK};
use crate::entity::EntitySet;
use crate::redactor::{Blocked, Reading, Redactor};

/// Redacts one channel of an answer.
#[derive(Debug)]
pub struct StreamRedactor {
    reading: Reading,
    /// What has left, as it reads: what comes next may hang on it.
    back: Vec<u8>,
    /// What is held, as it came.
    held: String,
    /// A secret that is being eaten.
    eating: Option<Tail>,
    /// Whether it leaves all the same: it was found, and nothing is done about it.
    shown: bool,
    /// Characters without width just before what is held.
    hidden: u32,
    blocked: bool,
}

/// Held text as it reads, behind what has left.
struct Text {
    bytes: Vec<u8>,
    /// Where what is held begins.
    first: usize,
    /// The way back, where it does not read as it came.
    folded: Option<Folded>,
}

impl Text {
    fn start(&self, at: usize) -> usize {
        let at = at - self.first;
        self.folded.as_ref().map_or(at, |folded| folded.start(at))
    }

    fn end(&self, at: usize) -> usize {
        let at = at - self.first;
        self.folded.as_ref().map_or(at, |folded| folded.end(at))
    }
}

impl StreamRedactor {
    /// At the beginning of a channel.
    pub fn new(reading: Reading) -> Self {
        Self {
            reading,
            back: Vec::new(),
            held: String::new(),
            eating: None,
            shown: false,
            hidden: 0,
            blocked: false,
        }
    }

    /// Takes a piece and appends what can leave. After an error nothing more does.
    pub fn push(
        &mut self,
        redactor: &mut Redactor,
        piece: &str,
        out: &mut String,
    ) -> Result<(), Blocked> {
        if !self.blocked {
            self.held.push_str(piece);
        }
        self.run(redactor, false, out)
    }

    /// Appends what was held: nothing more comes.
    pub fn finish(&mut self, redactor: &mut Redactor, out: &mut String) -> Result<(), Blocked> {
        self.run(redactor, true, out)
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn run(
        &mut self,
        redactor: &mut Redactor,
        whole: bool,
        out: &mut String,
    ) -> Result<(), Blocked> {
        if self.blocked {
            return Err(Blocked);
        }
        if self.held.is_empty() {
            return Ok(());
        }
        let text = self.text();
        let from = self.eat(&text);
        let decided = if self.eating.is_some() {
            Decided { settled: text.bytes.len(), ..Decided::default() }
        } else {
            let detector = redactor.shield().detector();
            detector.decide(&text.bytes, from, EntitySet::default(), whole)
        };
        let end = if whole { self.held.len() } else { text.end(decided.settled) };
        let from = if self.shown { 0 } else { text.end(from) };
        match self.write(redactor, &text, &decided.findings, from..end, out) {
            Ok(replaced) => self.shown = self.eating.map_or(!replaced, |_| self.shown),
            Err(blocked) => {
                (self.blocked, self.held) = (true, String::new());
                return Err(blocked);
            }
        }
        self.eating = self.eating.or(decided.open);
        self.keep(text, decided.settled, end);
        Ok(())
    }

    /// What is held, as it reads, behind what has left.
    fn text(&mut self) -> Text {
        let mut bytes = std::mem::take(&mut self.back);
        let first = bytes.len();
        let escapes = self.reading == Reading::Json;
        if self.hidden == 0 && !is_disguised(&self.held, escapes) {
            bytes.extend_from_slice(self.held.as_bytes());
            return Text { bytes, first, folded: None };
        }
        let folded = Folded::new(&self.held, escapes, self.hidden);
        bytes.extend_from_slice(&folded.text);
        Text { bytes, first, folded: Some(folded) }
    }

    /// Eats on; returns where there is something else.
    fn eat(&mut self, text: &Text) -> usize {
        let Some(tail) = &mut self.eating else { return text.first };
        let (eaten, over) = tail.eat(text.bytes.get(text.first..).unwrap_or_default());
        if over {
            self.eating = None;
        }
        text.first + eaten
    }

    /// Appends a stretch of what is held, with its findings replaced; tells whether the last one was.
    fn write(
        &self,
        redactor: &mut Redactor,
        text: &Text,
        findings: &[Candidate],
        stretch: std::ops::Range<usize>,
        out: &mut String,
    ) -> Result<bool, Blocked> {
        let mut at = stretch.start;
        let mut replaced = true;
        for finding in findings {
            let (start, end) = (text.start(finding.start), text.end(finding.end));
            out.push_str(self.held.get(at..start).unwrap_or_default());
            // What is eaten as it comes has the placeholder of its beginning.
            let value = text.bytes.get(finding.start..finding.certain).unwrap_or_default();
            let placeholder = redactor.answer(finding.entity, value)?;
            replaced = placeholder.is_some();
            let came = self.held.get(start..end).unwrap_or_default();
            out.push_str(placeholder.as_deref().unwrap_or(came));
            at = end;
        }
        out.push_str(self.held.get(at..stretch.end).unwrap_or_default());
        Ok(replaced)
    }

    /// Keeps what is not decided, and the text before it.
    fn keep(&mut self, text: Text, settled: usize, end: usize) {
        self.held.drain(..end.min(self.held.len()));
        let before = |folded: &Folded| folded.hidden_before(settled - text.first);
        if settled > text.first {
            self.hidden = text.folded.as_ref().map_or(0, before);
        }
        let mut back = text.bytes;
        back.truncate(settled);
        back.drain(..back.len().saturating_sub(LOOK_BACK));
        self.back = back;
    }
}
