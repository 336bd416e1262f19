//! What is known of services and nodes, so that they are asked for only when needed.

use std::{collections::HashMap, num::NonZeroU16, sync::Arc, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use super::{
    address::{self, HostPorts, Nodes},
    answer::{Service, Task},
};
use crate::{
    domain::Container,
    sources::docker::{Engine, EngineFault, get},
};

/// How long what is known of services and nodes holds. Neither changes often, and events of that may be lost.
const HOLD: Duration = Duration::from_secs(30);
/// The pause before a node that is not known is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of a service.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Itself, and when it was asked for. Tasks are asked for by its id: Swarm also takes a name for the beginning of
    /// an id.
    pub(super) service: Option<(Service, Instant)>,
    pub(super) ports: HostPorts,
    pub(super) containers: Vec<Arc<Container>>,
}

/// What is known of the nodes.
#[derive(Debug, Default)]
pub(super) struct KnownNodes {
    addresses: Nodes,
    pub(super) asked: Option<Instant>,
}

impl KnownNodes {
    /// Their addresses, which are asked for unless all that are needed are known since a moment ago.
    pub(super) async fn addresses(&mut self, engine: &Engine, tasks: &[Task]) -> Result<&Nodes, EngineFault> {
        let is_known = |task: &Task| !task.is_running() || self.addresses.contains_key(&task.node_id);
        let hold = if tasks.iter().all(is_known) { HOLD } else { PAUSE };
        if self.asked.is_none_or(|asked| asked.elapsed() >= hold) {
            self.addresses = address::of_nodes(get(engine, "/nodes", "/nodes").await?);
            self.asked = Some(Instant::now());
        }
        Ok(&self.addresses)
    }
}

impl Known {
    /// The service's tasks; `None` if there is no such service.
    pub(super) async fn tasks(
        &mut self,
        engine: &Engine,
        name: &str,
    ) -> Result<Option<Vec<Task>>, EngineFault> {
        if let Some((service, asked)) = &self.service
            && asked.elapsed() < HOLD
            && let Some(tasks) = found(tasks(engine, &service.id).await)?
        {
            return Ok(Some(tasks));
        }
        // If it was removed, one that was made since has its name, and another id.
        self.service = None;
        let path = format!("/services/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        let service: Option<Service> = found(get(engine, "/services", &path).await)?;
        let Some(service) = service.filter(|service| service.spec.name == name) else { return Ok(None) };
        let tasks = found(tasks(engine, &service.id).await)?;
        self.service = tasks.is_some().then(|| (service, Instant::now()));
        Ok(tasks)
    }

    /// Whether the tasks are reached on ports of their nodes, which are noted.
    pub(super) fn is_on_nodes(&mut self, tasks: &[Task], backend_port: NonZeroU16) -> bool {
        self.ports.follow(tasks, backend_port);
        // Old tasks may have ports that the service does not ask for any more.
        !self.ports.is_empty()
            || self.service.as_ref().is_some_and(|(service, _)| service.is_on_nodes(backend_port))
    }

    /// Takes note of what was listed, and shares with it what is as it was; whether anything is not.
    pub(super) fn note(&mut self, mut listed: Vec<Arc<Container>>) -> bool {
        let known: HashMap<_, _> = self.containers.iter().map(|known| (&known.uuid, known)).collect();
        let mut differs = listed.len() != self.containers.len();
        for container in &mut listed {
            match known.get(&container.uuid) {
                Some(known) if *known == container => *container = Arc::clone(known),
                _ => differs = true,
            }
        }
        self.containers = listed;
        differs
    }
}

/// The tasks of the service with this id.
async fn tasks(engine: &Engine, id: &str) -> Result<Vec<Task>, EngineFault> {
    let filters = serde_json::json!({ "service": [id] }).to_string();
    let path = format!("/tasks?filters={}", utf8_percent_encode(&filters, NON_ALPHANUMERIC));
    get(engine, "/tasks", &path).await
}

/// `None` if the engine says that there is no such thing.
fn found<T>(answer: Result<T, EngineFault>) -> Result<Option<T>, EngineFault> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(EngineFault::Status { status: 404, .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}
