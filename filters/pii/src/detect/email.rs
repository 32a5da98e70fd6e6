//! E-mail addresses, plain or thinly disguised.

use super::reader::{Reader, is_alnum};

/// The longest local part (RFC 5321, 4.5.3.1.1).
pub(crate) const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 253;

/// Ends of file names that look like top-level domains: `icon@2x.png`.
const FILES: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "tsx", "jsx", "css", "html", "json",
    "py", "rs", "go", "md", "txt", "mjs", "cjs", "map", "yaml", "yml", "toml", "lock", "java",
    "cpp",
];

/// Bytes of a local part: also those of Latin letters beyond ASCII, and the apostrophe of O'Neil.
#[inline]
pub(crate) fn is_local(byte: u8) -> bool {
    is_alnum(byte) || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'') || is_latin(byte)
}

/// Bytes of letters from U+00C0 to U+024F; other letters hold the second half of them.
#[inline]
fn is_latin(byte: u8) -> bool {
    matches!(byte, 0x80..=0xbf | 0xc3..=0xc9)
}

fn is_inside(byte: u8) -> bool {
    matches!(byte, 0x80..=0xbf)
}

/// The first byte that the answer about the sign at `sign` may hang on: never within a character.
pub(crate) fn anchor(text: &Reader<'_>, sign: usize) -> usize {
    let start = text.run_back(sign, LOCAL_MAX, is_local);
    start + text.slice(start, sign).iter().take_while(|byte| is_inside(**byte)).count()
}

/// The address around the sign that stands from `sign` to `after`: its start and end.
pub(crate) fn address(text: &Reader<'_>, sign: usize, after: usize) -> Option<(usize, usize)> {
    let start = local_start(text, sign)?;
    let end = domain_end(text, after)?;
    // `git@host:path` is no person's, and neither is the user before a host in a URL.
    let local = text.slice(start, sign);
    let git = local == b"git" && text.at(end) == b':';
    let url = text.before(start) == b'/' && start >= 2 && text.before(start - 1) == b'/';
    (!git && !url).then_some((start, end))
}

fn local_start(text: &Reader<'_>, sign: usize) -> Option<usize> {
    let mut start = anchor(text, sign);
    let apostrophes = (start..sign).rev().filter(|at| text.at(*at) == b'\'');
    let quotes = |at: &usize| !(is_alnum(text.before(*at)) && is_alnum(text.at(at + 1)));
    start = apostrophes.into_iter().find(quotes).map_or(start, |at| at + 1);
    while start < sign && matches!(text.at(start), b'.' | b'-' | b'%' | b'+') {
        start += 1;
    }
    let ends_in_dot = text.before(sign) == b'.';
    (start < sign && !ends_in_dot).then_some(start)
}

/// Labels joined by dots, the last one a top-level domain.
fn domain_end(text: &Reader<'_>, start: usize) -> Option<usize> {
    let mut at = start;
    let mut end = None;
    loop {
        let label = at;
        at = text.run(at, 63, |byte| is_alnum(byte) || byte == b'-' || is_latin(byte));
        if at == label || text.at(label) == b'-' || at - start > DOMAIN_MAX {
            return end;
        }
        let last = text.slice(label, at);
        end = (label > start && is_top_level(last)).then_some(at);
        let dot = dot_at(text, at);
        if dot == at || !(is_alnum(text.at(dot)) || matches!(text.at(dot), 0xc3..=0xc9)) {
            return end.filter(|_| !last.ends_with(b"-"));
        }
        at = dot;
    }
}

/// After a dot, or what stands for one; `at` itself where there is none.
fn dot_at(text: &Reader<'_>, at: usize) -> usize {
    if text.at(at) == b'.' {
        return at + 1;
    }
    let blank = usize::from(text.at(at) == b' ');
    if matches!(text.at(at + blank), b'[' | b'(') {
        for word in ["[dot]", "(dot)", "[DOT]", "(DOT)"] {
            if text.says(at + blank, word.as_bytes()) {
                let after = at + blank + word.len();
                return after + usize::from(text.at(after) == b' ');
            }
        }
    }
    at
}

fn is_top_level(label: &[u8]) -> bool {
    let alphabetic = label.len() >= 2 && label.iter().all(u8::is_ascii_alphabetic);
    let file = FILES.iter().any(|file| label.eq_ignore_ascii_case(file.as_bytes()));
    (alphabetic && !file)
        || label.len() > 4 && label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"))
}

/// An address whose sign is written out (`[at]`, `(at)`) from `open` on.
pub(crate) fn spelt_out(text: &Reader<'_>, open: usize) -> Option<(usize, usize)> {
    let after = open + 4;
    let sign = open - usize::from(text.before(open) == b' ');
    address(text, sign, after + usize::from(text.at(after) == b' '))
}

#[cfg(test)]
mod tests {
    use super::{Reader, address, spelt_out};

    fn found(text: &str) -> Option<&str> {
        let reader = Reader::new(text.as_bytes());
        let (start, end) = match text.find("[at]") {
            Some(open) => spelt_out(&reader, open)?,
            None => address(&reader, text.find('@')?, text.find('@')? + 1)?,
        };
        text.get(start..end)
    }

    #[test]
    fn addresses_are_found_and_their_like_are_not() {
        assert_eq!(
            found("to jane.doe+x@mail.example.co.uk, now"),
            Some("jane.doe+x@mail.example.co.uk")
        );
        assert_eq!(found("a@example.com."), Some("a@example.com"));
        assert_eq!(found("jane [at] example [dot] org x"), Some("jane [at] example [dot] org"));
        assert_eq!(found("@types/x@1.2.3"), None);
        for wrong in
            ["x@1.2.3", "git@host.com:a", "user@host", "a@b.c", "icon@2x.png", "ftp://me@host.com/"]
        {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }
}
