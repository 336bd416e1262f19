//! What outlives a restart: the assignments of the newest plan, as a file.

mod file;
mod saver;
mod validate;

pub use file::{SavedMapping, SavedReservation, SavedState, StateError, StateFile, StateStore};
#[cfg(test)]
pub(crate) use saver::{SAVE_DELAY, SAVE_RETRY};
pub(crate) use saver::Saver;
