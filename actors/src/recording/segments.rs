//! The segments of a recording as files, of which the oldest are removed.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    encoder::{Encoder, Entry},
    format::Begin,
};

/// A segment is ended once it is larger.
const SEGMENT_BYTES: u64 = 4 << 20;
/// How much all of them may take, but for the one that is being written.
const TOTAL_BYTES: u64 = 60 << 20;
/// How many there may be: in a loop of crashes each is small.
const MAX_SEGMENTS: usize = 1000;

const PREFIX: &str = "recording-";
const SUFFIX: &str = ".jsonl";
const DIGITS: usize = 8;

/// The folder of a recording.
#[derive(Clone, Debug)]
pub struct RecordDir {
    folder: PathBuf,
    segment_bytes: u64,
    total_bytes: u64,
}

impl RecordDir {
    /// This folder, which takes 64 MiB at most; with more than 5000 containers, whose first lines are long, 70 MiB.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, segment_bytes: SEGMENT_BYTES, total_bytes: TOTAL_BYTES }
    }

    #[cfg(test)]
    pub(super) fn bounded(folder: &Path, segment_bytes: u64, total_bytes: u64) -> Self {
        Self { folder: folder.to_owned(), segment_bytes, total_bytes }
    }

    /// Makes a new segment, and removes the oldest ones if there are too many. Returns the open file.
    fn create(&self, first_line: &[u8]) -> io::Result<(PathBuf, File)> {
        let mut segments = segments(&self.folder)?;
        let mut total: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let number = segments.last().map_or(1, |newest| newest.number.saturating_add(1));
        segments.reverse();
        while total > self.total_bytes || segments.len() >= MAX_SEGMENTS {
            let Some(oldest) = segments.pop() else { break };
            fs::remove_file(&oldest.path)?;
            total -= oldest.bytes;
        }
        let path = self.folder.join(format!("{PREFIX}{number:0DIGITS$}{SUFFIX}"));
        let mut file = File::options().append(true).create_new(true).mode(0o600).open(&path)?;
        if let Err(error) = file.write_all(first_line) {
            // What has no complete first line is of no use.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok((path, file))
    }
}

/// A segment that there is.
#[derive(Debug)]
pub(super) struct Segment {
    number: u64,
    pub(super) path: PathBuf,
    bytes: u64,
}

/// The segments in a folder, the oldest first. Nothing else in it matters.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(number) else { continue };
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            segments.push(Segment { number, path: entry.path(), bytes: metadata.len() });
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let are_digits = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| are_digits)
}

/// What is to be written.
#[derive(Debug)]
pub(super) enum Record {
    /// A new segment begins.
    Begin {
        at: Duration,
        begin: Begin,
    },
    Input(Entry),
}

/// Writes segments, one after the other.
#[derive(Debug)]
pub(super) struct Segments {
    dir: RecordDir,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// The segment is full from here on. A first line that is long already pays only before many others.
    full_at: u64,
    encoder: Encoder,
}

impl Segments {
    pub(super) fn new(dir: RecordDir) -> Self {
        Self { dir, current: None }
    }

    /// Whether inputs would be lost without a new segment.
    pub(super) fn has_none(&self) -> bool {
        self.current.is_none()
    }

    /// Whether it is time for a new segment.
    pub(super) fn is_full(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.bytes > current.full_at)
    }

    /// Writes `records`. Inputs before the first segment, or after an error, are lost up to the next segment.
    ///
    /// # Errors
    /// The error of the file system. The segment that was being written has ended then.
    pub(super) fn write(&mut self, records: Vec<Record>) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            match record {
                Record::Begin { at, begin } => {
                    self.append(&mut lines)?;
                    self.current = None;
                    let (encoder, first_line) = Encoder::begin(at, wall_ms(), begin)?;
                    let (path, file) = self.dir.create(&first_line)?;
                    let bytes = first_line.len() as u64;
                    let full_at = self.dir.segment_bytes.max(2 * bytes);
                    self.current = Some(Current { path, file, bytes, full_at, encoder });
                }
                Record::Input(entry) => {
                    if let Some(current) = &mut self.current {
                        current.encoder.append(entry, &mut lines)?;
                    }
                }
            }
        }
        self.append(&mut lines)
    }

    fn append(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let appended = current.append(lines);
        if appended.is_err() {
            self.current = None;
        }
        lines.clear();
        appended
    }
}

impl Current {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        // What is written to a file that was removed is lost.
        let (ours, there) = (self.file.metadata()?, fs::symlink_metadata(&self.path)?);
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.bytes += lines.len() as u64;
        self.file.write_all(lines)
    }
}

#[expect(clippy::disallowed_methods, reason = "people read it; no decision depends on it")]
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

#[cfg(test)]
mod tests;
