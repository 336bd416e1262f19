//! What is known to be wrong with which version of HAProxy, and what stalls does about it. Pure.
//!
//! Measured on 2.6.12, 3.0.11 and 3.2.26 (Debian's). A version between one that has a fault and one that has not is taken
//! to have it: what stalls does about it harms none.

use std::fmt;

/// A version of HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub(super) major: u16,
    pub(super) minor: u16,
    pub(super) patch: u16,
}

/// What a version does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A session that is told to end while it connects to its server is never closed: its client waits for ever.
    HangingSessions,
    /// Processes that drain are woken by each new connection.
    WakingDrained,
    /// While a new address is set, it may be read as 0.0.0.0.
    ZeroedAddress,
    /// A new address takes effect only some milliseconds after the reply.
    LateAddress,
}

/// A row: the fault, the first version that has it, and the first one after that which has not.
struct Known {
    fault: Fault,
    from: Version,
    before: Option<Version>,
}

const KNOWN: [Known; 4] = [
    // Read in the source of 3.0.11: `process_stream` ends the session first (`stream_shutdown_self`), and only then copies
    // what it compares the session's state with. So it sees no change, and skips the part that lets the client's side be
    // closed (CF_AUTO_CLOSE); nothing has a time-out any more. By its changelog it has been so since 3.0.6.
    Known { fault: Fault::HangingSessions, from: Version::series(3, 0), before: Some(Version::series(3, 2)) },
    // The listening sockets that an `-x` handover shares stay in the old process's epoll set: 205 connections a second
    // beside ten draining processes, 1050 on 3.0.
    Known { fault: Fault::WakingDrained, from: Version::series(2, 6), before: Some(Version::series(3, 0)) },
    // Then the connection goes to the address that the client asked for: 7 of 171,592 connections amid 1,272,600 changes,
    // with 8 threads. With one thread none of 190,218, amid 3,586,600: no connection is looked at between zero and the
    // new address (`ipcpy` in the source of 2.6.12). Since 2.9 HAProxy stops all other threads meanwhile
    // (`server_atomic_sync`).
    Known { fault: Fault::ZeroedAddress, from: Version::series(2, 6), before: Some(Version::series(2, 9)) },
    // Since 2.9 `set server addr` only queues the change.
    Known { fault: Fault::LateAddress, from: Version::series(2, 9), before: None },
];

impl Version {
    /// The oldest that stalls works with.
    pub const OLDEST: Self = Self::series(2, 6);

    const fn series(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }

    /// Reads what HAProxy calls its version, such as `3.0.11-1+deb13u4` or `3.5-dev5-1a2b3c`.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim().split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some(Self { major, minor, patch: numbers.next().flatten().unwrap_or_default() })
    }

    /// What is known to be wrong with it.
    pub(super) fn faults(self) -> impl Iterator<Item = Fault> {
        let has = move |known: &Known| self >= known.from && known.before.is_none_or(|before| self < before);
        KNOWN.into_iter().filter(has).map(|known| known.fault)
    }

    /// What people notice of its faults in spite of what stalls does.
    pub fn remaining_faults(self) -> impl Iterator<Item = &'static str> {
        self.faults().filter_map(Fault::remains)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Whether a HAProxy may leave a session hanging that is told to end while it connects. One that does not say its version
/// may.
pub(super) fn may_hang_sessions(version: Option<Version>) -> bool {
    version.is_none_or(|version| version.faults().any(|fault| fault == Fault::HangingSessions))
}

impl Fault {
    /// What people notice of it in spite of what stalls does, and what that is; `None` if nobody notices anything.
    fn remains(self) -> Option<&'static str> {
        match self {
            Self::HangingSessions => Some(
                "it never closes a connection that is cut while its container has not answered yet, so a port whose \
                 connections are cut refuses until none is left in that state, at most 5 s, and other changes wait",
            ),
            Self::WakingDrained => {
                Some("each old process that still drains after a reload slows down new connections")
            }
            // The template sends a connection without an address nowhere, or has a single thread; and an update waits for
            // the address.
            Self::ZeroedAddress | Self::LateAddress => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_are_read_as_haproxy_and_distributions_write_them() {
        assert_eq!(version("3.0.11-1+deb13u4"), Version { major: 3, minor: 0, patch: 11 });
        assert_eq!(version("2.6.12-1+deb12u3"), Version { major: 2, minor: 6, patch: 12 });
        assert_eq!(version("3.5-dev5-1a2b3c 2026/06/17"), Version { major: 3, minor: 5, patch: 0 });
        assert_eq!(version("3.2.0").to_string(), "3.2.0");
        for odd in ["", "dev", "3", "3.", ".1", "99999999.1"] {
            assert_eq!(Version::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn each_version_that_was_measured_has_the_faults_that_were_found() {
        let faults = |text: &str| version(text).faults().collect::<Vec<_>>();
        assert_eq!(faults("2.6.12"), [Fault::WakingDrained, Fault::ZeroedAddress]);
        assert_eq!(faults("3.0.11"), [Fault::HangingSessions, Fault::LateAddress]);
        assert_eq!(faults("3.2.26"), [Fault::LateAddress]);
    }

    #[test]
    fn a_haproxy_of_unknown_version_may_leave_sessions_hanging() {
        assert!(may_hang_sessions(None));
        assert!(may_hang_sessions(Some(version("3.0.0"))) && may_hang_sessions(Some(version("3.1.9"))));
        assert!(!may_hang_sessions(Some(version("2.9.9"))) && !may_hang_sessions(Some(version("3.2.0"))));
    }
}
