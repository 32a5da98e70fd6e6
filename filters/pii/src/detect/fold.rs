//! Reading through disguises: digits of other scripts, odd blanks and dashes, characters without width,
//! and the escapes of JSON within JSON.
//!
//! A text that wears any is copied into plain ASCII spelling, with a map that leads back.

use memchr::{memchr, memchr3};

/// Characters without width that may follow one another and still be passed over.
const HIDDEN_MAX: u32 = 8;
/// Stands for more of them.
const PARTING: u8 = 1;

/// How long the front of a text is that surely reads as itself.
fn plain_len(text: &str, escapes: bool) -> usize {
    const BLOCK: usize = 32;
    let bytes = text.as_bytes();
    let mut plain = 0;
    while let Some(rest) = bytes.get(plain..).filter(|rest| !rest.is_empty()) {
        let blocks = rest.as_chunks::<BLOCK>().0.iter().take_while(|block| block.is_ascii());
        let whole = blocks.count() * BLOCK;
        let tail = rest.get(whole..).unwrap_or_default();
        plain += whole + tail.iter().take_while(|byte| byte.is_ascii()).count();
        let other = bytes.get(plain..).unwrap_or_default();
        let foreign = other.iter().take_while(|byte| !byte.is_ascii()).count();
        match other.get(..foreign).unwrap_or_default().windows(2).position(may_be_worn) {
            Some(at) => {
                plain += at;
                break;
            }
            None => plain += foreign,
        }
    }
    let front = bytes.get(..plain).unwrap_or_default();
    if escapes { memchr(b'\\', front).unwrap_or(plain) } else { plain }
}

/// Whether a character that begins with two bytes may read as another; never for bytes in a character.
#[inline]
fn may_be_worn(lead: &[u8]) -> bool {
    matches!(
        lead,
        [0xc2, 0xa0 | 0xad]
            | [0xd9, 0xa0..=0xa9]
            | [0xdb, 0xb0..=0xb9]
            | [0xe0, 0xa5 | 0xa7]
            | [0xe2, 0x80 | 0x81 | 0x88]
            | [0xe3, 0x80]
            | [0xef, 0xb9 | 0xbb..=0xbd]
    )
}

/// What a character reads as.
enum Reading {
    Itself,
    Byte(u8),
    /// Nothing.
    Hidden,
}

fn reading(character: char) -> Reading {
    let digit =
        |zero: u32| Reading::Byte(b'0' + u8::try_from(u32::from(character) - zero).unwrap_or(0));
    match u32::from(character) {
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Reading::Byte(b' '),
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => Reading::Byte(b'-'),
        0xad | 0x200b..=0x200f | 0x2060 | 0xfeff => Reading::Hidden,
        0x660..=0x669 => digit(0x660),
        0x6f0..=0x6f9 => digit(0x6f0),
        0x966..=0x96f => digit(0x966),
        0x9e6..=0x9ef => digit(0x9e6),
        // Full width. Its commas and brackets stay, or half of all Chinese would be copied.
        wide @ (0xff0b
        | 0xff0d
        | 0xff0e
        | 0xff10..=0xff19
        | 0xff20..=0xff3a
        | 0xff3f
        | 0xff41..=0xff5a) => Reading::Byte(u8::try_from(wide - 0xfee0).unwrap_or(b' ')),
        _ => Reading::Itself,
    }
}

/// A stretch of a folded text that lies in the original byte for byte.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    folded: usize,
    original: usize,
    /// Where the character before it ends in the original.
    before: usize,
}

/// A text as it reads.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) text: Vec<u8>,
    stretches: Vec<Stretch>,
    /// Original bytes at the end that are the beginning of an escape.
    pub(crate) unfinished: usize,
    /// How many characters without width stand last.
    hidden: u32,
    original: usize,
    last_end: usize,
}

