//! Which session a request belongs to.

use behest_contract::denial::{Denial, Kind};
use pingora_http::RequestHeader;

/// The session of whoever names none (CONTRACT 8).
pub(crate) const DEFAULT: &str = "default";

const HEADER: &str = "x-session-id";
const LEN_MAX: usize = 255;

/// The session that the head names. An empty name is none. Of two that differ neither counts: programs on
/// the way might choose differently, and a session has budgets.
pub(crate) fn named(head: &RequestHeader) -> Result<Option<Box<str>>, Box<Denial>> {
    let mut values = head.headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        return Err(invalid("The request names two sessions."));
    }
    let name = std::str::from_utf8(value.as_bytes()).map(str::trim);
    match name {
        Ok("") => Ok(None),
        Ok(name) if name.chars().count() <= LEN_MAX && !name.chars().any(char::is_control) => {
            Ok(Some(name.into()))
        }
        _ => Err(invalid("X-Session-Id must be 1 to 255 printable characters.")),
    }
}

fn invalid(message: &'static str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Invalid, message).param("X-Session-Id"))
}

#[cfg(test)]
mod tests {
    use super::named;
    use pingora_http::RequestHeader;

    #[test]
    fn a_session_has_a_printable_name_of_bounded_length() {
        let longest = "é".repeat(255);
        let head = |value: &[u8]| {
            let mut head = RequestHeader::build("POST", b"/", None).unwrap();
            head.insert_header("X-Session-Id", value).unwrap();
            head
        };
        for (value, want) in [("", None), (" s 1 ", Some("s 1")), (&longest, Some(&longest))] {
            assert_eq!(named(&head(value.as_bytes())).unwrap().as_deref(), want);
        }
        for value in [[b'a'; 256].as_slice(), b"a\tb", b"\xff"] {
            assert!(named(&head(value)).is_err(), "{value:?}");
        }
        assert_eq!(named(&RequestHeader::build("POST", b"/", None).unwrap()).unwrap(), None);
    }

    #[test]
    fn a_session_may_be_named_twice_but_not_two() {
        let head = |values: [&str; 2]| {
            let mut head = RequestHeader::build("POST", b"/", None).unwrap();
            for value in values {
                head.append_header("x-session-id", value).unwrap();
            }
            named(&head)
        };
        assert_eq!(head(["s", "s"]).unwrap().as_deref(), Some("s"));
        for two in [["s", "t"], ["s", ""], ["", "s"]] {
            assert_eq!(head(two).unwrap_err().param, Some("X-Session-Id"), "{two:?}");
        }
    }
}
