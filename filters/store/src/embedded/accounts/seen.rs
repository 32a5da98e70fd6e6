//! How far each boot has read the journals of the others. It says so in a file, so that nobody deletes what
//! another that lives has still to count.

use crate::embedded::journal::Boot;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The first file of each boot that is still to be read.
pub(super) type Seen = BTreeMap<Boot, u32>;

/// Nothing of a boot is still to be read.
pub(super) const ALL: u32 = u32::MAX;

pub(super) fn file_of(folder: &Path, reader: Boot) -> PathBuf {
    folder.join(format!("{}.seen", reader.0))
}

/// Tells the others. A line that is cut off names an earlier file than the whole one, or none: then too much
/// is kept, never too little.
pub(super) fn tell(folder: &Path, reader: Boot, seen: &Seen) -> io::Result<()> {
    let lines: String = seen.iter().map(|(boot, file)| format!("{} {file}\n", boot.0)).collect();
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file_of(folder, reader))?.write_all(lines.as_bytes())
}

/// The first of a boot's files that a reader still needs, as far as it has told: else the first of all.
pub(super) fn needed(folder: &Path, reader: Boot, of: Boot) -> u32 {
    let told = fs::read_to_string(file_of(folder, reader)).unwrap_or_default();
    let mut files = told.lines().filter_map(|line| {
        let (boot, file) = line.split_once(' ')?;
        (boot.parse() == Ok(of.0)).then(|| file.parse().ok())?
    });
    files.next().unwrap_or(0)
}
