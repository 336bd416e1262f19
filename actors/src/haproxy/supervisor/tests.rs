//! The supervisor among fakes, in virtual time.

mod adopting;
mod comparing;
mod cutting;
mod down;
mod exhausted;
mod fake;
mod full;
mod ports;
mod reporting;
mod restarting;
mod starting;
mod stopping;
mod updating;
