//! The seeds of the fuzz targets, and texts drawn by lot, go through the targets' checks.

#[path = "../../../../tests/fuzz/checks/pii.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets are crates of their own")]
mod checks;

use crate::corpus::corpus;
use std::fs;
use std::path::Path;

fn seeds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|file| check(&fs::read(file).unwrap()));
}

#[test]
fn redacted_texts_become_themselves_again() {
    seeds("redact_restore", checks::redact_restore);
    corpus(3, 300).iter().for_each(|one| checks::redact_restore(one.text.as_bytes()));
}

#[test]
fn cut_texts_are_their_wholes() {
    seeds("stream_splits", checks::stream_splits);
    for (n, one) in (0u8..=255).cycle().zip(&corpus(4, 300)) {
        checks::stream_splits(&[&[n], one.text.as_bytes()].concat());
    }
}
