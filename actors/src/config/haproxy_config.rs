//! A configuration as the other stages see it.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::ConfigText;
use crate::paged_map::PagedMap;

/// A configuration, and what it makes of each port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaproxyConfig {
    /// The revision of the plan that it was rendered from.
    pub revision: u64,
    /// What only a new process can change.
    pub frame: Frame,
    /// The file's text.
    pub text: ConfigText,
    /// HAProxy's global connection limit.
    pub maxconn: u64,
    /// Every port that HAProxy binds, with the server that it leads to or `None` where it is to refuse.
    pub routes: Routes,
    /// How many of them lead to a server.
    pub mapped: usize,
    /// The plan's ports that are left out since they cannot be bound at present.
    pub withheld: BTreeSet<u16>,
    /// The servers that are on no port (any more), but run still.
    pub still_running: BTreeSet<SocketAddr>,
}

/// Where ports lead, `None` where they refuse.
pub type Routes = PagedMap<Option<SocketAddr>>;

/// Everything that a running HAProxy cannot be told to change: the text of the configuration when all its ports are
/// free. A template that distinguishes used ports from free ones in more than HAProxy can be told has no other
/// frame than the whole text.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Frame(Arc<str>);

impl HaproxyConfig {
    /// Whether who is on which port can change within its frame.
    pub fn has_frame(&self) -> bool {
        !Arc::ptr_eq(&self.frame.0, &self.text.head)
    }

    /// How many ports refuse.
    pub fn free(&self) -> usize {
        self.routes.len() - self.mapped
    }
}

impl PartialEq for Frame {
    /// It is as long as the file, and mostly the very same: an `Arc<str>` alone does not look for that.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl From<Arc<str>> for Frame {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Frame> for String {
    fn from(frame: Frame) -> Self {
        frame.0.as_ref().to_owned()
    }
}
