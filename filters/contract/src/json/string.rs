//! Finding the end of a string, and its escapes.
//!
//! A prompt is mostly the inside of long strings, so this is where the time goes: 64 bytes a step,
//! as bit masks. Which bytes an odd run of backslashes escapes is worked out on the masks too (the
//! method of Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019), so that a text full
//! of escapes costs hardly more than one without.

use super::{Malformed, Span, Str};

const BLOCK: usize = 64;

/// The string whose opening quote lies just before `from`.
pub(super) fn read(bytes: &[u8], from: usize) -> Result<Str, Malformed> {
    let mut at = match plain_end(bytes, from) {
        Ok(end) => return Ok(Str { span: Span::new(from, end), escaped: false }),
        Err(at) => at,
    };
    let mut carry = 0;
    let mut escaped = false;
    loop {
        if carry == 0 {
            at = skip_plain(bytes, at);
        }
        let (masks, len) = masks_at(bytes, at);
        let escapes = escaped_bytes(masks.backslash, &mut carry);
        let quote = masks.quote & !escapes;
        let inside = if quote == 0 { u64::MAX } else { (quote & quote.wrapping_neg()) - 1 };
        escaped |= masks.backslash & inside != 0;
        if masks.control & inside != 0 {
            return Err(malformed(
                at + bit(masks.control & inside),
                "control character in a string",
            ));
        }
        check_escapes(bytes, at, &masks, escapes & inside)?;
        if quote != 0 {
            return Ok(Str { span: Span::new(from, at + bit(quote)), escaped });
        }
        if len < BLOCK {
            return Err(malformed(bytes.len(), "unterminated string"));
        }
        at += BLOCK;
    }
}

/// The end of a string that comes before any escape, or else where to go on. Most strings (member names,
/// roles, ids) end within 16 bytes.
fn plain_end(bytes: &[u8], from: usize) -> Result<usize, usize> {
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let special = lanes::special(block).to_bitmask();
        if special != 0 {
            let end = special.trailing_zeros() as usize;
            return if block.get(end) == Some(&b'"') { Ok(at + end) } else { Err(at) };
        }
        at = if at == from { skip_plain(bytes, at + 16) } else { at + 16 };
    }
    Err(at)
}

/// Passes over blocks that hold nothing but plain characters: most of a long string.
fn skip_plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let [a, b, c, d] = block.as_chunks::<16>().0 else { break };
        let special = lanes::special(a) | lanes::special(b) | lanes::special(c) | lanes::special(d);
        if special.to_bitmask() != 0 {
            break;
        }
        at += BLOCK;
    }
    at
}

fn bit(mask: u64) -> usize {
    mask.trailing_zeros() as usize
}

fn malformed(at: usize, what: &'static str) -> Malformed {
    Malformed { at, what }
}

#[derive(Default)]
struct Masks {
    quote: u64,
    backslash: u64,
    control: u64,
    /// Bytes that may stand after a backslash; worked out only where there is one.
    escapable: u64,
    unicode: u64,
}

/// The masks of the block at `at`, and how many of its bytes exist.
fn masks_at(bytes: &[u8], at: usize) -> (Masks, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(block) = rest.first_chunk::<BLOCK>() {
        return (block_masks(block), BLOCK);
    }
    // Blanks stand for what is missing: they are no control characters and end no string.
    let mut block = [b' '; BLOCK];
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    (block_masks(&block), rest.len())
}

fn block_masks(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    for (lane, part) in block.as_chunks::<16>().0.iter().enumerate() {
        let found = lanes::masks(part);
        let shift = lane * 16;
        masks.quote |= u64::from(found.quote) << shift;
        masks.backslash |= u64::from(found.backslash) << shift;
        masks.control |= u64::from(found.control) << shift;
    }
    if masks.backslash != 0 {
        for (lane, part) in block.as_chunks::<16>().0.iter().enumerate() {
            let (escapable, unicode) = lanes::escapes(part);
            masks.escapable |= u64::from(escapable) << (lane * 16);
            masks.unicode |= u64::from(unicode) << (lane * 16);
        }
    } else {
        // A backslash that ended the block before may escape this one's first byte.
        let first = block.first().copied().unwrap_or(b' ');
        masks.escapable = u64::from(b"\"\\/bfnrtu".contains(&first));
        masks.unicode = u64::from(first == b'u');
    }
    masks
}

