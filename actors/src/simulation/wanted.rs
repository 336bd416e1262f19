//! Which container is to have which port: the rules once more, in other words than the product's.
//!
//! By index: slot *i − 1* belongs to the containers with index *i*, but to none that is older than a ready one. Which
//! of the others has it depends on the history (see [`super::watch`]), and so does the slot of a container without an
//! index: it may have any slot that no index claims.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{flapping::Unsteady, instance::Instance};
use crate::{
    state::{SavedContainer, SavedState},
    testing::{BACKEND_PORT, web},
};

/// What one document, or the saved state, says of all slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The containers that have a claim to one certain slot.
    pub(super) claimed: BTreeMap<u16, Claim>,
    /// The containers that may have any other slot.
    pub(super) anywhere: BTreeSet<SocketAddr>,
    /// Whether a container may be as it was, whatever the document says.
    pub(super) has_unsteady: bool,
}

/// What is right for a slot that a container claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// It leads to one of these.
    pub(super) servers: BTreeSet<SocketAddr>,
    /// Or it does as though no container claimed it.
    pub(super) may_be_void: bool,
}

/// A container that can be mapped, and where.
struct Able<'a> {
    container: &'a Instance,
    backend: SocketAddr,
}

impl Claim {
    /// The only one that is right.
    fn only(&self) -> Option<SocketAddr> {
        let mut servers = self.servers.iter().filter(|_| !self.may_be_void && self.servers.len() == 1);
        servers.next().copied()
    }
}

impl Wanted {
    /// What a document with these containers says of a pool of at most so many ports. It is unknown whether the
    /// `unsteady` ones are as it says.
    pub(super) fn by_document(
        containers: &[Instance],
        max_ports: u16,
        unsteady: &Unsteady,
        is_ready: impl Fn(&Instance) -> bool,
    ) -> Self {
        let steady = containers.iter().filter(|c| !unsteady.contains_key(&c.uuid()));
        let able: Vec<_> = able(steady).collect();
        let flapping: Vec<_> =
            containers.iter().filter_map(|c| Some((c, unsteady.get(&c.uuid())?))).collect();
        // Places that they may have, so that no other container can be reached there.
        let own = flapping.iter().filter_map(|(c, _)| c.backend());
        let doubtful: BTreeSet<_> =
            flapping.iter().flat_map(|(_, places)| *places).copied().chain(own).collect();
        let claim = |slot: u16| {
            let has_index = |c: &Instance| c.index == Some(u64::from(slot) + 1);
            let claimants: Vec<_> = able.iter().filter(|able| has_index(able.container)).collect();
            let is_sure = claimants.iter().any(|c| !doubtful.contains(&c.backend));
            let has_doubt = claimants.iter().any(|c| doubtful.contains(&c.backend));
            let ready =
                claimants.iter().map(|able| able.container).filter(|c| c.state == "running" && is_ready(c));
            let newest_ready = ready.map(Instance::age).max();
            let may_have_it = |c: &&&Able<'_>| has_doubt || newest_ready <= Some(c.container.age());
            let mut servers: BTreeSet<_> = claimants.iter().filter(may_have_it).map(|c| c.backend).collect();
            for (container, places) in flapping.iter().filter(|(c, _)| has_index(c)) {
                servers.extend(places.iter().filter(|at| !is_others(container, **at, containers)));
                servers.extend(container.backend());
            }
            (!servers.is_empty()).then_some((slot, Claim { servers, may_be_void: !is_sure }))
        };
        let unindexed = able.iter().filter(|able| able.container.index.is_none()).map(|able| able.backend);
        let flapping_there =
            flapping.iter().filter(|(c, _)| c.index.is_none()).flat_map(|(_, places)| *places).copied();
        Self {
            claimed: (0..max_ports).filter_map(claim).collect(),
            anywhere: unindexed.chain(flapping_there).collect(),
            has_unsteady: !flapping.is_empty(),
        }
    }

    /// What stalls serves until it has metadata.
    pub(super) fn by_saved_state(state: &SavedState) -> Self {
        let slots =
            state.mappings.iter().filter(|saved| saved.service == web()).flat_map(|saved| saved.slots.iter());
        let claim = |server| Claim { servers: [server].into(), may_be_void: false };
        let at =
            |saved: &SavedContainer| SocketAddr::new(saved.address, saved.port.unwrap_or(BACKEND_PORT).get());
        let claimed = slots.map(|(slot, saved)| (*slot, claim(at(saved)))).collect();
        Self { claimed, ..Self::default() }
    }

    /// Whether a slot that leads there, or refuses, is as it is to be.
    pub(super) fn fits(&self, slot: u16, leads_to: Option<SocketAddr>) -> bool {
        let claim = self.claimed.get(&slot);
        if let (Some(claim), Some(server)) = (claim, leads_to)
            && claim.servers.contains(&server)
        {
            return true;
        }
        let is_void = claim.is_none_or(|claim| claim.may_be_void);
        is_void && leads_to.is_none_or(|server| self.anywhere.contains(&server))
    }

    /// The only container that is right on this slot, because of its index.
    pub(super) fn only(&self, slot: u16) -> Option<SocketAddr> {
        self.claimed.get(&slot)?.only()
    }
}

/// Those that can be mapped: of several at one address and port it is the newest that is reached.
fn able<'a>(containers: impl Iterator<Item = &'a Instance>) -> impl Iterator<Item = Able<'a>> {
    let mut by_backend: BTreeMap<SocketAddr, &Instance> = BTreeMap::new();
    for container in containers {
        if let Some(backend) = serves_at(container) {
            let newest = by_backend.entry(backend).or_insert(container);
            *newest = if newest.age() < container.age() { container } else { newest };
        }
    }
    by_backend.into_iter().map(|(backend, container)| Able { container, backend })
}

/// Whether `newer` may take over from `incumbent`, as far as a document with these containers goes: a container that
/// can be mapped gives way only to a newer one that is healthy.
pub(super) fn may_take_over(containers: &[Instance], incumbent: &str, newer: &str) -> bool {
    let able: Vec<_> = able(containers.iter()).collect();
    let find = |uuid: &str| able.iter().map(|able| able.container).find(|c| c.uuid() == uuid);
    let Some(old) = find(incumbent) else { return true };
    let Some(new) = find(newer) else { return false };
    old.index != new.index || (new.age() > old.age() && new.health == Some("healthy"))
}

/// Whether another container is there, and this one is not (any more).
fn is_others(container: &Instance, backend: SocketAddr, containers: &[Instance]) -> bool {
    let is_there = |other: &&Instance| other.is_at(backend) && other.is_alive();
    !container.is_at(backend) && containers.iter().any(|other| is_there(&other))
}

/// Where a container is, if it can be mapped.
pub(super) fn serves_at(container: &Instance) -> Option<SocketAddr> {
    matches!(container.state, "running" | "starting" | "restarting").then(|| container.backend()).flatten()
}
