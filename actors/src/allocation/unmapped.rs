//! Why containers are not mapped.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::PortName;

/// Why a container is not mapped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case")]
pub enum Unmapped {
    /// It has no uuid, external id or name.
    #[error("it has no uuid")]
    NoIdentity,
    /// Its state is none of those that can serve.
    #[error("its state is {state:?}")]
    NotRunning {
        /// The state.
        state: String,
    },
    /// It could not serve before it began to change its state too often, and is not steady yet.
    #[error("it changes its state again and again")]
    Flapping,
    /// It has no address (yet).
    #[error("it has no address")]
    NoAddress,
    /// Its address cannot be a container's.
    #[error("its address {address:?} is no usable IP address")]
    BadAddress {
        /// The address as the source has it.
        address: String,
    },
    /// None of its ports has the name of the mapping's.
    #[error("it has no container port named {:?}; {}", .name.as_str(), named(.others))]
    NoSuchPort {
        /// The name of the mapping's port.
        name: PortName,
        /// Some names that its ports have.
        others: Vec<PortName>,
    },
    /// A loopback address leads to this host itself.
    #[error("its address {address} is a loopback address; ALLOW_LOOPBACK=true would map it")]
    Loopback {
        /// The address.
        address: IpAddr,
    },
    /// Its address is that of this host, and stalls itself listens there.
    #[error(
        "stalls itself listens at {backend}; another BASE_PORT, or another port of the container, would do"
    )]
    OwnListener {
        /// Where it is reached.
        backend: SocketAddr,
    },
    /// Another mapped service has a container at the same address and port, so nobody knows which one is reached there.
    #[error(
        "a container of another mapped service is listed at {backend}, too, and only one can listen there; another \
         port for one of them would do"
    )]
    Shared {
        /// Where both would be reached.
        backend: SocketAddr,
    },
    /// A newer container has the same address and port, so this one cannot be reached there.
    #[error("its address {backend} belongs to the newer container {newer:?}")]
    AddressTaken {
        /// The address and port.
        backend: SocketAddr,
        /// The uuid of the container that has it.
        newer: String,
    },
    /// A newer container has the same index, and is not ready yet.
    #[error(
        "the container {incumbent:?} has the slot of the same index until this one is healthy or, without a health check, accepts connections"
    )]
    NotReady {
        /// The uuid of the container that has the slot.
        incumbent: String,
    },
    /// A container with the same index has the slot: it is newer, or it runs and this one only starts.
    #[error("the container {by:?} has the slot of the same index")]
    Superseded {
        /// The uuid of the container that has the slot.
        by: String,
    },
    /// Its index leads past the end of the pool.
    #[error("its index {index} is outside of the pool of {pool_size}; {}", reach(*index, *max_port_count))]
    OutsidePool {
        /// The index.
        index: u64,
        /// The pool's size.
        pool_size: u16,
        /// How large it could be: there are no more port numbers.
        max_port_count: u16,
    },
    /// It has no index, and every slot is taken or reserved.
    #[error("no slot of the pool of {pool_size} is free; {}", more(*pool_size, *max_port_count))]
    NoFreeSlot {
        /// The pool's size.
        pool_size: u16,
        /// How large it could be: there are no more port numbers.
        max_port_count: u16,
    },
}

/// What would do for a container that lacks a port of some name.
fn named(others: &[PortName]) -> String {
    if others.is_empty() {
        return "its ports have no names, so a number as BACKEND_PORT would do".to_owned();
    }
    let others: Vec<_> = others.iter().map(|name| format!("{:?}", name.as_str())).collect();
    let others = others.join(", ");
    format!("among its ports are {others}: one of these names, or a number, as BACKEND_PORT would do")
}

/// What an index outside of the pool needs.
fn reach(index: u64, max_port_count: u16) -> String {
    if index <= max_port_count.into() {
        format!("it needs a PORT_COUNT of at least {index}")
    } else {
        format!("no PORT_COUNT reaches it, port 65535 is the last of {max_port_count}")
    }
}

/// What gives a pool another slot.
fn more(pool_size: u16, max_port_count: u16) -> &'static str {
    if pool_size < max_port_count { "a larger PORT_COUNT would have one" } else { "port 65535 is its last" }
}

