//! Reading members of a given type, with one wording for what is wrong.

use behest_contract::denial::{Denial, Kind as Why};
use behest_contract::json::{Kind, Scanner, Seen, Str, Value};

pub(super) type Refusal = Box<Denial>;

/// Where a member stands whose strings are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top of the body.
    Body,
    /// In a message.
    Message,
    /// In a part of a message's content.
    Part,
}

/// The names whose strings are structure and no text, within a member of this place: what they hold is
/// never personal, and changing it would change what is asked (CONTRACT 9). Whatever is not known to be
/// structure just there is a text, and so is everything in members that nobody knows.
pub(super) fn structural(place: Place, member: &[u8]) -> &'static [&'static [u8]] {
    match (place, member) {
        (Place::Body, b"tools" | b"functions" | b"response_format") => {
            &[b"type", b"format", b"$ref", b"$schema"]
        }
        (Place::Body, b"tool_choice") => &[b"tool_choice", b"type"],
        (Place::Body, b"prediction" | b"web_search_options") => &[b"type"],
        (Place::Body, b"audio") => &[b"id", b"voice", b"format"],
        (Place::Body, b"service_tier") => &[b"service_tier"],
        (Place::Body, b"reasoning_effort") => &[b"reasoning_effort"],
        (Place::Body, b"verbosity") => &[b"verbosity"],
        (Place::Body, b"encoding_format") => &[b"encoding_format"],
        (Place::Message, b"id") => &[b"id"],
        (Place::Message, b"tool_call_id") => &[b"tool_call_id"],
        (Place::Message, b"tool_calls") => &[b"id", b"type"],
        (Place::Message, b"audio") => &[b"id"],
        (Place::Message, b"annotations") => &[b"type"],
        (Place::Message, b"reasoning_details") => &[b"id", b"type", b"format"],
        (Place::Part, b"type") => &[b"type"],
        (Place::Part, b"image_url") => &[b"detail"],
        (Place::Part, b"input_audio") => &[b"format"],
        (Place::Message | Place::Part, b"cache_control") => &[b"type"],
        _ => &[],
    }
}

pub(super) fn refuse(param: &'static str, message: impl Into<String>) -> Refusal {
    Box::new(Denial::new(Why::Invalid, message.into()).param(param))
}

/// Whether a string under this name is a text, where these are structure. A word that says a kind is no
/// other thing: no number, and no sentence.
pub(super) fn is_text(text: &[u8], structural: &[&[u8]], name: Str, value: Str) -> bool {
    if structural.is_empty() {
        return true;
    }
    let name = name.name(text);
    if !structural.contains(&name.as_ref()) {
        return true;
    }
    matches!(name.as_ref(), b"type" | b"format") && !is_word(&value.name(text))
}

fn is_word(value: &[u8]) -> bool {
    let within = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    value.first().is_some_and(u8::is_ascii_alphabetic) && value.iter().all(within)
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
