//! What outlives a restart: the assignments of the newest plan, as a file.

mod file;
mod saver;
mod validate;

pub use file::{
    SavedContainer, SavedLingering, SavedMapping, SavedReservation, SavedState, StateError, StateFile,
    StateStore,
};
pub(crate) use saver::Saver;
#[cfg(test)]
pub(crate) use saver::{SAVE_DELAY, SAVE_RETRY};
