//! Whether a file holds certificates. It is read for real where connections are made; here only so
//! that a wrong file is found with all other errors.

use std::io::Read;
use std::path::Path;

/// No file of certificates is longer.
const FILE_BYTES_MAX: u64 = 16 << 20;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Checks that a PEM file can be read and holds at least one certificate.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("file {} cannot be read: {error}", path.display()))?;
    let mut blocks = text.split(BEGIN).skip(1);
    if blocks.any(is_certificate) {
        return Ok(());
    }
    Err(format!("file {} holds no PEM certificate", path.display()))
}

/// Whether what follows a begin line is Base64 up to the end line, and starts as DER does.
fn is_certificate(block: &str) -> bool {
    let Some((body, _)) = block.split_once(END) else { return false };
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut bytes = body.bytes().filter(|byte| !byte.is_ascii_whitespace());
    bytes.next() == Some(b'M') && bytes.all(is_base64)
}
