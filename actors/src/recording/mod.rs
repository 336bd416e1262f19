//! What the allocator decided from, as files, and the same decisions once more.
//!
//! ```text
//! PortAllocator ──inputs──> Recorder ──lines──> segments in RECORD_DIR ──lines──> replay ──inputs──> Decider
//! ```
//!
//! The inputs are in the words of `domain`, so a recording is the same whatever the source is. A *segment* is a file of
//! JSON lines. Its first line has the settings and what was known at that moment, so each segment can be replayed alone.
//! Each other line is an input with its time, and what became of the plan. Times are in nanoseconds since the allocator
//! began; the first line says what the wall clock showed at one of them.

mod cause;
mod decoder;
mod encoder;
mod format;
mod recorder;
mod replay;
mod segments;
#[cfg(test)]
mod tests;

pub use cause::Cause;
pub(crate) use recorder::Recorder;
pub use replay::{Difference, Moment, Replay, ReplayError, replay};
pub use segments::RecordDir;
