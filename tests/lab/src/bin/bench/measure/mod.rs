//! What is measured, each for one column.

mod changes;
mod cold_start;
mod connections;
mod latencies;
mod load;
mod memory;
mod quantiles;
mod upkeep;

pub(crate) use cold_start::cold_start;
pub(crate) use connections::{Connections, connections};
pub(crate) use latencies::{Latencies, latencies};
pub(crate) use load::{UnderLoad, under_load};
pub(crate) use memory::{Memory, memory};
pub(crate) use quantiles::Quantiles;
pub(crate) use upkeep::{Upkeep, upkeep};
