//! What is measured, each for one way of driving HAProxy.

mod changes;
mod cold_start;
mod connections;
mod latency;
mod load;
mod memory;
mod quantiles;
mod upkeep;

pub(crate) use cold_start::cold_start;
pub(crate) use connections::{Connections, connections};
pub(crate) use latency::{Latency, latency};
pub(crate) use load::{UnderLoad, under_load};
pub(crate) use memory::{Memory, memory};
pub(crate) use quantiles::Quantiles;
pub(crate) use upkeep::{Upkeep, upkeep};
