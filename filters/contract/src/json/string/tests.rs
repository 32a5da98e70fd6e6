use super::*;
use proptest::prelude::*;

/// The masks byte by byte: the yardstick of the vectors.
mod portable {
    use super::Lane;

    fn mask(block: &[u8; 16], wanted: impl Fn(u8) -> bool) -> u32 {
        block.iter().rev().fold(0, |mask, byte| mask << 1 | u32::from(wanted(*byte)))
    }

    pub(super) fn masks(block: &[u8; 16]) -> Lane {
        Lane {
            quote: mask(block, |byte| byte == b'"'),
            backslash: mask(block, |byte| byte == b'\\'),
            control: mask(block, |byte| byte < 0x20),
        }
    }

    pub(super) fn escapes(block: &[u8; 16]) -> (u32, u32) {
        (mask(block, |byte| b"\"\\/bfnrtu".contains(&byte)), mask(block, |byte| byte == b'u'))
    }
}

fn read_json(json: &[u8]) -> Result<(usize, bool), Malformed> {
    read(json, 1).map(|found| (found.span.end as usize, found.escaped))
}

/// The same by hand, one byte at a time.
fn read_plainly(json: &[u8]) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (1, false);
    loop {
        match *json.get(at)? {
            b'"' => return Some((at, escaped)),
            b'\\' => {
                escaped = true;
                let next = *json.get(at + 1)?;
                let digits = json.get(at + 2..at + 6);
                match next {
                    b'u' if digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) => at += 6,
                    b'u' => return None,
                    _ if b"\"\\/bfnrt".contains(&next) => at += 2,
                    _ => return None,
                }
            }
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

proptest! {
    #[test]
    fn a_string_ends_where_a_plain_reader_says(body in proptest::collection::vec(
        prop_oneof![4 => Just(b'\\'), 2 => Just(b'"'), 2 => Just(b'u'), 1 => Just(b'\n'), 3 => proptest::sample::select(b"0aFn/b".to_vec()), 6 => 0x20u8..0x7f],
        0..200,
    )) {
        let mut json = vec![b'"'];
        json.extend(&body);
        prop_assert_eq!(read_json(&json).ok(), read_plainly(&json));
        json.push(b'"');
        prop_assert_eq!(read_json(&json).ok(), read_plainly(&json));
    }

    #[test]
    fn any_text_survives_quoting(text in "\\PC*|[\\x00-\\x7f]{0,80}") {
        let quoted = super::super::quote(&text);
        let found = read(&quoted, 1).unwrap();
        prop_assert_eq!(found.span.end as usize, quoted.len() - 1);
        prop_assert_eq!(found.decode(&quoted), text.as_str());
        let theirs: String = serde_json::from_slice(&quoted).unwrap();
        prop_assert_eq!(theirs, text);
    }

    #[test]
    fn decoding_agrees_with_serde_json(text in "\\PC{0,40}") {
        let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let json = format!("\"{ascii}\"");
        let found = read(json.as_bytes(), 1).unwrap();
        prop_assert_eq!(found.decode(json.as_bytes()), text);
    }

    #[test]
    fn vectors_and_plain_bytes_agree(block in proptest::array::uniform16(any::<u8>())) {
        let (fast, slow) = (lanes::masks(&block), portable::masks(&block));
        prop_assert_eq!((fast.quote, fast.backslash, fast.control), (slow.quote, slow.backslash, slow.control));
        prop_assert_eq!(lanes::escapes(&block), portable::escapes(&block));
    }
}

#[test]
fn an_escape_may_lie_across_two_blocks() {
    for padding in 40..140 {
        for escape in ["\\\"", "\\\\", "\\u00e9", "\\\\\\\"", "\\n"] {
            let json = format!("\"{}{escape}x\"", "a".repeat(padding));
            assert_eq!(read_json(json.as_bytes()), Ok((json.len() - 1, true)), "{json}");
        }
        for wrong in ["\\x", "\\u12", "\\u12g4", "\n"] {
            let json = format!("\"{}{wrong}x\"", "a".repeat(padding));
            assert!(read_json(json.as_bytes()).is_err(), "{json}");
        }
    }
}

#[test]
fn an_unpaired_surrogate_reads_as_the_replacement_character() {
    let json = br#""a\ud800b""#;
    assert_eq!(read(json, 1).unwrap().decode(json), "a\u{fffd}b");
}
