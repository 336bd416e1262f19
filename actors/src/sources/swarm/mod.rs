//! Swarm: a service's tasks, as a manager lists them.
//!
//! `source` asks, `known` keeps what need not be asked again. Every other file is plain functions over what was answered.

mod address;
mod answer;
mod fault;
mod known;
mod listing;
mod source;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use source::{Swarm, SwarmSettings};
