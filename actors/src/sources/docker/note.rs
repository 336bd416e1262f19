//! What a person should know about a container that is listed.

use std::fmt;

/// What the log says once of each service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Note {
    /// It has addresses in several networks, and nothing says which one counts: this one does.
    GuessedNetwork(String),
    /// It has no address in the network that is to count.
    NotInNetwork(String),
    /// It is on the host's network, or in none.
    NoNetwork(String),
    /// Its `stalls.index` is no number from 1 up, so it has no index.
    BadIndex(String),
    /// Its `stalls.port` is no port, so it cannot be reached.
    BadPort(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GuessedNetwork(network) => write!(
                f,
                "it is in several networks and is reached by {network:?}; DOCKER_NETWORK or the label stalls.network \
                 would say which one"
            ),
            Self::NotInNetwork(network) => {
                write!(
                    f,
                    "it is not in the network {network:?}; check DOCKER_NETWORK and the label stalls.network"
                )
            }
            Self::NoNetwork(mode) => write!(
                f,
                "its network is {mode:?}, so it has no address of its own; give it a network, or list it with \
                 SOURCE=file:PATH"
            ),
            Self::BadIndex(text) => {
                write!(f, "its label stalls.index is {text:?}, not a number from 1, so it has no index")
            }
            Self::BadPort(text) => {
                write!(f, "its label stalls.port is {text:?}, not a port, so it is not mapped")
            }
        }
    }
}
