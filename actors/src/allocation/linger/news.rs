//! What the log is to say of containers that are missing: a line for each kind of news, however many they are.

use std::sync::Arc;

/// What has happened to containers that had a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::allocation) enum LingerNews {
    /// They are missing, and linger.
    Begun,
    /// They are missing, and it is too long ago that they were listed.
    Unproven,
    /// They are listed again.
    Returned,
    /// They are not there any more.
    Gone,
    /// They could not be asked, since this machine has run out of descriptors or memory.
    Unknown,
    /// Others have their addresses.
    AddressTaken,
    /// Others have their slots.
    Superseded,
    /// They are there, but were not listed again in time.
    Expired,
    /// A person wants it so.
    Released,
}

/// A container that something has happened to, and the slot that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::allocation) struct Affected {
    pub(in crate::allocation) uuid: Arc<str>,
    pub(in crate::allocation) slot: u16,
}

impl LingerNews {
    /// A container is listed again, and said to serve or to stop.
    pub(in crate::allocation) fn of_listed(serves: bool) -> Self {
        if serves { Self::Returned } else { Self::Gone }
    }

    /// The bounded label for scripts.
    pub(in crate::allocation) fn kind(self) -> &'static str {
        match self {
            Self::Begun => "lingers",
            Self::Unproven => "listed_too_long_ago",
            Self::Returned => "listed_again",
            Self::Gone => "gone",
            Self::Unknown => "cannot_be_asked",
            Self::AddressTaken => "address_taken",
            Self::Superseded => "port_taken",
            Self::Expired => "lingered_too_long",
            Self::Released => "released",
        }
    }
}
