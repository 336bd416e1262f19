//! Rule 4: which of several containers with one index has its slot. Pure.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use super::{Occupant, eligibility::Eligible};
use crate::metadata::Health;

/// Containers, each with the address where somebody has accepted a connection.
pub(crate) type Reached = BTreeSet<(Arc<str>, IpAddr)>;

/// The position of the winner among `claimants`, of whom there is at least one and the oldest comes first.
///
/// The `incumbent` keeps the slot until a newer one is ready, also while it restarts: whoever has gone, or has
/// stopped, claims nothing any more. Without an incumbent, as after a first start amid an upgrade, the oldest that
/// runs is taken for it: the older, the likelier that it serves. Nobody is kept from a slot that nobody can serve.
pub(super) fn winner(claimants: &[Eligible<'_>], incumbent: Option<&Occupant>, reached: &Reached) -> usize {
    let is_incumbent =
        |c: &Eligible<'_>| incumbent.is_some_and(|incumbent| incumbent.uuid == c.container.uuid);
    let keeper = claimants
        .iter()
        .position(is_incumbent)
        .or_else(|| claimants.iter().position(Eligible::is_running))
        .unwrap_or(claimants.len() - 1);
    let newest_ready = claimants.iter().rposition(|claimant| is_ready(claimant, reached));
    newest_ready.map_or(keeper, |newest_ready| newest_ready.max(keeper))
}

fn is_ready(claimant: &Eligible<'_>, reached: &Reached) -> bool {
    match claimant.container.health {
        _ if !claimant.is_running() => false,
        Some(health) => health == Health::Healthy,
        None => reached.contains(&(Arc::clone(&claimant.container.uuid), claimant.address)),
    }
}

/// Whether it is worth a try to connect to this claimant, who is newer than the winner.
pub(super) fn may_be_reached(challenger: &Eligible<'_>) -> bool {
    challenger.is_running() && challenger.container.health.is_none()
}
