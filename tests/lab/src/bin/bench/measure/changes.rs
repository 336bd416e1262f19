//! One change after the other.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::{
    client::{Crossing, Watch},
    way::{Change, Pool, Way},
};

/// How long the HAProxy processes before the last one may take to end; what they hold is not ours to close.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// The pause between two checks of the processes.
const CHECK_EVERY: Duration = Duration::from_millis(5);

/// Replaces a container, while a client connects all the time, and waits until its port leads to the new one.
pub(crate) async fn replace(way: &mut impl Way, index: u16) -> anyhow::Result<(Change, Crossing)> {
    let port = way.site().listen(index);
    let watch = Watch::start(port, way.address(index)).await?;
    let change = way.replace(index).await?;
    let crossing = watch.crossing().await?;
    let (led_to, wanted) = (crossing.container, change.address);
    ensure!(led_to == wanted, "{port} leads to {led_to} instead of {wanted}");
    Ok((change, crossing))
}

/// The index of the container that is replaced by the `n`th change, spread over `from..=to`.
pub(crate) fn nth_index(n: usize, from: u16, to: u16) -> u16 {
    /// A prime above all numbers of ports: neighbours are not replaced one after the other, and no container is left
    /// out.
    const STRIDE: usize = 65_537;
    let count = usize::from(to - from) + 1;
    from + u16::try_from(n * STRIDE % count).unwrap_or_default()
}

/// Waits until no HAProxy is left of those before the last one, or for a while.
pub(crate) async fn until_one_process(pool: &impl Pool) {
    let begun = Instant::now();
    while pool.haproxy_pids().len() > 1 && begun.elapsed() < END_PATIENCE {
        sleep(CHECK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stay_within_their_range() {
        for (from, to) in [(2, 3), (2, 200), (21, 200), (2, 1000), (2, 5000)] {
            let indices: std::collections::BTreeSet<_> =
                (0..10_000).map(|n| nth_index(n, from, to)).collect();
            assert_eq!(indices, (from..=to).collect());
        }
    }
}