/// Whether a text wears any disguise.
pub(crate) fn is_disguised(text: &str, escapes: bool) -> bool {
    if escapes && memchr(b'\\', text.as_bytes()).is_some() {
        return true;
    }
    !text.is_ascii()
        && (worn(text, [0xe2, 0xef, 0xc2])
            || worn(text, [0xd9, 0xdb, 0xe0])
            || worn(text, [0xe3, 0xe3, 0xe3]))
}

/// Whether a character that begins with one of these bytes reads as another.
fn worn(text: &str, leads: [u8; 3]) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    let [a, b, c] = leads;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr3(a, b, c, rest)) {
        let lead = bytes.get(at + found..at + found + 2).unwrap_or_default();
        let here = || text.get(at + found..).and_then(|rest| rest.chars().next());
        if may_be_worn(lead)
            && here().is_some_and(|character| !matches!(reading(character), Reading::Itself))
        {
            return true;
        }
        at += found + 1;
    }
    false
}

impl Folded {
    /// Reads a text; `hidden` characters without width have come just before it.
    pub(crate) fn new(text: &str, escapes: bool, hidden: u32) -> Self {
        let mut folded = Self { hidden, ..Self::default() };
        folded.text.reserve(text.len());
        let mut rest = text;
        loop {
            let plain = plain_len(rest, escapes);
            let (front, left) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            if !front.is_empty() {
                folded.append(front.as_bytes(), front.len());
                folded.hidden = 0;
            }
            rest = left;
            let Some(character) = rest.chars().next() else { break };
            let (character, len) = match (character, escapes) {
                ('\\', true) => match unescaped(rest) {
                    Some(read) => read,
                    None => {
                        folded.unfinished = rest.len();
                        break;
                    }
                },
                _ => (character, character.len_utf8()),
            };
            folded.take(character, len);
            rest = rest.get(len..).unwrap_or_default();
        }
        folded
    }

    fn take(&mut self, character: char, len: usize) {
        match reading(character) {
            Reading::Hidden => return self.pass_over(len),
            Reading::Byte(byte) => self.append(&[byte], len),
            Reading::Itself => self.append(character.encode_utf8(&mut [0; 4]).as_bytes(), len),
        }
        self.hidden = 0;
    }

    /// A character without width. So many that they are no disguise part what stands on either side.
    fn pass_over(&mut self, len: usize) {
        match self.hidden {
            0..HIDDEN_MAX => self.original += len,
            HIDDEN_MAX => self.append(&[PARTING], len),
            _ => {
                self.original += len;
                self.last_end = self.original;
            }
        }
        self.hidden = (self.hidden + 1).min(HIDDEN_MAX + 1);
    }

    fn append(&mut self, bytes: &[u8], len: usize) {
        let at = self.text.len();
        let follows = self.stretches.last().is_some_and(|last| {
            at - last.folded == self.original - last.original && self.last_end == self.original
        });
        if !follows {
            let stretch = Stretch { folded: at, original: self.original, before: self.last_end };
            self.stretches.push(stretch);
        }
        self.text.extend_from_slice(bytes);
        self.original += len;
        self.last_end = self.original;
    }

    /// How many characters without width count as standing before `at`, when everything up to there is
    /// cut off.
    pub(crate) fn hidden_before(&self, at: usize) -> u32 {
        let parted = at.checked_sub(1).and_then(|at| self.text.get(at)) == Some(&PARTING);
        if parted { HIDDEN_MAX + 1 } else { 0 }
    }

    /// Where the byte at `at` of the folded text stands in the original.
    pub(crate) fn start(&self, at: usize) -> usize {
        self.start_after(at, &mut 0)
    }

    /// Where what ends before `at` in the folded text ends in the original.
    pub(crate) fn end(&self, at: usize) -> usize {
        self.end_after(at, &mut 0)
    }

    /// The same for places that are asked for in order: `near` is how far the last answer lay.
    pub(crate) fn start_after(&self, at: usize, near: &mut usize) -> usize {
        let stretch = self.stretch(at, near);
        stretch.map_or(at, |stretch| stretch.original + (at - stretch.folded))
    }

