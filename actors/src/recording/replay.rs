//! The same decisions once more, with what they have changed and why.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    cause::{Cause, causes},
    decoder::{self, Decoder},
    format::{Begin, Header, Line, PlanDigest},
    segments::{Segment, segments},
};
use crate::{
    allocation::{Decider, Explanation, explain},
    domain::Mapping,
};

/// No segment that stalls has written is larger, with ten times the containers that fit on the ports of a host.
const MAX_BYTES: u64 = 256 << 20;

/// Why a folder cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The file system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// There is nothing to replay.
    #[error("{}: no recording: it has no file such as recording-00000001.jsonl", .0.display())]
    Empty(PathBuf),
    /// This version of stalls cannot read it.
    #[error("{}: line {line}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a replay tells, one after the other.
#[derive(Debug)]
pub enum Replay {
    /// A segment begins.
    Segment {
        /// The file's name.
        name: String,
        /// When, in milliseconds since 1970.
        wall_ms: u64,
        /// The version of stalls that recorded it.
        stalls: String,
        /// Whether stalls started here, rather than going on.
        is_start: bool,
        /// What was mapped.
        mappings: Vec<Mapping>,
    },
    /// An input has changed something.
    Moment(Moment),
    /// A plan is another one than was recorded. After the first one of a segment no other is told.
    Difference(Difference),
    /// The file ends within a line, which was not written completely.
    Torn {
        /// The file's name.
        name: String,
    },
}

/// An input that has changed something, or may have.
#[derive(Debug)]
pub struct Moment {
    /// When, in milliseconds since 1970.
    pub wall_ms: u64,
    /// The revision of the plan that it has led to; `None` if the plan before is in force.
    pub revision: Option<u64>,
    /// What was said of containers.
    pub causes: Vec<Cause>,
    /// What has changed, and why.
    pub explanations: Vec<Explanation>,
}

/// A plan that is another one than was recorded.
#[derive(Debug)]
pub struct Difference {
    /// The file's name.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The recorded plan, as the recording has it; empty if there was none.
    pub recorded: String,
    /// What the replay came to, in the same form.
    pub replayed: String,
}

/// Replays all segments in `folder`, each alone, and tells what happens.
///
/// # Errors
/// [`ReplayError`]. What was told before it stands.
pub fn replay(folder: &Path, mut tell: impl FnMut(Replay)) -> Result<(), ReplayError> {
    let io_error = |source| ReplayError::Io { path: folder.to_owned(), source };
    let segments = segments(folder).map_err(io_error)?;
    if segments.is_empty() {
        return Err(ReplayError::Empty(folder.to_owned()));
    }
    segments.iter().try_for_each(|segment| replay_segment(segment, &mut tell))
}

fn replay_segment(Segment { path, .. }: &Segment, tell: &mut dyn FnMut(Replay)) -> Result<(), ReplayError> {
    let bytes = read(path).map_err(|source| ReplayError::Io { path: path.clone(), source })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unreadable = |line, reason| ReplayError::Unreadable { path: path.clone(), line, reason };
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..);
    let is_whole = |line: &&[u8]| line.ends_with(b"\n");
    let Some((first, _)) = lines.next().filter(|(first, _)| is_whole(first)) else {
        tell(Replay::Torn { name });
        return Ok(());
    };
    let Header { stalls, at, wall_ms, begin, .. } = decoder::header(first).map_err(|e| unreadable(1, e))?;
    let is_start = matches!(begin, Begin::Start { .. });
    let mut decider = decoder::decider(begin).map_err(|e| unreadable(1, e))?;
    let mappings = decider.mappings().cloned().collect();
    tell(Replay::Segment { name: name.clone(), wall_ms, stalls, is_start, mappings });
    let mut decoder = Decoder::default();
    let mut is_as_recorded = true;
    for (line, number) in lines {
        if !is_whole(&line) {
            tell(Replay::Torn { name });
            return Ok(());
        }
        let line = decoder::line(line).map_err(|e| unreadable(number, e))?;
        let wall_ms = wall_ms.saturating_add(line.at.saturating_sub(at).as_millis() as u64);
        let (moment, replayed, recorded) = step(&mut decider, &mut decoder, line, wall_ms);
        tell(Replay::Moment(moment));
        if is_as_recorded && replayed != recorded {
            is_as_recorded = false;
            let [recorded, replayed] = [recorded, replayed].map(text);
            tell(Replay::Difference(Difference { name: name.clone(), line: number, recorded, replayed }));
        }
    }
    Ok(())
}

/// Has one input decided upon. Returns what comes of it, its plan, and the plan that was recorded.
fn step(
    decider: &mut Decider,
    decoder: &mut Decoder,
    line: Line,
    wall_ms: u64,
) -> (Moment, Option<PlanDigest>, Option<PlanDigest>) {
    let Line { at, input, local, plan: recorded } = line;
    let input = decoder.input(input);
    let before = decider.clone();
    let decision = decider.take(&input, |address| local.contains(&address), at);
    let replayed = decision.plan.as_ref().map(|plan| PlanDigest::of(plan, decision.before.as_deref()));
    let moment = Moment {
        wall_ms,
        revision: decision.plan.as_ref().map(|plan| plan.revision),
        causes: causes(&input, &before, decider),
        explanations: explain(&before, decider, &decision),
    };
    (moment, replayed, recorded)
}

fn text(plan: Option<PlanDigest>) -> String {
    plan.and_then(|plan| serde_json::to_string(&plan).ok()).unwrap_or_default()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("it is larger than {MAX_BYTES} bytes, as no file of a recording is");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}
