//! Rules 1 and 9: which containers can be mapped at all. Pure.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{
    Unmapped,
    flapping::{Damped, FlapDamper},
};
use crate::domain::{Container, Lifecycle};

/// A container that can be mapped, and where it is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eligible<'a> {
    pub(super) container: &'a Container,
    pub(super) address: IpAddr,
}

/// The containers of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Candidates<'a> {
    /// Those that can be mapped, the oldest first.
    pub(super) eligible: Vec<Eligible<'a>>,
    /// The others, and why not, by uuid.
    pub(super) unmapped: BTreeMap<Arc<str>, Unmapped>,
}

/// Rules 1 and 9: divides `containers`, of which the oldest comes first, into those that can be mapped and the others.
pub(super) fn eligible<'a>(
    containers: &'a [Arc<Container>],
    damper: &FlapDamper,
    allow_loopback: bool,
) -> Candidates<'a> {
    // Only a damped container is looked for at an address that is not the one it is listed with.
    let listed = if damper.has_damped() { addresses(containers) } else { Addresses::default() };
    let mut unmapped = BTreeMap::new();
    let mut eligible: Vec<Option<Eligible<'_>>> = Vec::with_capacity(containers.len());
    let mut by_address: FxHashMap<IpAddr, usize> =
        FxHashMap::with_capacity_and_hasher(containers.len(), FxBuildHasher);
    for container in containers {
        let damped = damper.damped(&container.uuid);
        let mapped_at = mapped_at(container, damped, &listed, allow_loopback);
        // A damped container that serves is reached at its own address all the same.
        let serves_at = damped.filter(|_| can_serve(container)).and_then(|_| own_address(container));
        let mut older = [serves_at.and_then(|address| by_address.remove(&address)), None];
        match mapped_at {
            Ok(address) => {
                older[1] = by_address.insert(address, eligible.len());
                eligible.push(Some(Eligible { container, address }));
            }
            Err(reason) => drop(unmapped.insert(Arc::clone(&container.uuid), reason)),
        }
        // Two containers at one address are one too many: either the older one's address was given away, or both run
        // in the host's network, where only one can hold the port.
        for older in older.into_iter().flatten().filter_map(|position| eligible[position].take()) {
            let newer = container.uuid.to_string();
            let taken = Unmapped::AddressTaken { address: older.address, newer };
            unmapped.insert(Arc::clone(&older.container.uuid), taken);
        }
    }
    Candidates { eligible: eligible.into_iter().flatten().collect(), unmapped }
}

/// The uuid of the container at each address.
pub(super) type Addresses<'a> = FxHashMap<IpAddr, &'a Arc<str>>;

/// Every address of a container that has one of its own, with the uuid of the newest of those. The oldest of
/// `containers` comes first.
pub(super) fn addresses(containers: &[Arc<Container>]) -> Addresses<'_> {
    let alive = containers.iter().filter(|container| container.lifecycle() != Lifecycle::Inactive);
    alive.filter_map(|container| Some((own_address(container)?, &container.uuid))).collect()
}

fn own_address(container: &Container) -> Option<IpAddr> {
    container.address.as_ref()?.ip()
}

fn mapped_at(
    container: &Container,
    damped: Option<&Damped>,
    listed: &Addresses<'_>,
    allow_loopback: bool,
) -> Result<IpAddr, Unmapped> {
    if container.uuid.is_empty() {
        return Err(Unmapped::NoIdentity);
    }
    match damped {
        // Another container may have its old address by now.
        Some(Damped { at: Some(address), .. })
            if listed.get(address).is_none_or(|by| **by == container.uuid) =>
        {
            return Ok(*address);
        }
        Some(_) => return Err(Unmapped::Flapping),
        None => {}
    }
    match &container.state {
        Some(state) if !can_serve(container) => Err(Unmapped::NotRunning { state: state.to_string() }),
        _ => usable_address(container, allow_loopback),
    }
}

/// Rule 1: whether its state lets it be mapped.
pub(super) fn can_serve(container: &Container) -> bool {
    matches!(container.lifecycle(), Lifecycle::Running | Lifecycle::Starting)
}

/// Rule 1: where a container is reached, whatever its state.
pub(super) fn usable_address(container: &Container, allow_loopback: bool) -> Result<IpAddr, Unmapped> {
    let address = container.address.as_ref().ok_or(Unmapped::NoAddress)?;
    match address.ip() {
        Some(ip) if ip.is_loopback() && !allow_loopback => Err(Unmapped::Loopback { address: ip }),
        Some(ip) if !ip.is_unspecified() => Ok(ip),
        _ => Err(Unmapped::BadAddress { address: address.to_string() }),
    }
}

impl Eligible<'_> {
    /// Whether it runs already.
    pub(super) fn is_running(&self) -> bool {
        self.container.lifecycle() == Lifecycle::Running
    }
}
