//! Values that only a word before them gives away: passwords, and bank codes without a digit.

use super::reader::{Reader, is_alnum};
use super::secrets::{Hit, is_known, is_random};
use super::tail::{Class, Tail};
use crate::checks::banking::swift_bic;
use crate::entity::Entity;

/// Words before a password. They are common in code, so they are only looked for when asked to.
pub(crate) const SECRET_LABELS: &[&str] = &[
    "password",
    "Password",
    "PASSWORD",
    "passwd",
    "PASSWD",
    "passphrase",
    "secret",
    "Secret",
    "SECRET",
    "token",
    "Token",
    "TOKEN",
    "api_key",
    "API_KEY",
    "apikey",
    "apiKey",
    "APIKEY",
    "api-key",
    "pwd=",
    "pwd:",
    "Passwort",
    "passwort",
    "ontrase",
    "passe",
    "wachtwoord",
    "senha",
];

/// The same in scripts whose letters are no run of anything else.
pub(crate) const FOREIGN_LABELS: &[&str] =
    &["пароль", "Пароль", "密码", "密碼", "パスワード", "비밀번호"];

/// Words before a bank code.
pub(crate) const BANK_LABELS: &[&str] =
    &["swift", "Swift", "SWIFT", "BIC:", "BIC ", "bic:", "bic ", "BIC/"];

/// What values of a password never are: references and words for "none".
const STOP: &[&[u8]] = &[
    b"your",
    b"my_",
    b"env",
    b"process",
    b"os.",
    b"none",
    b"null",
    b"true",
    b"false",
    b"undefined",
    b"changeme",
    b"example",
    b"string",
    b"required",
    b"optional",
    b"xxx",
    b"***",
    b"...",
    b"self.",
    b"this.",
    b"request",
    b"config",
    b"settings",
    b"http:",
    b"https:",
    b"$",
];

/// The value after a label that ends at `at`.
pub(crate) fn password(text: &Reader<'_>, at: usize) -> Option<Hit> {
    let latin = |byte| matches!(byte, 0x80..=0xbf | 0xc3..=0xc9);
    let part = |byte| is_alnum(byte) || byte == b'_' || byte == b'-' || latin(byte);
    // Unless the label had its sign with it.
    let mut at =
        if matches!(text.before(at), b':' | b'=') { at - 1 } else { text.run(at, 16, part) };
    at = text.run(at, 2, |byte| b"\"'\\".contains(&byte));
    at = text.run(at, 2, |byte| byte == b' ');
    const VERBS: &[&[u8]] = &[b"is ", b"was ", b"ist ", b"est ", b"es "];
    let wide: &[u8] = "：".as_bytes();
    at = match VERBS.iter().chain([&wide]).find(|verb| text.says(at, verb)) {
        Some(verb) => at + verb.len() - 1,
        None if matches!(text.at(at), b':' | b'=') => at,
        None => return None,
    };
    at = text.run(at + 1, 4, |byte| b" :=>".contains(&byte));
    at = text.run(at, 2, |byte| b"\"'\\".contains(&byte));
    value(text, at)
}

/// A password that begins at `at`: eight characters that look drawn by lot, and all that follow.
pub(crate) fn value(text: &Reader<'_>, at: usize) -> Option<Hit> {
    const LEAST: usize = 8;
    let end = text.run(at, LEAST, |byte| Class::Visible.has(byte));
    let head = text.slice(at, end);
    let stopped = STOP
        .iter()
        .any(|stop| head.get(..stop.len()).is_some_and(|front| front.eq_ignore_ascii_case(stop)));
    let digits = head.iter().any(u8::is_ascii_digit);
    let mixed = head.iter().any(|byte| !byte.is_ascii_alphanumeric())
        || head.iter().any(u8::is_ascii_uppercase);
    if end - at < LEAST
        || stopped
        || is_known(head)
        || !digits
        || !(mixed || head.iter().any(u8::is_ascii_lowercase))
        || !is_random(head)
    {
        return None;
    }
    Some(Hit::eaten(text, Entity::GENERIC_SECRET, at, end, Tail::Run(Class::Visible)))
}

/// A bank code that follows a label ending at `at`.
pub(crate) fn bank_code(text: &Reader<'_>, at: usize) -> Option<Hit> {
    const BETWEEN: &[&[u8]] = &[b"code", b"Code", b"CODE", b"BIC", b"bic", b"number", b"is"];
    let blanks = |at| text.run(at, 3, |byte| b" :/=\"'-_\\".contains(&byte));
    let mut at = blanks(at);
    for _ in 0..2 {
        if let Some(word) =
            BETWEEN.iter().find(|word| text.says(at, word) && !is_alnum(text.at(at + word.len())))
        {
            at = blanks(at + word.len());
        }
    }
    let end = text.run(at, 12, is_alnum);
    let code = text.slice(at, end).to_ascii_uppercase();
    (!is_alnum(text.before(at)) && swift_bic(&code)).then_some(Hit {
        entity: Entity::SWIFT_BIC,
        start: at,
        end,
        certain: end,
        open: None,
    })
}
