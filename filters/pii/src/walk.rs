//! Going through a prompt: every text of it is redacted, as edits on spans.

use crate::config::Mode;
use crate::detect::Context;
use crate::parts;
use crate::redactor::{Blocked, Reading, Redactor};
use crate::sentinel::{Reason, Sentinel};
use behest_contract::json::{Kind, Malformed, Scanner};
use behest_contract::prompt::{Prompt, Role, Text, TextAt, TextKind};
use std::borrow::Cow;

type Found<'p> = (TextAt, &'p Text, Cow<'p, str>);

/// Redacts a prompt. It is left as it was when it may not be sent.
pub(crate) fn redact(prompt: &mut Prompt, redactor: &mut Redactor) -> Result<(), Blocked> {
    let mut edits: Vec<(TextAt, String)> = Vec::new();
    let mut verdict = Ok(());
    {
        let body = prompt.body();
        let all: Vec<Found<'_>> = prompt.texts().collect();
        let mut rest = all.as_slice();
        while let Some(group) = rest.get(..neighbours(rest)).filter(|group| !group.is_empty()) {
            rest = rest.get(group.len()..).unwrap_or_default();
            // All are looked at even if one must not be sent: each finding is told.
            verdict = verdict.and(redact_group(body, group, redactor, &mut edits));
        }
    }
    verdict?;
    for (at, text) in edits {
        prompt.replace_text(at, &text);
    }
    Ok(())
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

/// Why a prompt may not pass, if it may not.
pub(crate) fn check(prompt: &Prompt, sentinel: &Sentinel) -> Option<Reason> {
    if sentinel.mode() == Mode::Disabled {
        return None;
    }
    let messages = &prompt.outline().messages;
    let own = |text: &Text| {
        let message = text.message.and_then(|number| messages.get(number as usize));
        let role = message.and_then(|message| message.role);
        role.is_some_and(|role| {
            [&b"system"[..], b"developer", b"assistant"]
                .iter()
                .any(|own| role.is(prompt.body(), own))
        })
    };
    prompt.texts().find_map(|(_, text, now)| {
        let foreign = text.message.is_some() && !own(text);
        sentinel.check(&now, foreign)
    })
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