impl Unmapped {
    /// All kinds.
    pub const KINDS: [&str; 14] = [
        "no_identity",
        "not_running",
        "flapping",
        "no_address",
        "bad_address",
        "no_such_port",
        "loopback",
        "own_listener",
        "shared_address",
        "address_taken",
        "not_ready",
        "superseded",
        "outside_pool",
        "no_free_slot",
    ];

    /// The bounded label for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoIdentity => "no_identity",
            Self::NotRunning { .. } => "not_running",
            Self::Flapping => "flapping",
            Self::NoAddress => "no_address",
            Self::BadAddress { .. } => "bad_address",
            Self::NoSuchPort { .. } => "no_such_port",
            Self::Loopback { .. } => "loopback",
            Self::OwnListener { .. } => "own_listener",
            Self::Shared { .. } => "shared_address",
            Self::AddressTaken { .. } => "address_taken",
            Self::NotReady { .. } => "not_ready",
            Self::Superseded { .. } => "superseded",
            Self::OutsidePool { .. } => "outside_pool",
            Self::NoFreeSlot { .. } => "no_free_slot",
        }
    }

    /// The number of the rule, 1 to 9.
    pub fn rule(&self) -> u8 {
        match self {
            Self::NoIdentity
            | Self::NotRunning { .. }
            | Self::NoAddress
            | Self::BadAddress { .. }
            | Self::NoSuchPort { .. }
            | Self::Loopback { .. }
            | Self::OwnListener { .. }
            | Self::Shared { .. }
            | Self::AddressTaken { .. } => 1,
            Self::NoFreeSlot { .. } => 3,
            Self::NotReady { .. } | Self::Superseded { .. } => 4,
            Self::OutsidePool { .. } => 5,
            Self::Flapping => 9,
        }
    }

    /// Whether a person has to mend something: the rest comes and goes in a service's normal life.
    pub fn needs_mending(&self) -> bool {
        match self {
            Self::NotRunning { .. } | Self::NoAddress | Self::NotReady { .. } | Self::Superseded { .. } => {
                false
            }
            Self::NoIdentity
            | Self::Flapping
            | Self::BadAddress { .. }
            | Self::NoSuchPort { .. }
            | Self::Loopback { .. }
            | Self::OwnListener { .. }
            | Self::Shared { .. }
            | Self::AddressTaken { .. }
            | Self::OutsidePool { .. }
            | Self::NoFreeSlot { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_kind_is_listed() {
        let (other, address) = (String::new, Ipv4Addr::LOCALHOST.into());
        let backend = SocketAddr::new(address, 1);
        let (pool_size, max_port_count) = (1, 2);
        let all = [
            Unmapped::NoIdentity,
            Unmapped::NotRunning { state: other() },
            Unmapped::Flapping,
            Unmapped::NoAddress,
            Unmapped::BadAddress { address: other() },
            Unmapped::NoSuchPort { name: "http".parse().unwrap(), others: Vec::new() },
            Unmapped::Loopback { address },
            Unmapped::OwnListener { backend },
            Unmapped::Shared { backend },
            Unmapped::AddressTaken { backend, newer: other() },
            Unmapped::NotReady { incumbent: other() },
            Unmapped::Superseded { by: other() },
            Unmapped::OutsidePool { index: 2, pool_size, max_port_count },
            Unmapped::NoFreeSlot { pool_size, max_port_count },
        ];
        assert_eq!(all.map(|unmapped| unmapped.kind()), Unmapped::KINDS);
    }

    #[test]
    fn a_container_without_the_named_port_is_told_which_names_there_are() {
        let why = |others: &[&str]| {
            let others = others.iter().map(|name| name.parse().unwrap()).collect();
            Unmapped::NoSuchPort { name: "http".parse().unwrap(), others }.to_string()
        };
        assert_eq!(
            why(&["admin", "web"]),
            "it has no container port named \"http\"; among its ports are \"admin\", \"web\": one of these names, or \
             a number, as BACKEND_PORT would do"
        );
        assert_eq!(
            why(&[]),
            "it has no container port named \"http\"; its ports have no names, so a number as BACKEND_PORT would do"
        );
    }
}
