//! How records lie in a file: their length, their checksum, themselves.
//!
//! What was cut off, or was never written to its end, is found out by its checksum: it is taken for the
//! file's end.

/// Before each record: its length and its CRC-32, 4 bytes each, the lowest first.
const HEAD: usize = 8;

/// The largest record.
const RECORD_MAX: usize = 256 << 10;

/// The largest frame.
pub(in crate::embedded) const FRAME_MAX: usize = HEAD + RECORD_MAX;

/// Appends a frame whose record `write` writes.
pub(in crate::embedded) fn put(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; HEAD]);
    write(out);
    let Some(frame) = out.get_mut(start..) else { return };
    let Some((head, record)) = frame.split_first_chunk_mut::<HEAD>() else { return };
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sum = crc32fast::hash(record).to_le_bytes();
    for (byte, from) in head.iter_mut().zip(length.into_iter().chain(sum)) {
        *byte = from;
    }
}

/// The first record of some bytes, and what comes after it. `None` if there is no whole one.
pub(in crate::embedded) fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    // No record is empty: a hole in a file is none.
    if length == 0 || length > RECORD_MAX {
        return None;
    }
    let (record, rest) = rest.split_at_checked(length)?;
    (crc32fast::hash(record) == u32::from_le_bytes(*sum)).then_some((record, rest))
}

#[cfg(test)]
mod tests {
    use super::{put, take};

    #[test]
    fn what_was_cut_or_changed_anywhere_is_no_frame() {
        let mut bytes = Vec::new();
        put(&mut bytes, |out| out.extend(b"a record"));
        put(&mut bytes, |out| out.extend(b"another"));
        let (first, rest) = take(&bytes).unwrap();
        assert_eq!(first, b"a record");
        assert_eq!(take(rest), Some((b"another".as_slice(), [].as_slice())));
        let frame = &bytes[..bytes.len() - rest.len()];
        for cut in 0..frame.len() {
            assert_eq!(take(&frame[..cut]), None, "cut at {cut}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[cut] ^= 1 << bit;
                assert_ne!(take(&changed).map(|found| found.0), Some(first), "{cut} {bit}");
            }
        }
        assert_eq!(take(&[0; 100]), None);
        assert_eq!(take(&[0xff; 100]), None);
    }
}
