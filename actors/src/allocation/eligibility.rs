//! Rule 1: which containers can be mapped at all.

use std::{borrow::Borrow, collections::BTreeMap, net::IpAddr, sync::Arc};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{Flaps, Unmapped};
use crate::metadata::{Container, ServiceIndex, Stage};

/// A container that can be mapped, and where it is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eligible<'a> {
    pub(super) container: &'a Container,
    pub(super) address: IpAddr,
}

/// The containers of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Candidates<'a> {
    /// Those that can be mapped, the oldest first.
    pub(super) eligible: Vec<Eligible<'a>>,
    /// The others, and why not, by uuid.
    pub(super) unmapped: BTreeMap<Arc<str>, Unmapped>,
}

/// Splits `containers`, which come oldest first, into those that can be mapped and the others.
pub(crate) fn split<'a, C: Borrow<Container>>(
    containers: &'a [C],
    flaps: &Flaps,
    allow_loopback: bool,
) -> Candidates<'a> {
    let taken = if flaps.holds_any() { addresses(containers) } else { Addresses::default() };
    let mut unmapped = BTreeMap::new();
    let mut eligible: Vec<Option<Eligible<'_>>> = Vec::with_capacity(containers.len());
    let mut by_address: FxHashMap<IpAddr, usize> =
        FxHashMap::with_capacity_and_hasher(containers.len(), FxBuildHasher);
    for container in containers.iter().map(Borrow::borrow) {
        let mapped_at = address_of(container, flaps, &taken, allow_loopback);
        // Who is left as it was is reached at its own address all the same.
        let is_left = flaps.held(&container.uuid).is_some() && can_serve(container);
        let reached_at = is_left.then(|| own_address(container)).flatten();
        // Two containers at one address are one too many: the older one's address was given away, or both run in the
        // host's network, where only one can hold the port. Oldest come first.
        for address in mapped_at.iter().chain(&reached_at) {
            let older = by_address.remove(address).and_then(|position| eligible[position].take());
            if let Some(older) = older {
                let taken = Unmapped::AddressTaken { address: *address, newer: container.uuid.to_string() };
                unmapped.insert(Arc::clone(&older.container.uuid), taken);
            }
        }
        match mapped_at {
            Ok(address) => {
                by_address.insert(address, eligible.len());
                eligible.push(Some(Eligible { container, address }));
            }
            Err(reason) => drop(unmapped.insert(Arc::clone(&container.uuid), reason)),
        }
    }
    Candidates { eligible: eligible.into_iter().flatten().collect(), unmapped }
}

/// Who is where.
pub(super) type Addresses<'a> = FxHashMap<IpAddr, &'a Arc<str>>;

/// Every address that a container has which has not ended, with the uuid of the newest of those, who come oldest first.
pub(super) fn addresses<C: Borrow<Container>>(containers: &[C]) -> Addresses<'_> {
    let alive = containers.iter().map(Borrow::borrow).filter(|container| container.stage() != Stage::Other);
    alive.filter_map(|container| Some((own_address(container)?, &container.uuid))).collect()
}

pub(super) fn own_address(container: &Container) -> Option<IpAddr> {
    container.primary_ip.as_ref()?.address()
}

/// The slot that a container with this index has; `None` if the pool has none for it.
pub(super) fn slot_of(index: ServiceIndex, pool_size: u16) -> Option<u16> {
    let ServiceIndex::Numbered(index) = index else { return None };
    u16::try_from(index.get() - 1).ok().filter(|slot| *slot < pool_size)
}

fn address_of(
    container: &Container,
    flaps: &Flaps,
    taken: &Addresses<'_>,
    allow_loopback: bool,
) -> Result<IpAddr, Unmapped> {
    if container.uuid.is_empty() {
        return Err(Unmapped::NoIdentity);
    }
    match flaps.held(&container.uuid) {
        // Where it was, somebody else may be by now.
        Some(Some(address)) if taken.get(&address).is_none_or(|by| **by == container.uuid) => {
            return Ok(address);
        }
        Some(_) => return Err(Unmapped::Flapping),
        None => {}
    }
    match &container.state {
        Some(state) if !can_serve(container) => Err(Unmapped::NotRunning { state: state.to_string() }),
        _ => usable_address(container, allow_loopback),
    }
}

pub(super) fn can_serve(container: &Container) -> bool {
    matches!(container.stage(), Stage::Running | Stage::Starting)
}

/// Where a container is reached, whatever its state.
pub(super) fn usable_address(container: &Container, allow_loopback: bool) -> Result<IpAddr, Unmapped> {
    let primary_ip = container.primary_ip.as_ref().ok_or(Unmapped::NoAddress)?;
    match primary_ip.address() {
        Some(address) if address.is_loopback() && !allow_loopback => Err(Unmapped::Loopback { address }),
        Some(address) if !address.is_unspecified() => Ok(address),
        _ => Err(Unmapped::BadAddress { primary_ip: primary_ip.to_string() }),
    }
}

impl Eligible<'_> {
    /// Whether it runs already.
    pub(super) fn is_running(&self) -> bool {
        self.container.stage() == Stage::Running
    }
}
