//! A stage with one source or another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Stage;

/// A stage whose world says which container should be reached on which port.
pub(crate) trait Mapped {
    /// Ports, HAProxy and log.
    fn stage(&self) -> &Stage;

    /// Which container should be reached on which port.
    fn assignments(&self) -> BTreeMap<u16, String>;

    /// Waits until HAProxy serves what this world says; returns the line that says so.
    async fn applied(&self) -> Value;

    /// Waits until every port leads to its container, and the others refuse.
    async fn settled(&self) {
        let assignments = self.assignments();
        for port in self.stage().ports() {
            match assignments.get(&port) {
                Some(uuid) => self.stage().expect_port(port, uuid).await,
                None => self.stage().expect_refused(port).await,
            }
        }
    }
}

impl Mapped for Stage {
    fn stage(&self) -> &Stage {
        self
    }

    fn assignments(&self) -> BTreeMap<u16, String> {
        Self::assignments(self)
    }

    async fn applied(&self) -> Value {
        Self::applied(self).await
    }
}
