//! What `GET /v1/mapping` says, as far as people are shown it.

use serde::Deserialize;

/// The state of an instance. Texts are the server's, and may have any characters.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Document {
    /// Another one after every change.
    pub(super) id: String,
    /// Of the newest plan; 0 before the first.
    pub(super) revision: u64,
    pub(super) version: String,
    /// The time of this state, RFC 3339.
    pub(super) at: String,
    pub(super) services: Vec<Service>,
    pub(super) source: Source,
    pub(super) haproxy: Haproxy,
    /// In ascending order.
    pub(super) ports: Vec<Port>,
    pub(super) unmapped: Vec<Unmapped>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Service {
    pub(super) service: String,
    /// `ok` or `stale`.
    pub(super) state: String,
    pub(super) since: String,
    /// What is wrong with what the source says of it, or why no container of it is mapped.
    pub(super) reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Source {
    /// `ok` or `stale`.
    pub(super) state: String,
    pub(super) since: String,
    pub(super) reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Haproxy {
    /// `running`, `down` or `waiting`.
    pub(super) state: String,
    pub(super) since: String,
    pub(super) pid: Option<u32>,
    pub(super) version: Option<String>,
    /// Why it is down, or why the newest plan is not in force.
    pub(super) reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Port {
    pub(super) port: u16,
    pub(super) service: String,
    pub(super) state: String,
    pub(super) container: Option<Container>,
    pub(super) since: String,
    pub(super) reason: Option<String>,
    pub(super) sessions: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) address: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Unmapped {
    pub(super) service: String,
    pub(super) container: Stranger,
    pub(super) reason: String,
}

/// A container without a port. Of the two one may be empty.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stranger {
    pub(super) name: String,
    pub(super) uuid: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Finding {
    pub(super) severity: String,
    pub(super) subject: String,
    pub(super) reason: String,
    pub(super) remedy: String,
}

/// What a port does for its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It leads to its container.
    Good,
    /// It has no container, and refuses.
    Free,
    /// It is neither; the document says why.
    Odd,
}

impl Port {
    pub(super) fn condition(&self) -> Condition {
        match &self.state[..] {
            "serving" => Condition::Good,
            "free" => Condition::Free,
            _ => Condition::Odd,
        }
    }

    /// `serving app-web-1`, or the state alone.
    pub(super) fn summary(&self) -> String {
        match &self.container {
            Some(container) => format!("{} {}", self.state, container.name),
            None => self.state.clone(),
        }
    }
}
