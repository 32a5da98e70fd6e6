//! Names of things: those that callers choose, and those that are made here.

use super::refusal::Refusal;
use crate::house::random_hex;

const ID_BYTES_MAX: usize = 64;

/// Random bytes in a key's id.
const KEY_ID_BYTES: usize = 12;

/// A chosen id, if it is one.
pub(super) fn chosen(member: &'static str, id: String) -> Result<String, Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(allowed);
    // `.` and `..` would be lost on the way: clients take them for parts of a path.
    if fits && id.bytes().any(|byte| byte != b'.') {
        return Ok(id);
    }
    let message = format!(
        "{member} must have 1 to {ID_BYTES_MAX} characters out of A-Z, a-z, 0-9, `.`, `_` and `-`, \
         and not dots alone."
    );
    Err(Refusal::wrong(member, message))
}

/// A UUID of version 4.
pub(super) fn uuid() -> Result<String, Refusal> {
    let bytes = random::<16>()?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

/// The public id of an API key.
pub(super) fn of_key() -> Result<String, Refusal> {
    let digits = random_hex(KEY_ID_BYTES).map_err(Refusal::unavailable)?;
    Ok(format!("key_{digits}"))
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Refusal::unavailable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{chosen, of_key, uuid};

    #[test]
    fn ids_that_would_not_survive_a_path_are_refused() {
        for good in ["a", "A.b_c-9", "..a", &"x".repeat(64)] {
            assert!(chosen("id", good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a%", &"x".repeat(65)] {
            assert!(chosen("id", bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn made_ids_are_valid_and_differ() {
        let (key, id) = (of_key().unwrap(), uuid().unwrap());
        assert!(key.starts_with("key_") && key.len() == 28, "{key}");
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'), "{id}");
        assert_ne!(uuid().unwrap(), id);
        assert!(chosen("id", key).is_ok() && chosen("id", id).is_ok());
    }
}
