//! The supervisor among fakes, in virtual time.

mod adopting;
mod asking_again;
mod changing;
mod fake;
mod ports;
mod reconciling;
mod reporting;
mod restarting;
mod stepping;
mod stopping;
