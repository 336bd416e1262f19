//! What the stages talk about, in words of no container engine's own: containers, services, mappings.
//!
//! Adapters translate: what their source calls a state, an index or an address ends with them.

mod assignment;
mod backend_port;
mod container;
mod mapping;
mod port_name;
mod proxy_protocol;
mod reason;
mod service;
mod snapshot;

pub use assignment::Assignment;
pub use backend_port::BackendPort;
pub use container::{Address, Container, Health, Lifecycle, State};
pub use mapping::{DEFAULT_PORT_COUNT, Mapping};
pub use port_name::{NoPortName, PortName};
pub use proxy_protocol::ProxyProtocol;
pub use reason::Reason;
pub use service::ServiceRef;
pub(crate) use snapshot::Change;
pub use snapshot::{PublishedPorts, Snapshot};
