//! Reading a boot's journal from a position on, while it may still be written.

use super::record::{self, Record};
use super::{Boot, HEADER, Position, file_of, frame, numbers_of};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How much is read at once. At least one frame fits.
const CHUNK: usize = 4 * frame::FRAME_MAX;

/// A reader of one boot's files.
pub(in crate::embedded) struct Tail {
    folder: PathBuf,
    boot: Boot,
    position: Position,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl Tail {
    pub(in crate::embedded) fn new(folder: &Path, boot: Boot, position: Position) -> Self {
        Self { folder: folder.to_owned(), boot, position, file: None, buffer: Vec::new() }
    }

    /// Behind what was read.
    pub(in crate::embedded) fn position(&self) -> Position {
        self.position
    }

    /// The next records; `None` when there are no more by now. A record that is not written to its end is
    /// the last one of its file: what comes after it is in the next.
    pub(in crate::embedded) fn read(&mut self) -> io::Result<Option<Vec<Record>>> {
        loop {
            // Asked first: once there is a next file, nobody writes to this one.
            let next = self.next_file()?;
            if let Some(records) = self.read_here()? {
                return Ok(Some(records));
            }
            let Some(next) = next else { return Ok(None) };
            self.position = Position { file: next, offset: 0 };
            self.file = None;
        }
    }

    fn next_file(&self) -> io::Result<Option<u32>> {
        let this = self.position.file;
        // As a rule it is the next number, or nothing.
        if this > 0 && file_of(&self.folder, self.boot, this + 1).exists() {
            return Ok(Some(this + 1));
        }
        if self.file.is_some() {
            return Ok(None);
        }
        let numbers = numbers_of(&self.folder, self.boot)?;
        Ok(numbers.into_iter().find(|number| *number > this))
    }

    fn read_here(&mut self) -> io::Result<Option<Vec<Record>>> {
        let Some(file) = self.file()? else { return Ok(None) };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(CHUNK, 0);
        let length = read_fully(&file, &mut buffer, self.position.offset);
        let bytes = buffer.get(..*length.as_ref().unwrap_or(&0)).unwrap_or_default();
        let is_foreign = self.position.offset == 0 && is_foreign(bytes);
        let (records, used) = decoded(bytes, self.position.offset);
        self.buffer = buffer;
        self.file = Some(file);
        length?;
        if is_foreign {
            let path = file_of(&self.folder, self.boot, self.position.file);
            let why = format!("{}: another version has written this journal", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        self.position.offset += used as u64;
        Ok((used > 0).then_some(records))
    }

    fn file(&mut self) -> io::Result<Option<File>> {
        if let Some(file) = self.file.take() {
            return Ok(Some(file));
        }
        if self.position.file == 0 {
            return Ok(None);
        }
        match File::open(file_of(&self.folder, self.boot, self.position.file)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a file begins with something else than ours do. Zeros are what a power cut has left of it.
fn is_foreign(bytes: &[u8]) -> bool {
    HEADER.iter().zip(bytes).any(|(want, found)| *found != 0 && found != want)
}

/// The whole records at the begin of some bytes, and how many bytes they take.
fn decoded(bytes: &[u8], offset: u64) -> (Vec<Record>, usize) {
    let mut rest = bytes;
    if offset == 0 {
        match rest.strip_prefix(HEADER) {
            Some(behind) => rest = behind,
            None => return (Vec::new(), 0),
        }
    }
    let mut records = Vec::new();
    while let Some((record, behind)) = frame::take(rest) {
        // What another version has written besides is passed over.
        records.extend(record::read(record));
        rest = behind;
    }
    (records, bytes.len() - rest.len())
}

fn read_fully(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    while let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, offset + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
