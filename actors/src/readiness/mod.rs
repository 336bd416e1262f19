//! Whether a container without a health check is ready: it is once it accepts a connection.

mod probe;
mod prober;

pub use probe::{Probe, TcpProbe};
pub(crate) use prober::{Prober, Successor};
