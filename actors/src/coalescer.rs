//! One piece of work at a time, of which only the newest matters.

/// Whether work is under way, and whether something newer waits for its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Coalescer {
    /// Nothing is under way.
    #[default]
    Idle,
    /// Work is under way.
    Busy,
    /// Work is under way for an input that is outdated.
    Outdated,
}

impl Coalescer {
    /// Asks to begin; false when it has to wait for the work under way. [`Coalescer::end`] returns true then.
    pub(crate) fn begin(&mut self) -> bool {
        let may_begin = self.is_idle();
        *self = if may_begin { Self::Busy } else { Self::Outdated };
        may_begin
    }

    /// Ends the work; true when something newer waits.
    pub(crate) fn end(&mut self) -> bool {
        std::mem::take(self) == Self::Outdated
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        *self == Self::Idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_during_the_work_cause_one_more_run_afterwards() {
        let mut work = Coalescer::default();
        assert!(work.begin());
        assert!(!work.begin());
        assert!(!work.begin());
        assert!(!work.is_idle());
        assert!(work.end());
        assert!(work.begin());
        assert!(!work.end());
        assert!(work.is_idle());
    }
}
