//! What is measured, each for one column.

mod arrivals;
mod changes;
mod cold_start;
mod connections;
mod load;
mod memory;
mod quantiles;
mod upkeep;

pub(crate) use arrivals::{Arrivals, arrivals};
pub(crate) use cold_start::cold_start;
pub(crate) use connections::{Connections, connections};
pub(crate) use load::{UnderLoad, under_load};
pub(crate) use memory::{Memory, memory};
pub(crate) use quantiles::Quantiles;
pub(crate) use upkeep::{Upkeep, upkeep};
