//! Writing one line of JSON, member by member.
//!
//! A line is written for each request, and a serializer took longer for it than most rooms for their work.

use behest_contract::digits::Digits;
use behest_contract::json;
use std::time::Duration;

/// Most lines fit, so that a line is one allocation.
const LINE_CAPACITY: usize = 640;

/// An object under way. Members without a value are left out.
pub(crate) struct Line(Vec<u8>);

impl Line {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(LINE_CAPACITY))
    }

    /// The object, closed.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    /// Words of the program's own, which need no escape; neither does any `name`.
    pub(crate) fn word(&mut self, name: &str, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value {
            self.name(name);
            self.0.push(b'"');
            self.0.extend_from_slice(value.as_ref());
            self.0.push(b'"');
        }
    }

    /// Any text.
    pub(crate) fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            json::quote_into(value, &mut self.0);
        }
    }

    pub(crate) fn number(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.plain(name, Digits::of(value).as_bytes());
        }
    }

    /// Milliseconds to the microsecond, as JSON writers spell a fraction.
    pub(crate) fn millis(&mut self, name: &str, value: Option<Duration>) {
        let Some(value) = value else { return };
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        let thousandths = Digits::of(1000 + micros % 1000);
        let thousandths = thousandths.as_bytes().get(1..).unwrap_or_default();
        let zeros = thousandths.iter().rev().take_while(|digit| **digit == b'0').count().min(2);
        self.plain(name, Digits::of(micros / 1000).as_bytes());
        self.0.push(b'.');
        self.0.extend_from_slice(thousandths.get(..3 - zeros).unwrap_or_default());
    }

    /// A value that is spelt already.
    pub(crate) fn plain(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.0.extend_from_slice(value);
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }
}

#[cfg(test)]
mod tests {
    use super::Line;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_line_is_what_a_serializer_would_write() {
        let texts = [
            "",
            "plain",
            "two \"quotes\"",
            "back\\slash",
            "line\nbreak\ttab\r",
            "\u{8}\u{c}\u{1}\u{1f}",
            "ü€😀\u{7f}",
        ];
        for text in texts {
            for micros in [0, 1, 10, 100, 1_000, 1_500, 250_125, 900_000, 1_234_560, 86_400_000_001]
            {
                let mut line = Line::new();
                line.text("text", Some(text));
                line.word("none", None::<&str>);
                line.number("number", Some(micros));
                line.millis("millis", Some(Duration::from_micros(micros)));
                let number = micros as f64 / 1000.0;
                let wanted = json!({ "text": text, "number": micros, "millis": number });
                assert_eq!(String::from_utf8(line.end()).unwrap(), wanted.to_string());
            }
        }
    }
}
