//! Rules 1 and 9: which containers can be mapped at all. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{
    Unmapped,
    flapping::{Damped, FlapDamper},
};
use crate::domain::{BackendPort, Container, Health, Lifecycle, PortName};

/// A container that can be mapped, and where it is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eligible<'a> {
    pub(super) container: &'a Container,
    pub(super) backend: SocketAddr,
    /// Since when it has been missing, on the allocator's clock; `None` if it is listed.
    pub(super) lingers_since: Option<Duration>,
}

/// The containers of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Candidates<'a> {
    /// Those that can be mapped, the oldest first.
    pub(super) eligible: Vec<Eligible<'a>>,
    /// The others, and why not, by uuid.
    pub(super) unmapped: BTreeMap<Arc<str>, Unmapped>,
}

/// Where a container cannot be mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forbidden<'a> {
    /// Whether it may be at a loopback address.
    pub(super) allow_loopback: bool,
    /// The port that it has to have.
    pub(super) backend_port: &'a BackendPort,
    /// stalls' own listeners.
    pub(super) own_listeners: &'a BTreeSet<SocketAddr>,
    /// Where containers of several mapped services are.
    pub(super) shared: &'a BTreeSet<SocketAddr>,
}

/// Rules 1 and 9: divides `containers`, of which the oldest comes first, into those that can be mapped and the others.
pub(super) fn eligible<'a>(
    containers: &'a [Arc<Container>],
    damper: &FlapDamper,
    forbidden: Forbidden<'_>,
) -> Candidates<'a> {
    let mut unmapped = BTreeMap::new();
    let mut eligible: Vec<Option<Eligible<'_>>> = Vec::with_capacity(containers.len());
    let mut by_backend: FxHashMap<SocketAddr, usize> =
        FxHashMap::with_capacity_and_hasher(containers.len(), FxBuildHasher);
    for container in containers {
        let mapped_at = mapped_at(container, damper.damped(&container.uuid), forbidden);
        // A container that runs is the one that is reached at its backend, even if it is not mapped.
        let reached_at = mapped_at.as_ref().ok().copied();
        let own = || container.backend(forbidden.backend_port).filter(|_| can_serve(container));
        let reached_at = reached_at.or_else(own);
        let older = reached_at.and_then(|backend| Some((backend, *by_backend.get(&backend)?)));
        let older = older.and_then(|(backend, position)| Some((backend, position, eligible[position]?)));
        // Two containers at one backend are one too many: either the older one's address was given away, or both run
        // in the host's network, where only one can hold the port. One that is merely damped gives way.
        match older {
            Some((_, _, older)) if !can_serve(container) && can_serve(older.container) => {
                unmapped.insert(Arc::clone(&container.uuid), Unmapped::Flapping);
                continue;
            }
            Some((backend, position, older)) => {
                let taken = Unmapped::AddressTaken { backend, newer: container.uuid.to_string() };
                unmapped.insert(Arc::clone(&older.container.uuid), taken);
                eligible[position] = None;
            }
            None => {}
        }
        match mapped_at {
            Ok(backend) => {
                by_backend.insert(backend, eligible.len());
                eligible.push(Some(Eligible { container, backend, lingers_since: None }));
            }
            Err(reason) => drop(unmapped.insert(Arc::clone(&container.uuid), reason)),
        }
    }
    Candidates { eligible: eligible.into_iter().flatten().collect(), unmapped }
}

fn mapped_at(
    container: &Container,
    damped: Option<&Damped>,
    forbidden: Forbidden<'_>,
) -> Result<SocketAddr, Unmapped> {
    if container.uuid.is_empty() {
        return Err(Unmapped::NoIdentity);
    }
    match (damped, &container.state) {
        (Some(Damped { was_serving: false, .. }), _) => Err(Unmapped::Flapping),
        (None, Some(state)) if !can_serve(container) => {
            Err(Unmapped::NotRunning { state: state.to_string() })
        }
        _ => {
            let address = usable_address(container, forbidden.allow_loopback)?;
            let backend = container.backend_at(address, forbidden.backend_port);
            match backend.map_err(|name| no_such_port(name, container))? {
                own if forbidden.own_listeners.contains(&own) => Err(Unmapped::OwnListener { backend: own }),
                shared if forbidden.shared.contains(&shared) => Err(Unmapped::Shared { backend: shared }),
                backend => Ok(backend),
            }
        }
    }
}

fn no_such_port(name: &PortName, Container { named_ports, .. }: &Container) -> Unmapped {
    // Enough to see what is meant.
    let others = named_ports.keys().take(3).cloned().collect();
    Unmapped::NoSuchPort { name: name.clone(), others }
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

impl<'a> Eligible<'a> {
    /// The older one is less. It is total, so that the order in a document has no influence.
    pub(super) fn age(&self) -> (u64, &'a str) {
        (self.container.created, &self.container.uuid)
    }

    /// Rule 6: whether any successor that accepts a connection is better, since it lingers and was not healthy when it
    /// was listed last.
    pub(super) fn is_doubtful(&self) -> bool {
        self.lingers_since.is_some() && self.container.health == Some(Health::NotHealthy)
    }

    /// Whether it runs already.
    pub(super) fn is_running(&self) -> bool {
        self.container.lifecycle() == Lifecycle::Running
    }
}

#[cfg(test)]
impl Forbidden<'static> {
    /// Where stalls listens nowhere.
    pub(super) fn unless(allow_loopback: bool) -> Self {
        static NONE: BTreeSet<SocketAddr> = BTreeSet::new();
        static BACKEND_PORT: BackendPort = BackendPort::Number(crate::testing::BACKEND_PORT);
        Self { allow_loopback, backend_port: &BACKEND_PORT, own_listeners: &NONE, shared: &NONE }
    }
}
