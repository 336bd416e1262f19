//! Rule 1: which containers can be mapped at all.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

use super::Unmapped;
use crate::metadata::Container;

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
pub(crate) fn split(containers: &[Container], allow_loopback: bool) -> Candidates<'_> {
    let mut unmapped = BTreeMap::new();
    let mut eligible: Vec<Option<Eligible<'_>>> = Vec::with_capacity(containers.len());
    let mut by_address: HashMap<IpAddr, usize> = HashMap::with_capacity(containers.len());
    for container in containers {
        match address_of(container, allow_loopback) {
            Ok(address) => {
                // Two containers at one address are one too many: the older one's address was given away, or
                // both run in the host's network, where only one can hold the port. Oldest come first.
                let older = by_address.insert(address, eligible.len());
                if let Some(older) = older.and_then(|position| eligible[position].take()) {
                    let newer = container.uuid.to_string();
                    let taken = Unmapped::AddressTaken { address, newer };
                    unmapped.insert(Arc::clone(&older.container.uuid), taken);
                }
                eligible.push(Some(Eligible { container, address }));
            }
            Err(reason) => drop(unmapped.insert(Arc::clone(&container.uuid), reason)),
        }
    }
    Candidates { eligible: eligible.into_iter().flatten().collect(), unmapped }
}

fn address_of(container: &Container, allow_loopback: bool) -> Result<IpAddr, Unmapped> {
    if container.uuid.is_empty() {
        return Err(Unmapped::NoIdentity);
    }
    if let Some(state) = container.state.as_deref().filter(|state| !can_serve(state)) {
        return Err(Unmapped::NotRunning { state: state.to_owned() });
    }
    usable_address(container, allow_loopback)
}

/// Where a container is reached, whatever its state.
pub(super) fn usable_address(container: &Container, allow_loopback: bool) -> Result<IpAddr, Unmapped> {
    let primary_ip = container.primary_ip.as_deref().ok_or(Unmapped::NoAddress)?;
    let bad = || Unmapped::BadAddress { primary_ip: primary_ip.to_owned() };
    // An IPv4-mapped IPv6 address is the IPv4 address in disguise, loopback included.
    let address = primary_ip.parse::<IpAddr>().map_err(|_| bad())?.to_canonical();
    if address.is_unspecified() {
        return Err(bad());
    }
    if address.is_loopback() && !allow_loopback {
        return Err(Unmapped::Loopback { address });
    }
    Ok(address)
}

fn can_serve(state: &str) -> bool {
    is_running(state) || matches!(state, "starting" | "restarting")
}

/// Whether a container in this state runs already.
pub(super) fn is_running(state: &str) -> bool {
    state == "running" || state.starts_with("updating-")
}

impl Eligible<'_> {
    /// Whether it runs already; one whose state is missing is taken to.
    pub(super) fn is_running(&self) -> bool {
        self.container.state.as_deref().is_none_or(is_running)
    }
}
