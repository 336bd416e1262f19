//! One text that tells whether two hosts map the same.

use std::{collections::BTreeMap, sync::Arc};

use sha2::{Digest, Sha256};

use super::PortStatus;

/// SHA-256, in hex, of a line `PORT UUID` for each port that a container has, ascending, each ended by a line feed.
/// Whatever the state of the port: hosts that map the same have the same hash, also while one of them is behind.
pub(super) fn hash(ports: &BTreeMap<u16, Arc<PortStatus>>) -> String {
    let mut hasher = Sha256::new();
    for (port, status) in ports {
        if let Some(container) = &status.container {
            hasher.update(format!("{port} {}\n", container.uuid));
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
