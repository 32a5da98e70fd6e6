//! The scanner: one pass, each byte looked at once.

use super::string;
use super::{DEPTH_MAX, Malformed, Span, Str};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// A string.
    String(Str),
    /// A number, in whatever spelling.
    Number,
    /// `true` or `false`.
    Bool(bool),
    /// `null`
    Null,
}

/// A value in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// All of its bytes, quotes and brackets included.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

impl Value {
    /// The string, if it is one.
    pub fn string(&self) -> Option<Str> {
        match self.kind {
            Kind::String(found) => Some(found),
            _ => None,
        }
    }

    /// A whole number that is not negative, if it is one; `1.0` and `1e3` are not.
    pub fn whole_number(&self, text: &[u8]) -> Option<u64> {
        if self.kind != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.span.of(text)).ok()?.parse().ok()
    }
}

/// Walks one JSON text. See the [module's page](super) for an example.
#[derive(Debug)]
pub struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
    depth: usize,
}

impl<'t> Scanner<'t> {
    /// A scanner at the start of `bytes`, which are taken to be UTF-8.
    pub fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// The text that is scanned.
    pub fn text(&self) -> &'t [u8] {
        self.bytes
    }

    /// The first byte of the next value, blanks passed over; `None` at the end of the text.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Reads an object, calling `each` with every member's name; `each` must read its value.
    pub fn object<E: From<Malformed>>(
        &mut self,
        mut each: impl FnMut(&mut Self, Str) -> Result<(), E>,
    ) -> Result<Span, E> {
        let start = self.open(b'{', "expected an object")?;
        let mut first = true;
        while !self.closes(b'}', &mut first)? {
            let key = self.string("expected a member name")?;
            self.expect(b':', "expected a colon")?;
            each(self, key)?;
        }
        Ok(self.closed(start))
    }

    /// Reads an array, calling `each` once for every item; `each` must read it.
    pub fn array<E: From<Malformed>>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<Span, E> {
        let start = self.open(b'[', "expected an array")?;
        let mut first = true;
        while !self.closes(b']', &mut first)? {
            each(self)?;
        }
        Ok(self.closed(start))
    }

    /// Reads any value.
    pub fn value(&mut self) -> Result<Value, Malformed> {
        self.walk(Str::default(), &mut |_, _| {})
    }

    /// Reads any value; `on_string` hears each string value inside it, with the name of the nearest
    /// member that holds it (`name` for what lies outside of any object).
    pub fn walk(
        &mut self,
        name: Str,
        on_string: &mut impl FnMut(Str, Str),
    ) -> Result<Value, Malformed> {
        let kind = match self.peek() {
            Some(b'"') => {
                let found = self.string("expected a value")?;
                on_string(name, found);
                return Ok(Value { span: found.quoted(), kind: Kind::String(found) });
            }
            Some(b'{') => {
                let span = self.object(|scanner, key| scanner.walk(key, on_string).map(drop))?;
                return Ok(Value { span, kind: Kind::Object });
            }
            Some(b'[') => {
                let span = self.array(|scanner| scanner.walk(name, on_string).map(drop))?;
                return Ok(Value { span, kind: Kind::Array });
            }
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'n') => Kind::Null,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => return Err(self.malformed("expected a value")),
        };
        let start = self.at;
        match kind {
            Kind::Bool(true) => self.literal(b"true")?,
            Kind::Bool(false) => self.literal(b"false")?,
            Kind::Null => self.literal(b"null")?,
            _ => self.number()?,
        }
        Ok(Value { span: Span::new(start, self.at), kind })
    }

    /// Demands that nothing but blanks is left.
    pub fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed("expected the end")),
        }
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at, what }
    }

    fn open(&mut self, bracket: u8, what: &'static str) -> Result<usize, Malformed> {
        self.expect(bracket, what)?;
        if self.depth == DEPTH_MAX {
            return Err(self.malformed("nested deeper than 64 levels"));
        }
        self.depth += 1;
        Ok(self.at - 1)
    }

    /// Whether the container ends here; otherwise the comma before the next entry is read.
    fn closes(&mut self, bracket: u8, first: &mut bool) -> Result<bool, Malformed> {
        let found = self.peek();
        if found == Some(bracket) {
            self.at += 1;
            return Ok(true);
        }
        if !std::mem::take(first) {
            self.expect(b',', "expected a comma or the end of the container")?;
        } else if found.is_none() {
            return Err(self.malformed("unexpected end"));
        }
        Ok(false)
    }

    fn closed(&mut self, start: usize) -> Span {
        self.depth -= 1;
        Span::new(start, self.at)
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.malformed(what));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self, what: &'static str) -> Result<Str, Malformed> {
        self.expect(b'"', what)?;
        let found = string::read(self.bytes, self.at)?;
        self.at = found.span.end as usize + 1;
        Ok(found)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.malformed("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// RFC 8259 section 6: no leading zero, no bare dot, an exponent has digits.
    fn number(&mut self) -> Result<(), Malformed> {
        self.skip_one(b"-");
        if self.skip_one(b"0") == 0 {
            self.digits()?;
        }
        if self.skip_one(b".") == 1 {
            self.digits()?;
        }
        if self.skip_one(b"eE") == 1 {
            self.skip_one(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    fn skip_one(&mut self, of: &[u8]) -> usize {
        let found = self.bytes.get(self.at).is_some_and(|byte| of.contains(byte));
        self.at += usize::from(found);
        usize::from(found)
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(self.malformed("expected a digit")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