/// Which bytes of a block are escaped, given its backslashes; `carry` says whether the first one is.
fn escaped_bytes(backslash: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    if backslash == 0 {
        return std::mem::take(carry);
    }
    let backslash = backslash & !*carry;
    let follows = backslash << 1 | *carry;
    let odd_starts = backslash & !EVEN & !follows;
    let (even_runs, overflow) = odd_starts.overflowing_add(backslash);
    *carry = u64::from(overflow);
    (EVEN ^ (even_runs << 1)) & follows
}

fn check_escapes(bytes: &[u8], at: usize, masks: &Masks, escapes: u64) -> Result<(), Malformed> {
    let wrong = escapes & !masks.escapable;
    if wrong != 0 {
        return Err(malformed(at + bit(wrong), "unknown escape in a string"));
    }
    let mut unicode = escapes & masks.unicode;
    while unicode != 0 {
        let digits = at + bit(unicode) + 1;
        let four = bytes.get(digits..digits + 4).unwrap_or_default();
        if four.len() < 4 || !four.iter().all(u8::is_ascii_hexdigit) {
            return Err(malformed(digits, "\\u wants four hexadecimal digits"));
        }
        unicode &= unicode - 1;
    }
    Ok(())
}

/// Masks of 16 bytes.
struct Lane {
    quote: u32,
    backslash: u32,
    control: u32,
}

mod lanes {
    use super::Lane;
    use wide::u8x16;

    fn equal(bytes: u8x16, byte: u8) -> u8x16 {
        bytes.simd_eq(u8x16::splat(byte))
    }

    /// All bits of each byte that ends, escapes or spoils a string.
    #[inline]
    pub(super) fn special(block: &[u8; 16]) -> u8x16 {
        let bytes = u8x16::new(*block);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        equal(bytes, b'"') | equal(bytes, b'\\') | control
    }

    #[inline]
    pub(super) fn masks(block: &[u8; 16]) -> Lane {
        let bytes = u8x16::new(*block);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        Lane {
            quote: equal(bytes, b'"').to_bitmask(),
            backslash: equal(bytes, b'\\').to_bitmask(),
            control: control.to_bitmask(),
        }
    }

    /// Bytes that may follow a backslash, and those of them that are `u`.
    #[inline]
    pub(super) fn escapes(block: &[u8; 16]) -> (u32, u32) {
        let bytes = u8x16::new(*block);
        let unicode = equal(bytes, b'u');
        let any = b"\"\\/bfnrt".iter().fold(unicode, |any, byte| any | equal(bytes, *byte));
        (any.to_bitmask(), unicode.to_bitmask())
    }
}

/// The inside of a string, without its escapes.
pub(super) fn decode(raw: &[u8]) -> String {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (character, used) = decode_escape(escape);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    String::from_utf8(out)
        .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

/// The character that the escape at the start of `bytes` stands for, and the escape's length.
fn decode_escape(bytes: &[u8]) -> (char, usize) {
    let simple = match bytes.get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return decode_unicode(bytes),
        Some(byte) => char::from(*byte),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 2)
}

fn decode_unicode(bytes: &[u8]) -> (char, usize) {
    let first = code_unit(bytes);
    let second = bytes.get(6..).filter(|next| next.starts_with(b"\\u")).and_then(code_unit);
    if let (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) = (first, second) {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (first.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

fn code_unit(escape: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(escape.get(2..6)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

/// Appends `text` quoted and escaped.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = escaped.split_first() else { break };
        encode_byte(*byte, out);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn encode_byte(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let low = HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests;
