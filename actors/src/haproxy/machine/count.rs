//! What is counted on the way.

use tokio::time::Instant;

use super::{
    Machine,
    news::{Step, Target},
};

impl Machine {
    /// There is a new plan.
    pub(super) fn count_wanted(&mut self, now: Instant) {
        self.status.wanted_since.get_or_insert(now);
    }

    /// A plan is in force by this step, and was not before; or the process is another one.
    pub(super) fn count_applied(&mut self, step: &Step, target: &Target, now: Instant) {
        let counters = &mut self.status.counters;
        match step {
            Step::Reload(reason) => counters.reloads.count(reason.kind()),
            Step::Start if self.status.applied > 0 => counters.restarts += 1,
            Step::Start | Step::Runtime { .. } | Step::Nothing => {}
        }
        if target.revision == self.wanted.revision()
            && let Some(since) = self.status.wanted_since.take()
            // To tell HAProxy nothing takes no time, and says nothing of how long a change takes.
            && *step != Step::Nothing
        {
            counters.in_force.observe(now - since);
        }
    }
}