    /// Likewise.
    pub(crate) fn end_after(&self, at: usize, near: &mut usize) -> usize {
        if at == self.text.len() {
            return self.last_end;
        }
        match self.stretch(at, near) {
            Some(stretch) if stretch.folded == at => stretch.before,
            Some(stretch) => stretch.original + (at - stretch.folded),
            None => at,
        }
    }

    /// The last stretch that begins at or before `at`, looked for from number `near` on: in steps that
    /// grow, for most answers lie close to the last one.
    fn stretch(&self, at: usize, near: &mut usize) -> Option<&Stretch> {
        let (mut step, mut upto) = (1, *near);
        while self.stretches.get(upto).is_some_and(|stretch| stretch.folded <= at) {
            *near = upto;
            upto += step;
            step *= 2;
        }
        let between = self.stretches.get(*near..upto.min(self.stretches.len())).unwrap_or_default();
        let count = between.partition_point(|stretch| stretch.folded <= at);
        *near += count.saturating_sub(1);
        between.get(count.checked_sub(1)?)
    }
}

/// The character that the escape at the front of `text` stands for, and the escape's length; `None`
/// where it is not all there.
fn unescaped(text: &str) -> Option<(char, usize)> {
    let next = text.get(1..)?.chars().next()?;
    let simple = match next {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '"' | '\\' | '/' => next,
        'u' => return unicode(text),
        // No escape of JSON's: a backslash.
        _ => return Some(('\\', 1)),
    };
    Some((simple, 2))
}

fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..)?.chars().take(4);
        let fits = digits.clone().all(|digit| digit.is_ascii_hexdigit());
        match (fits, digits.clone().count()) {
            (false, _) => Some(None),
            (true, 4) => {
                Some(text.get(at..at + 4).and_then(|four| u32::from_str_radix(four, 16).ok()))
            }
            _ => None,
        }
    };
    let first = unit(2)?;
    match first {
        None => Some(('\\', 1)),
        Some(high @ 0xd800..=0xdbff) => {
            let tail = text.get(6..)?;
            if tail.len() < 2 && "\\u".starts_with(tail) {
                return None;
            }
            if !tail.starts_with("\\u") {
                return Some((char::REPLACEMENT_CHARACTER, 6));
            }
            match unit(8)? {
                Some(low @ 0xdc00..=0xdfff) => {
                    let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
                }
                _ => Some((char::REPLACEMENT_CHARACTER, 6)),
            }
        }
        Some(code) => Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Folded, is_disguised};

    fn folded(text: &str, escapes: bool) -> (String, Vec<(usize, usize)>) {
        assert!(is_disguised(text, escapes));
        let folded = Folded::new(text, escapes, 0);
        let places = (0..folded.text.len()).map(|at| (folded.start(at), folded.end(at + 1)));
        (String::from_utf8(folded.text.clone()).unwrap(), places.collect())
    }

    #[test]
    fn disguises_fall_and_the_map_leads_back() {
        let text = "x４\u{200b}1\u{a0}١–z";
        let (read, places) = folded(text, false);
        assert_eq!(read, "x41 1-z");
        let back: Vec<_> = places.iter().map(|(start, end)| &text[*start..*end]).collect();
        assert_eq!(back, ["x", "４", "1", "\u{a0}", "١", "–", "z"]);
    }

    #[test]
    fn escapes_are_read_and_unfinished_ones_wait() {
        let text = r"a\u0040b\n\u200b\ud83d\ude00c\q";
        let (read, places) = folded(text, true);
        assert_eq!(read, "a@b\n😀c\\q");
        assert_eq!(&text[places[1].0..places[1].1], r"\u0040");
        for tail in [r"\", r"\u", r"\u00", r"\ud83d", r"\ud83d\", r"\ud83d\ude0"] {
            assert_eq!(Folded::new(&format!("ab{tail}"), true, 0).unfinished, tail.len());
        }
        assert!(!is_disguised("plain, “quoted”", true));
        assert!(!is_disguised("中文，没有", false));
    }
}
