//! Reading members of a given type, with one wording for what is wrong.

use behest_contract::denial::{Denial, Kind as Why};
use behest_contract::json::{Kind, Scanner, Seen, Str, Value};

pub(super) type Refusal = Box<Denial>;

/// String members that are structure and no text: what they hold is never personal, and changing it
/// would change what is asked (CONTRACT 9).
const STRUCTURAL: &[&[u8]] = &[
    b"role",
    b"type",
    b"id",
    b"tool_call_id",
    b"model",
    b"detail",
    b"format",
    b"encoding_format",
    b"service_tier",
    b"reasoning_effort",
    b"verbosity",
    b"voice",
    b"tool_choice",
    b"$ref",
    b"$schema",
];

pub(super) fn refuse(param: &'static str, message: impl Into<String>) -> Refusal {
    Box::new(Denial::new(Why::Invalid, message.into()).param(param))
}

/// Whether a string under this name is a text.
pub(super) fn is_text(text: &[u8], name: Str) -> bool {
    !STRUCTURAL.contains(&name.name(text).as_ref())
}

/// Notes a member's name, or refuses one that the object has had.
pub(super) fn note_name<'t>(
    seen: &mut Seen<'t>,
    scanner: &Scanner<'t>,
    name: Str,
    param: &'static str,
) -> Result<(), Refusal> {
    if seen.is_new(scanner.text(), name) {
        return Ok(());
    }
    let name = name.decode(scanner.text());
    let shown: String = name.chars().take(60).filter(|c| !c.is_control()).collect();
    Err(refuse(param, format!("The member \"{shown}\" is given twice.")))
}

/// A value that must be of one type, or `null`.
pub(super) fn typed(
    scanner: &mut Scanner<'_>,
    param: &'static str,
    wanted: &'static str,
    fits: impl Fn(&Value, &[u8]) -> bool,
) -> Result<Value, Refusal> {
    let value = scanner.value()?;
    if value.kind == Kind::Null || fits(&value, scanner.text()) {
        return Ok(value);
    }
    Err(refuse(param, format!("\"{param}\" must be {wanted}.")))
}

pub(super) fn boolean(scanner: &mut Scanner<'_>, param: &'static str) -> Result<Value, Refusal> {
    typed(scanner, param, "true or false", |value, _| matches!(value.kind, Kind::Bool(_)))
}

pub(super) fn text(scanner: &mut Scanner<'_>, param: &'static str) -> Result<Value, Refusal> {
    typed(scanner, param, "a string", |value, _| value.string().is_some())
}

/// A whole number of at least one.
pub(super) fn count(scanner: &mut Scanner<'_>, param: &'static str) -> Result<Value, Refusal> {
    typed(scanner, param, "a whole number of at least 1", |value, text| {
        value.whole_number(text).is_some_and(|number| number >= 1)
    })
}
