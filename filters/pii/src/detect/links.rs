//! Credentials in the address of a service: `scheme://user:secret@host`.

use super::reader::{Reader, is_alnum};

const USER_MAX: usize = 256;

/// The start of the scheme before `://` at `sign`.
pub(crate) fn scheme(text: &Reader<'_>, sign: usize) -> usize {
    text.run_back(sign, 16, |byte| is_alnum(byte) || matches!(byte, b'+' | b'-' | b'.'))
}

/// The user and the secret behind `://` at `sign`: where they start and end.
pub(crate) fn credentials(text: &Reader<'_>, sign: usize) -> Option<(usize, usize)> {
    let start = sign + 3;
    let end = text.run(start, USER_MAX, |byte| {
        byte > b' ' && byte < 0x7f && !b"/?#@\"'`<>[]{}\\,".contains(&byte)
    });
    if text.at(end) != b'@' {
        return None;
    }
    let inside = text.slice(start, end);
    let colon = inside.iter().position(|byte| *byte == b':')?;
    let (user, secret) = inside.split_at(colon);
    let secret = secret.get(1..)?;
    let host = text.run(end + 1, 10, |byte| is_alnum(byte) || matches!(byte, b'.' | b'-'));
    let local = text.slice(end + 1, host).starts_with(b"localhost");
    let said = |word: &[u8]| secret.eq_ignore_ascii_case(word);
    let sample =
        [&b"password"[..], b"pass", b"secret", b"pwd", b"passwd", b"xxx", b"xxxx", b"token"];
    let placeholder = sample.iter().any(|word| said(word))
        || secret.starts_with(b"$")
        || secret.starts_with(b"%");
    (!secret.is_empty() && user != secret && !(placeholder || local && user == b"user"))
        .then_some((start, end))
}
