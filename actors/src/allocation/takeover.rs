//! Rule 4: which of several containers with one index owns its slot. Pure.

use super::{Assignment, eligibility::Eligible};
use crate::domain::Health;

/// Rule 4: the position of the slot's owner among `claimants`, of which there is at least one and the oldest comes
/// first. `is_probed_ready` tells whether a claimant has just accepted a connection.
///
/// The `incumbent` keeps the slot until a newer claimant is ready, also while it restarts or lingers. One that has
/// stopped or gone is no claimant. Without an incumbent, as after a first start amid an upgrade, the oldest claimant
/// that runs counts as the incumbent, since it is the likeliest to serve; and if none runs, the newest.
pub(super) fn owner(
    claimants: &[Eligible<'_>],
    incumbent: Option<&Assignment>,
    is_probed_ready: impl Fn(&Eligible<'_>) -> bool,
) -> usize {
    let is_incumbent = |c: &Eligible<'_>| incumbent.is_some_and(|was| was.uuid == c.container.uuid);
    let incumbent = claimants
        .iter()
        .position(is_incumbent)
        .or_else(|| claimants.iter().position(Eligible::is_running))
        .unwrap_or(claimants.len() - 1);
    let is_doubtful = claimants[incumbent].is_doubtful();
    let is_ready = |c: &Eligible<'_>| match c.container.health {
        _ if !c.is_running() || c.lingers_since.is_some() => false,
        Some(Health::Healthy) => true,
        Some(Health::NotHealthy) => is_doubtful && is_probed_ready(c),
        None => is_probed_ready(c),
    };
    match claimants.iter().rposition(is_ready) {
        Some(newest_ready) if is_doubtful => newest_ready,
        Some(newest_ready) => newest_ready.max(incumbent),
        None => incumbent,
    }
}

/// Whether a connection can show that this claimant is ready to take over from the slot's `owner`.
pub(super) fn is_to_be_probed(claimant: &Eligible<'_>, owner: &Eligible<'_>) -> bool {
    claimant.is_running() && (claimant.container.health.is_none() || owner.is_doubtful())
}
