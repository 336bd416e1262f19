//! What holds a port for a while: why, and how a person ends it.

use std::fmt;

use serde::Serialize;

use super::messages::Held;
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
}

impl Held {
    /// Why `port` is held, and what would do. It says how long that may take in all rather than what is left, so that the
    /// same reason stays the same text. Made only where it is shown, since there may be thousands.
    pub fn reason(&self, port: u16) -> Reason {
        let Self { by, uuid, at_most, .. } = self;
        let ends = format!("`stalls release {port}` ends that at once");
        let seconds = at_most.as_secs();
        let text = match by {
            Hold::Lingering => format!(
                "its container is missing in the source's answers and still shows that it is there; it keeps the port \
                 for {seconds} s at most (LINGER_MS); {ends}"
            ),
            Hold::Reserved => format!(
                "no container has it; for {seconds} s after its last one ({uuid}) left it goes to no other container \
                 without an index (PORT_REUSE_DELAY_MS); {ends}"
            ),
            Hold::Frozen => format!(
                "its container changes its state again and again; the port stays as it is until the container is \
                 steady; {ends}"
            ),
        };
        Reason::new(by.kind(), text)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}
