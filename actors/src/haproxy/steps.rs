//! What leads from the live HAProxy to the configuration on disk. Pure.

use crate::config::HaproxyConfig;

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What is live is what is wanted.
    Nothing,
    /// No port of the pool can be bound; what is live, if anything is, stays.
    Wait,
    /// Start HAProxy: none is live.
    Start,
    /// Start a new generation that takes over from the live one.
    Handover,
}

impl Step {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Wait => "wait",
            Self::Start => "start",
            Self::Handover => "handover",
        }
    }
}

/// What is known of the live HAProxy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Live<'a> {
    /// None runs.
    None,
    /// One runs that was started with this configuration; `None` if it was left behind and that is unknown.
    Running(Option<&'a HaproxyConfig>),
}

/// The step that leads from `live` to `wanted`.
pub(super) fn next_step(live: Live<'_>, wanted: &HaproxyConfig) -> Step {
    match live {
        // HAProxy refuses to start without any listener, and a handover would end the one that serves.
        _ if wanted.ports().next().is_none() => Step::Wait,
        Live::None => Step::Start,
        Live::Running(Some(config)) if config.text == wanted.text => Step::Nothing,
        Live::Running(_) => Step::Handover,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(revision: u64, text: &str, free: &[u16]) -> HaproxyConfig {
        HaproxyConfig {
            revision,
            text: text.into(),
            maxconn: 100,
            servers: [].into(),
            free: free.iter().copied().collect(),
            withheld: [].into(),
        }
    }

    #[test]
    fn only_what_the_file_says_matters_not_its_revision() {
        let live = config(1, "a", &[5000]);
        assert_eq!(next_step(Live::Running(Some(&live)), &config(2, "a", &[5000])), Step::Nothing);
        assert_eq!(next_step(Live::Running(Some(&live)), &config(2, "b", &[5000])), Step::Handover);
    }

    #[test]
    fn without_a_live_one_it_is_started_and_an_unknown_one_is_replaced() {
        let wanted = config(1, "a", &[5000]);
        assert_eq!(next_step(Live::None, &wanted), Step::Start);
        assert_eq!(next_step(Live::Running(None), &wanted), Step::Handover);
    }

    #[test]
    fn nothing_is_started_when_no_port_can_be_bound() {
        assert_eq!(next_step(Live::None, &config(1, "a", &[])), Step::Wait);
        assert_eq!(next_step(Live::Running(None), &config(1, "a", &[])), Step::Wait);
    }
}
