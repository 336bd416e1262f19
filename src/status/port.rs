//! One port as people see it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// What a port is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PortState {
    /// It leads to its container.
    Serving,
    /// No container has it, and it refuses.
    Free,
    /// It leads to its container, which the source no longer lists, and which shows that it is there.
    Lingering,
    /// No container has it; connections to the one that had it are still open.
    Draining,
    /// No container has it, and for a while only its last one may get it.
    Reserved,
    /// It is to lead to a container, and does not yet.
    Waiting,
    /// stalls does not listen on it.
    Excluded,
}

impl PortState {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Serving,
        Self::Free,
        Self::Lingering,
        Self::Draining,
        Self::Reserved,
        Self::Waiting,
        Self::Excluded,
    ];

    /// Its name in the API and in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Free => "free",
            Self::Lingering => "lingering",
            Self::Draining => "draining",
            Self::Reserved => "reserved",
            Self::Waiting => "waiting",
            Self::Excluded => "excluded",
        }
    }
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PortStatus {
    /// The port.
    #[schema(minimum = 1)]
    pub(crate) port: u16,
    /// The service whose containers it is for.
    #[schema(value_type = String)]
    pub(crate) service: Arc<str>,
    pub(crate) state: PortState,
    /// The container that has it.
    pub(crate) container: Option<ContainerStatus>,
    /// Since when it has been so; not before the start of stalls.
    pub(crate) since: Timestamp,
    /// A stable label of the reason; none while a port serves and nothing is wrong.
    pub(crate) kind: Option<&'static str>,
    /// Why, and what would do.
    #[schema(value_type = Option<String>)]
    pub(crate) reason: Option<Arc<str>>,
}

/// The container of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ContainerStatus {
    /// Its name, for people.
    #[schema(value_type = String)]
    pub(crate) name: Arc<str>,
    /// Its identity.
    #[schema(value_type = String)]
    pub(crate) uuid: Arc<str>,
    /// Where the port leads: an IP address and a port.
    pub(crate) address: String,
    /// Its number within the service, if it has one.
    pub(crate) index: Option<u64>,
}

impl PortStatus {
    /// Whether both say the same, whenever that began.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        *self == Self { since: self.since, ..other.clone() }
    }
}
