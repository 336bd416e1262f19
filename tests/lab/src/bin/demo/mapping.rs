//! Which container each port of the pool should lead to.

use std::{collections::BTreeMap, net::SocketAddr};

use stalls_lab::metadata::Service;

/// The port that the demo's containers listen on.
pub(crate) const BACKEND_PORT: u16 = 8080;

/// How many ports the pool has.
pub(crate) const POOL: u16 = 8;

/// A container that has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedContainer {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) address: SocketAddr,
}

/// The pool's ports, each with its container if it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapping(pub(crate) BTreeMap<u16, Option<MappedContainer>>);

impl Mapping {
    /// What the rules say: container `k` has port `base_port + k - 1`, and of two the newer one.
    pub(crate) fn of(service: &Service, base_port: u16) -> Self {
        Self(
            (0..POOL)
                .map(|slot| (base_port + slot, mapped_container(service, u32::from(slot) + 1)))
                .collect(),
        )
    }

    /// The ports that lead to a container.
    pub(crate) fn used(&self) -> impl Iterator<Item = (u16, &MappedContainer)> {
        self.0.iter().filter_map(|(port, container)| Some((*port, container.as_ref()?)))
    }

    /// The ports that refuse.
    pub(crate) fn free(&self) -> impl Iterator<Item = u16> {
        self.0.iter().filter(|(_, container)| container.is_none()).map(|(port, _)| *port)
    }

    /// The ports whose container was another one, or none, with what was and what is.
    pub(crate) fn changes_since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (u16, Option<&'a MappedContainer>, Option<&'a MappedContainer>)> {
        self.0.iter().filter_map(|(port, now)| {
            let was = before.0.get(port).and_then(Option::as_ref);
            (was != now.as_ref()).then_some((*port, was, now.as_ref()))
        })
    }
}

fn mapped_container(service: &Service, index: u32) -> Option<MappedContainer> {
    let container = service
        .containers
        .iter()
        .filter(|container| container.index() == index)
        .max_by_key(|container| container.create_index)?;
    Some(MappedContainer {
        name: container.name.clone(),
        uuid: container.uuid.clone(),
        address: (container.address(), BACKEND_PORT).into(),
    })
}
