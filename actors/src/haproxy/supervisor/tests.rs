//! The supervisor among fakes, in virtual time.

mod adopting;
mod fake;
mod ports;
mod restarting;
mod stepping;
mod stopping;
