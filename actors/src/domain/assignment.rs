//! A container that has a slot.

use std::{net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The container of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its identity.
    pub uuid: Arc<str>,
    /// Its name, for people.
    pub name: Arc<str>,
    /// Where it is reached.
    pub backend: SocketAddr,
}
