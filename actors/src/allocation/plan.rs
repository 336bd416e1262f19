//! What is to be: every mapping's slots, who is on them, and who is not and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::zip,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    mapping::Mapping,
    paged_map::{PagedMap, in_step},
};

/// All mappings at one moment, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Grows with every plan that differs from its predecessor.
    pub revision: u64,
    /// In the order of the settings.
    pub mappings: Vec<MappingPlan>,
}

/// One mapping's part of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingPlan {
    /// What the operator asked for.
    pub mapping: Mapping,
    /// The number of slots, from 1 up; the pool does not run past port 65535.
    pub pool_size: u16,
    /// Who is on which slot.
    pub slots: PagedMap<Occupant>,
    /// Who is on none, and why, by container uuid.
    pub unmapped: BTreeMap<Arc<str>, Unmapped>,
    /// The slots whose containers are gone, as the metadata says, but which are held for a while, since so many went
    /// at once.
    pub held: BTreeSet<u16>,
    /// Where those of the unmapped are whose process still runs, as far as the metadata says; empty for a pool that
    /// serves from memory. The supervisor lets their connections drain rather than cut them. That matters only
    /// when a slot changes hands, so a change of it alone makes no new plan.
    pub still_running: BTreeSet<IpAddr>,
}

/// The container on a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupant {
    /// Its identity.
    pub uuid: Arc<str>,
    /// Its name, for people.
    pub name: Arc<str>,
    /// Where it is reached.
    pub address: IpAddr,
}

/// Why a container is not mapped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
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
    #[error("it has no primary_ip")]
    NoAddress,
    /// Its address cannot be a container's.
    #[error("its primary_ip {primary_ip:?} is no usable IP address")]
    BadAddress {
        /// The address as the metadata has it.
        primary_ip: String,
    },
    /// A loopback address leads to this host itself.
    #[error("its primary_ip {address} is a loopback address; ALLOW_LOOPBACK=true would map it")]
    Loopback {
        /// The address.
        address: IpAddr,
    },
    /// A newer container has the same address, so this one cannot be reached there.
    #[error("its address {address} belongs to the newer container {newer:?}")]
    AddressTaken {
        /// The address.
        address: IpAddr,
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
    #[error("its index {index} is outside of the pool of {pool_size}; {}", reach(*index, *room))]
    OutsidePool {
        /// The index.
        index: u64,
        /// The pool's size.
        pool_size: u16,
        /// How large it could be: there are no more port numbers.
        room: u16,
    },
    /// It has no index, and every slot is taken or a tombstone.
    #[error("no slot of the pool of {pool_size} is free; {}", more(*pool_size, *room))]
    NoFreeSlot {
        /// The pool's size.
        pool_size: u16,
        /// How large it could be: there are no more port numbers.
        room: u16,
    },
}

/// What an index outside of the pool needs.
fn reach(index: u64, room: u16) -> String {
    if index <= room.into() {
        format!("it needs a PORT_COUNT of at least {index}")
    } else {
        format!("no PORT_COUNT reaches it, port 65535 is the last of {room}")
    }
}

/// What gives a pool another slot.
fn more(pool_size: u16, room: u16) -> &'static str {
    if pool_size < room { "a larger PORT_COUNT would have one" } else { "port 65535 is its last" }
}

impl Unmapped {
    /// The bounded label for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoIdentity => "no_identity",
            Self::NotRunning { .. } => "not_running",
            Self::Flapping => "flapping",
            Self::NoAddress => "no_address",
            Self::BadAddress { .. } => "bad_address",
            Self::Loopback { .. } => "loopback",
            Self::AddressTaken { .. } => "address_taken",
            Self::NotReady { .. } => "not_ready",
            Self::Superseded { .. } => "superseded",
            Self::OutsidePool { .. } => "outside_pool",
            Self::NoFreeSlot { .. } => "no_free_slot",
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
            | Self::Loopback { .. }
            | Self::AddressTaken { .. }
            | Self::OutsidePool { .. }
            | Self::NoFreeSlot { .. } => true,
        }
    }
}

impl MappingPlan {
    /// Whether both say the same to whoever acts upon a plan, and to whoever reads the log.
    pub(super) fn is_no_news_after(&self, other: &Self) -> bool {
        let Self { mapping, pool_size, slots, unmapped, held, still_running: _ } = self;
        mapping == &other.mapping
            && pool_size == &other.pool_size
            && slots == &other.slots
            && unmapped == &other.unmapped
            && held == &other.held
    }

    /// The port of a slot of this pool.
    pub fn port(&self, slot: u16) -> u16 {
        self.mapping.base_port.get().saturating_add(slot)
    }

    fn route(&self, slot: u16, occupant: Option<&Occupant>) -> (u16, Option<SocketAddr>) {
        let backend = occupant.map(|o| SocketAddr::new(o.address, self.mapping.backend_port.get()));
        (self.port(slot), backend)
    }
}

impl Plan {
    /// Every port of every pool, with the backend that it leads to or `None` where it is to refuse.
    pub fn routes(&self) -> impl Iterator<Item = (u16, Option<SocketAddr>)> + '_ {
        self.mappings.iter().flat_map(|plan| {
            let all = (0..plan.pool_size).map(|slot| (slot, ()));
            in_step(all, plan.slots.iter()).map(|(slot, _, occupant)| plan.route(slot, occupant))
        })
    }

    /// The routes that are not as in `older`; `None` if the two do not have the same ports.
    pub(crate) fn routes_since<'a>(&'a self, older: &'a Self) -> Option<Vec<(u16, Option<SocketAddr>)>> {
        let pools = |plan: &'a Self| plan.mappings.iter().map(|m| (&m.mapping, m.pool_size));
        if !pools(self).eq(pools(older)) {
            return None;
        }
        let differences = zip(&older.mappings, &self.mappings).flat_map(|(older, newer)| {
            older.slots.differences(&newer.slots).map(|(slot, _, occupant)| newer.route(slot, occupant))
        });
        Some(differences.collect())
    }

    /// Whether a pool has this port.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.mappings.iter().any(|plan| plan.mapping.pool(plan.pool_size).contains(&port))
    }

    /// The backends that no port leads to although they still run.
    pub fn still_running(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.mappings.iter().flat_map(|plan| {
            let port = plan.mapping.backend_port.get();
            plan.still_running.iter().map(move |address| SocketAddr::new(*address, port))
        })
    }
}
