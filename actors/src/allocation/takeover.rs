//! Rule 4: which of several containers with one index has its slot. Pure.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use super::{Occupant, eligibility::Eligible};
use crate::metadata::Health;

/// Containers, each with the address where somebody has accepted a connection.
pub(crate) type Reached = BTreeSet<(Arc<str>, IpAddr)>;

/// The position of the winner among `claimants`, of whom there is at least one and the oldest comes first.
///
/// A newer one takes over from the `incumbent` once it is ready, and from one that does not run at once. Without an
/// incumbent, after a first start amid an upgrade, the oldest that runs is taken for it: the older, the likelier that
/// it serves.
pub(super) fn winner(claimants: &[Eligible<'_>], incumbent: Option<&Occupant>, reached: &Reached) -> usize {
    let is_incumbent =
        |c: &Eligible<'_>| incumbent.is_some_and(|incumbent| incumbent.uuid == c.container.uuid);
    let running = || claimants.iter().enumerate().filter(|(_, claimant)| claimant.is_running());
    let Some((oldest_running, _)) = running().next() else {
        // Nobody can serve, so nobody is kept from it.
        return claimants.iter().position(is_incumbent).unwrap_or(claimants.len() - 1);
    };
    let keeper = running().find(|(_, claimant)| is_incumbent(claimant)).map_or(oldest_running, |(i, _)| i);
    let ready = running().filter(|(_, claimant)| is_ready(claimant, reached));
    ready.map(|(position, _)| position).max().map_or(keeper, |newest_ready| newest_ready.max(keeper))
}

fn is_ready(claimant: &Eligible<'_>, reached: &Reached) -> bool {
    match claimant.container.health {
        Some(health) => health == Health::Healthy,
        None => reached.contains(&(Arc::clone(&claimant.container.uuid), claimant.address)),
    }
}

/// Whether it is worth a try to connect to this claimant, who is newer than the winner.
pub(super) fn may_be_reached(challenger: &Eligible<'_>) -> bool {
    challenger.is_running() && challenger.container.health.is_none()
}
