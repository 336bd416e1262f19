//! The program under test, as a child process with its log.
//!
//! A [`Launch`] says how to start it and owns its directories; [`Launch::start`] gives a [`Stalls`].
//! A launch may be started again after its process has ended: the next process finds the state of the one before, and
//! any HAProxy that it has left. Dropping the launch and its processes ends all HAProxys that are left.

mod form;
mod home;
mod launch;
mod log;
pub mod messages;
mod process;
mod processes;
mod told;

pub use form::check_form;
pub use home::Home;
pub use launch::Launch;
pub use process::Stalls;
pub use rustix::process::Signal;
pub use told::Told;

#[cfg(test)]
mod tests;
