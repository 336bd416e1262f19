//! What all tests share.

mod engine;
mod stage;

pub(crate) use self::stage::{Reach, SOON, Stage};
