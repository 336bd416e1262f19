//! What holds a port for a while: why, and how a person ends it.

use std::{fmt, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use super::{AllocatorSettings, messages::Held};
use crate::domain::Reason;

/// What holds a port for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Its container lingers (rule 6).
    Lingering,
    /// It is free, and reserved for its last container (rule 3).
    Reserved,
    /// Its container flaps (rule 9).
    Frozen,
}

impl Hold {
    /// The bounded label.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Lingering => "lingering",
            Self::Reserved => "reserved",
            Self::Frozen => "flapping",
        }
    }

    /// Why `port` is held, and what would do. Times are settings rather than what is left of them, so that the same
    /// reason stays the same text.
    fn reason(self, port: u16, settings: &AllocatorSettings, uuid: &str) -> Reason {
        let ends = format!("`stalls release {port}` ends that at once");
        let text = match self {
            Self::Lingering => format!(
                "its container is missing in the source's answers and still shows that it is there; it keeps the port \
                 for {} s at most (LINGER_MS); {ends}",
                settings.linger.as_secs()
            ),
            Self::Reserved => format!(
                "no container has it; for {} s after its last one ({uuid}) left it goes to no other container without \
                 an index (PORT_REUSE_DELAY_MS); {ends}",
                settings.port_reuse_delay.as_secs()
            ),
            Self::Frozen => format!(
                "its container changes its state again and again; the port stays as it is until the container is \
                 steady; {ends}"
            ),
        };
        Reason::new(self.kind(), text)
    }

    /// `port`, held for the container `uuid` for this time on the allocator's clock, which began at `started`.
    pub(super) fn held(
        self,
        port: u16,
        uuid: &str,
        (since, until): (Option<Duration>, Duration),
        started: Instant,
        settings: &AllocatorSettings,
    ) -> Held {
        Held {
            by: self,
            since: since.map(|since| started + since),
            until: started + until,
            reason: self.reason(port, settings, uuid),
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}
