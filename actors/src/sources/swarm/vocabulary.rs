//! Swarm's words, and what they mean (moby/swarmkit, `design/task_model.md`). A task never goes back to an
//! earlier state.

use super::answer::Task;
use crate::{
    domain::{Lifecycle, State},
    excerpt::beginning,
};

impl Task {
    /// Whether there is nothing left of it but the memory.
    pub(super) fn has_ended(&self) -> bool {
        let state = self.status.state.as_str();
        matches!(state, "complete" | "shutdown" | "failed" | "rejected" | "orphaned" | "remove")
    }

    /// Whether its process runs. With a health check a task is `starting` until it is healthy.
    pub(super) fn is_running(&self) -> bool {
        self.status.state == "running"
    }

    /// Whether it has been told to stop. Its process may finish its work.
    pub(super) fn is_told_to_stop(&self) -> bool {
        matches!(self.desired_state.as_str(), "shutdown" | "remove")
    }

    /// Its state: Swarm's word, with the reason if Swarm gives one.
    ///
    /// One that does not run yet is inactive even if it has an address already: nothing answers there.
    pub(super) fn state(&self) -> State {
        let (word, why) = (beginning(&self.status.state), beginning(&self.status.err));
        let lifecycle = match (self.is_running(), self.is_told_to_stop()) {
            (true, false) => Lifecycle::Running,
            (true, true) => return State::new("running, told to stop", Lifecycle::Stopping),
            (false, _) => Lifecycle::Inactive,
        };
        if why.is_empty() {
            State::new(word, lifecycle)
        } else {
            State::new(&format!("{word}: {why}"), lifecycle)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Container, sources::swarm::answer::Status, testing::container};

    #[test]
    fn a_task_is_mapped_while_it_runs_and_is_to_run() {
        for (state, desired, lifecycle, has_ended) in [
            ("new", "ready", Lifecycle::Inactive, false),
            ("pending", "running", Lifecycle::Inactive, false),
            ("ready", "running", Lifecycle::Inactive, false),
            ("starting", "running", Lifecycle::Inactive, false),
            ("running", "running", Lifecycle::Running, false),
            ("running", "complete", Lifecycle::Running, false),
            ("running", "shutdown", Lifecycle::Stopping, false),
            ("running", "remove", Lifecycle::Stopping, false),
            ("complete", "shutdown", Lifecycle::Inactive, true),
            ("shutdown", "shutdown", Lifecycle::Inactive, true),
            ("failed", "shutdown", Lifecycle::Inactive, true),
            ("rejected", "ready", Lifecycle::Inactive, true),
            ("orphaned", "shutdown", Lifecycle::Inactive, true),
            ("remove", "remove", Lifecycle::Inactive, true),
            ("a state of the future", "running", Lifecycle::Inactive, false),
        ] {
            let status = Status { state: state.to_owned(), ..Default::default() };
            let task = Task { status, desired_state: desired.to_owned(), ..Default::default() };
            let container = Container { state: Some(task.state()), ..container("x", 1, None) };
            assert_eq!(
                (container.lifecycle(), task.has_ended()),
                (lifecycle, has_ended),
                "{state}, {desired}"
            );
        }
    }

    #[test]
    fn why_a_task_does_not_run_is_said() {
        let status =
            Status { state: "rejected".into(), err: "No such image: web:2".into(), ..Default::default() };
        let task = Task { status, ..Default::default() };
        assert_eq!(task.state().as_str(), "rejected: No such image: web:2");
    }
}
