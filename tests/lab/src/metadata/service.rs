//! One service and its containers, as the metadata service describes them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::container::Container;
use crate::ids::Ids;

/// A service with every field of the real documents.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the names are Rancher's; the odd ones are explained")]
pub struct Service {
    /// In the order of their creation; `null` in the answers when there are none.
    pub containers: Vec<Container>,
    /// The `create_index` of the newest container there has ever been.
    pub create_index: u64,
    pub environment_uuid: String,
    pub expose: Vec<String>,
    pub external_ips: Vec<String>,
    pub fqdn: Option<String>,
    pub health_check: Option<Value>,
    pub hostname: Option<String>,
    pub kind: String,
    pub labels: BTreeMap<String, String>,
    pub lb_config: Option<Value>,
    pub links: Option<BTreeMap<String, String>>,
    pub metadata: Value,
    pub metadata_kind: String,
    pub name: String,
    /// What the service publishes, such as `5000:5000/tcp`.
    pub ports: Vec<String>,
    pub primary_service_name: String,
    pub scale: usize,
    pub sidekicks: Vec<String>,
    pub stack_name: String,
    pub stack_uuid: String,
    pub state: String,
    pub system: bool,
    /// A secret: nothing that stalls writes or serves may contain it.
    pub token: Option<String>,
    pub uuid: String,
    pub vip: Option<String>,
    #[serde(skip)]
    pub(super) host_uuid: String,
    #[serde(skip)]
    pub(super) network_uuid: String,
}

/// The stack and the name of a new service.
pub(super) struct Place {
    pub(super) environment_uuid: String,
    pub(super) stack_name: String,
    pub(super) stack_uuid: String,
    pub(super) host_uuid: String,
    pub(super) network_uuid: String,
}

/// One container of a service: by its index or by its uuid.
///
/// Where two have one index, as in an upgrade, the index means the newer one.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// The index that Cattle gave it, from 1.
    Index(u32),
    /// Its uuid.
    Uuid(&'a str),
}

impl From<u32> for Which<'_> {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl<'a> From<&'a str> for Which<'a> {
    fn from(uuid: &'a str) -> Self {
        Self::Uuid(uuid)
    }
}

impl<'a> From<&'a String> for Which<'a> {
    fn from(uuid: &'a String) -> Self {
        Self::Uuid(uuid)
    }
}

impl Service {
    /// A service without containers.
    pub(super) fn new(name: &str, place: Place, ids: &mut Ids) -> Self {
        Self {
            containers: Vec::new(),
            create_index: 0,
            environment_uuid: place.environment_uuid,
            expose: Vec::new(),
            external_ips: Vec::new(),
            fqdn: None,
            health_check: None,
            hostname: None,
            kind: "service".to_owned(),
            labels: BTreeMap::new(),
            lb_config: None,
            links: None,
            metadata: json!({}),
            metadata_kind: "service".to_owned(),
            name: name.to_owned(),
            ports: Vec::new(),
            primary_service_name: name.to_owned(),
            scale: 0,
            sidekicks: Vec::new(),
            stack_name: place.stack_name,
            stack_uuid: place.stack_uuid,
            state: "active".to_owned(),
            system: false,
            token: Some(format!("secrettoken{name}")),
            uuid: ids.uuid(),
            vip: None,
            host_uuid: place.host_uuid,
            network_uuid: place.network_uuid,
        }
    }

    /// The container.
    ///
    /// # Panics
    ///
    /// When the service has no such container.
    pub fn container<'a>(&self, which: impl Into<Which<'a>>) -> &Container {
        &self.containers[self.position(which.into())]
    }

    /// Edits the container.
    ///
    /// # Panics
    ///
    /// When the service has no such container.
    pub fn edit<'a>(&mut self, which: impl Into<Which<'a>>, edit: impl FnOnce(&mut Container)) {
        let position = self.position(which.into());
        edit(&mut self.containers[position]);
    }

    /// Sets the container's state; one that Cattle stops stays listed.
    ///
    /// # Panics
    ///
    /// When the service has no such container.
    pub fn set_state<'a>(&mut self, which: impl Into<Which<'a>>, state: &str) {
        self.edit(which, |container| container.state = state.to_owned());
    }

    /// Puts the container in the network of another one, as Cattle does with a sidekick: it has no address of its own.
    ///
    /// # Panics
    ///
    /// When the service has no such container.
    pub fn put_in_network_of<'a>(&mut self, which: impl Into<Which<'a>>, owner: &str) {
        self.edit(which, |container| {
            container.network_from_container_uuid = Some(owner.to_owned());
            container.primary_ip = Some(String::new());
            container.primary_mac_address = String::new();
            container.ips.clear();
        });
    }

    pub(super) fn position(&self, which: Which<'_>) -> usize {
        let found = match which {
            Which::Index(index) => (0..self.containers.len())
                .filter(|&at| self.containers[at].index == index)
                .max_by_key(|&at| self.containers[at].create_index),
            Which::Uuid(uuid) => self.containers.iter().position(|container| container.uuid == uuid),
        };
        found.unwrap_or_else(|| panic!("{}/{} has no container {which:?}", self.stack_name, self.name))
    }
}
