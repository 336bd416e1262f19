//! Rule 1: which containers can be mapped at all.

use std::{borrow::Borrow, collections::BTreeMap, net::IpAddr, sync::Arc};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{Flaps, Unmapped};
use crate::metadata::{Container, Stage};

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
    let mut unmapped = BTreeMap::new();
    let mut eligible: Vec<Option<Eligible<'_>>> = vec![None; containers.len()];
    let mut by_address: FxHashMap<IpAddr, usize> =
        FxHashMap::with_capacity_and_hasher(containers.len(), FxBuildHasher);
    let mut held = Vec::new();
    for (position, container) in containers.iter().map(Borrow::borrow).enumerate() {
        match place_of(container, flaps, allow_loopback) {
            Ok(Place::Now(address)) => {
                // Two containers at one address are one too many: the older one's address was given away, or
                // both run in the host's network, where only one can hold the port. Oldest come first.
                let older = by_address.insert(address, position);
                if let Some(older) = older.and_then(|position| eligible[position].take()) {
                    unmapped.insert(Arc::clone(&older.container.uuid), taken(address, container));
                }
                eligible[position] = Some(Eligible { container, address });
            }
            Ok(Place::Before(address)) => held.push((position, container, address)),
            Err(reason) => drop(unmapped.insert(Arc::clone(&container.uuid), reason)),
        }
    }
    // Who only was there gives way to whoever is there now.
    for (position, container, address) in held {
        if let Some(by) = by_address.get(&address).and_then(|position| eligible[*position]) {
            unmapped.insert(Arc::clone(&container.uuid), taken(address, by.container));
        } else {
            by_address.insert(address, position);
            eligible[position] = Some(Eligible { container, address });
        }
    }
    Candidates { eligible: eligible.into_iter().flatten().collect(), unmapped }
}

fn taken(address: IpAddr, by: &Container) -> Unmapped {
    Unmapped::AddressTaken { address, by: by.uuid.to_string() }
}

/// Where a container is to be reached.
enum Place {
    Now(IpAddr),
    /// It cannot serve at present, but changes so often that it stays where it was.
    Before(IpAddr),
}

fn place_of(container: &Container, flaps: &Flaps, allow_loopback: bool) -> Result<Place, Unmapped> {
    if container.uuid.is_empty() {
        return Err(Unmapped::NoIdentity);
    }
    let held = flaps.held(&container.uuid);
    match (held, &container.state) {
        (Some(None), _) => Err(Unmapped::Flapping),
        (Some(Some(before)), _) if !can_serve(container) => {
            Ok(Place::Before(usable_address(container, allow_loopback).unwrap_or(before)))
        }
        (None, Some(state)) if !can_serve(container) => {
            Err(Unmapped::NotRunning { state: state.to_string() })
        }
        _ => usable_address(container, allow_loopback).map(Place::Now),
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
