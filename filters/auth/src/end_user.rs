//! Names of end users: which are well formed, which are reserved, and what a key's rule says.
//!
//! Whoever else lets a caller choose an end user, such as an endpoint that mints tokens, asks
//! [`check`] too, so that the reserved names stand in one place.

use crate::config::EndUserRule;
use behest_contract::denial::{Denial, Kind};

/// Says what is wrong with an end user's name. Nothing is trimmed or changed.
pub fn check(name: &str) -> Result<(), &'static str> {
    if !has_fit_length(name) {
        return Err("An end user's id has 1 to 255 characters.");
    }
    if has_controls(name) {
        return Err("An end user's id has no control characters.");
    }
    if is_reserved(name) {
        return Err("This end user's id is reserved.");
    }
    Ok(())
}

/// Whether a text can name something that callers choose the names of: 1 to 255 characters, and no
/// control characters.
pub(crate) fn is_name(text: &str) -> bool {
    has_fit_length(text) && !has_controls(text)
}

fn has_fit_length(text: &str) -> bool {
    // A byte is at least a quarter of a character: nobody counts a megabyte.
    !text.is_empty() && text.len() <= 4 * CHARS_MAX && text.chars().count() <= CHARS_MAX
}

fn has_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// Whether a name is kept for the platform itself: `admin`, `dashboard-service`, and whatever starts
/// with `sys`, in any case.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| folded(name).eq(reserved.chars()))
        || folded(name).take(RESERVED_PREFIX.len()).eq(RESERVED_PREFIX.chars())
}

/// Upper case catches what lower case lets pass: a long s becomes S, a dotless i becomes I.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_uppercase)
}

/// The end user of a request, given the header's bytes and the key's rule.
pub(crate) fn named(
    header: Option<&[u8]>,
    rule: EndUserRule,
) -> Result<Option<Box<str>>, Box<Denial>> {
    match (header, rule) {
        (None, EndUserRule::Require) => Err(invalid("This key requires an end user.")),
        (None, _) => Ok(None),
        (Some(_), EndUserRule::Forbid) => Err(invalid("This key allows no end user.")),
        (Some(bytes), _) => {
            let name = std::str::from_utf8(bytes)
                .map_err(|_| invalid("An end user's id must be valid UTF-8."))?;
            check(name).map_err(invalid)?;
            Ok(Some(name.into()))
        }
    }
}

/// A refusal of the header.
pub(crate) fn invalid(message: &'static str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Invalid, message).param(HEADER))
}

const CHARS_MAX: usize = 255;
const HEADER: &str = "X-End-User-Id";
const RESERVED: [&str; 2] = ["ADMIN", "DASHBOARD-SERVICE"];
const RESERVED_PREFIX: &str = "SYS";

#[cfg(test)]
mod tests {
    use super::{check, is_reserved, named};
    use crate::config::EndUserRule;
    use behest_contract::denial::Kind;

    #[test]
    fn reserved_names_are_refused_in_any_case() {
        for name in [
            "admin",
            "Admin",
            "ADMIN",
            "adm\u{131}n",
            "dashboard-service",
            "Dashboard-Service",
            "sys",
            "system",
            "SYSTEM",
            "sys-42",
            "\u{17f}ystem",
        ] {
            assert!(is_reserved(name), "{name}");
            assert!(check(name).is_err(), "{name}");
        }
        for name in ["administrator", "my-admin", "dashboard", "sy", "s\u{fd}s", "asys", "u_42"] {
            assert!(!is_reserved(name), "{name}");
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_name_has_1_to_255_characters_and_no_controls() {
        for name in ["a", " a ", "\u{e4}\u{f6}\u{fc}", &"x".repeat(255), &"\u{1f600}".repeat(255)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in ["", "a\tb", "a\u{7f}", "a\u{85}b", &"x".repeat(256), &"x".repeat(5000)] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_rule_of_the_key_decides_whether_a_name_may_be_there() {
        use EndUserRule::{Allow, Forbid, Require};
        let cases = [
            (Allow, None, Ok(None)),
            (Allow, Some("u1"), Ok(Some("u1".into()))),
            (Require, None, Err(())),
            (Require, Some("u1"), Ok(Some("u1".into()))),
            (Forbid, None, Ok(None)),
            (Forbid, Some("u1"), Err(())),
        ];
        for (rule, header, expected) in cases {
            let got = named(header.map(str::as_bytes), rule);
            assert_eq!(got.map_err(drop), expected, "{rule:?} {header:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_utf8_is_invalid_and_the_header_is_named() {
        let denial = named(Some(b"a\xffb"), EndUserRule::Allow).unwrap_err();
        assert_eq!(denial.kind, Kind::Invalid);
        assert_eq!(denial.param, Some("X-End-User-Id"));
    }
}
