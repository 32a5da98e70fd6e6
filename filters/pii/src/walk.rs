//! Going through a prompt: every text of it is read once, and redacted as edits on spans.

use crate::config::Mode;
use crate::detect::Context;
use crate::detect::fold::{Folded, is_disguised};
use crate::parts;
use crate::redactor::{Blocked, Reading, Redactor};
use crate::sentinel::{Reason, Sentinel};
use behest_contract::json::{Kind, Malformed, Scanner};
use behest_contract::prompt::{Prompt, Role, Text, TextAt, TextKind};
use std::borrow::Cow;

/// A text of a prompt, as it reads.
pub(crate) type Found<'p> = (TextAt, &'p Text, Cow<'p, str>);

/// All texts of a prompt: decoded once, for all that look at them.
pub(crate) fn read(prompt: &Prompt) -> Vec<Found<'_>> {
    prompt.texts().collect()
}

/// What a prompt's texts are to be instead.
pub(crate) fn redact(
    prompt: &Prompt,
    texts: &[Found<'_>],
    redactor: &mut Redactor,
) -> Result<Vec<(TextAt, String)>, Blocked> {
    let mut edits: Vec<(TextAt, String)> = Vec::new();
    let mut verdict = Ok(());
    let mut rest = texts;
    while let Some(group) = rest.get(..neighbours(rest)).filter(|group| !group.is_empty()) {
        rest = rest.get(group.len()..).unwrap_or_default();
        // All are looked at even if one must not be sent: each finding is told.
        verdict = verdict.and(redact_group(prompt.body(), group, redactor, &mut edits));
    }
    verdict.map(|()| edits)
}

/// How many texts from the first one on are parts of one message's content.
fn neighbours(texts: &[Found<'_>]) -> usize {
    let Some((_, first, _)) = texts.first() else { return 0 };
    if first.kind != TextKind::Content || first.message.is_none() {
        return 1;
    }
    let same = |text: &Text| {
        text.kind == first.kind
            && text.message == first.message
            && text.name.span.len() == first.name.span.len()
    };
    texts.iter().take_while(|(_, text, _)| same(text)).count()
}

fn redact_group(
    body: &[u8],
    group: &[Found<'_>],
    redactor: &mut Redactor,
    edits: &mut Vec<(TextAt, String)>,
) -> Result<(), Blocked> {
    let Some((at, text, now)) = group.first() else { return Ok(()) };
    let name = text.name.decode(body);
    let context = Context { name: &name };
    if group.len() > 1 {
        let parts: Vec<&str> = group.iter().map(|(.., now)| &**now).collect();
        let redacted = parts::redact(redactor, &parts, context)?;
        let changed = group.iter().zip(redacted);
        edits.extend(changed.filter_map(|((at, ..), text)| Some((*at, text?))));
        return Ok(());
    }
    let reading = match text.kind {
        TextKind::ToolArguments | TextKind::ToolResult => Reading::Json,
        TextKind::Content | TextKind::Other => Reading::Plain,
    };
    if let Some(redacted) = redactor.redact(now, context, reading)? {
        edits.push((*at, redacted));
    }
    Ok(())
}

/// Why a prompt is not wanted: the first reason where that refuses it, else each kind once. The parts of a
/// message are read one by one, and together as a provider reads them.
pub(crate) fn check(prompt: &Prompt, texts: &[Found<'_>], sentinel: &Sentinel) -> Vec<Reason> {
    let mut found: Vec<Reason> = Vec::new();
    if sentinel.mode() == Mode::Disabled {
        return found;
    }
    let mut rest = texts;
    while let Some(group) = rest.get(..neighbours(rest)).filter(|group| !group.is_empty()) {
        rest = rest.get(group.len()..).unwrap_or_default();
        let foreign = group.first().is_some_and(|(_, text, _)| is_foreign(prompt, text));
        let read = readings(group);
        for reason in read.iter().flat_map(|text| sentinel.check(text, foreign)) {
            if sentinel.mode() == Mode::Enforce {
                return vec![reason];
            }
            if found.iter().all(|known| known.label() != reason.label()) {
                found.push(reason);
            }
        }
    }
    found
}

/// What a model reads of texts that belong together: each, with the escapes of JSON within it resolved, and the
/// parts of one message as one.
fn readings<'g>(group: &'g [Found<'_>]) -> Vec<Cow<'g, str>> {
    let mut read: Vec<Cow<'g, str>> = Vec::with_capacity(group.len() + 1);
    for (_, text, now) in group {
        read.push(Cow::Borrowed(now.as_ref()));
        let is_json = matches!(text.kind, TextKind::ToolArguments | TextKind::ToolResult);
        if is_json && is_disguised(now, true) {
            let resolved = Folded::new(now, true, 0).text;
            read.push(String::from_utf8_lossy(&resolved).into_owned().into());
        }
    }
    if group.len() > 1 {
        read.push(group.iter().map(|(.., now)| now.as_ref()).collect::<String>().into());
    }
    read
}

/// Whether a text is a user's or a tool's: instructions in it are nobody's who may give any.
fn is_foreign(prompt: &Prompt, text: &Text) -> bool {
    let Some(number) = text.message else { return false };
    let message = prompt.outline().messages.get(number as usize);
    let own = [&b"system"[..], b"developer", b"assistant"];
    !message
        .and_then(|message| message.role)
        .is_some_and(|role| own.iter().any(|own| role.is(prompt.body(), own)))
}

/// Whether an embedding's input is given as numbers of tokens, which nobody can read.
pub(crate) fn has_token_arrays(prompt: &Prompt) -> bool {
    let Some(input) = prompt.member(Role::Messages) else { return false };
    if input.value.kind != Kind::Array {
        return false;
    }
    let mut numbers = false;
    let mut scanner = Scanner::new(input.value.span.of(prompt.body()));
    let read = scanner.array(|scanner| {
        numbers |= scanner.peek().is_none_or(|byte| byte != b'"');
        scanner.value().map(drop)
    });
    read.map_err(|bad: Malformed| bad).is_err() || numbers
}
