//! Everything that the metadata server knows: an environment's stacks, services and containers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    cattle::Cattle,
    service::{Place, Service},
};
use crate::{addresses::AddressPool, ids::Ids};

/// The seed of a world's identifiers: the same in each run, so that two runs' logs can be compared.
const IDS_SEED: u64 = 0x57a1_1500;

/// The address that a process on this machine has when it connects to any loopback address.
const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// An environment with one host.
#[derive(Clone, Debug)]
pub struct World {
    /// The stacks; the first is `app`.
    pub stacks: Vec<Stack>,
    /// The hosts; all containers are on the first.
    pub hosts: Vec<Host>,
    /// The networks, as they are served.
    pub networks: Vec<Value>,
    environment_uuid: String,
    network_uuid: String,
    ids: Ids,
    addresses: AddressPool,
}

/// A stack with every field of the real documents.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the names are Rancher's")]
pub struct Stack {
    pub environment_name: String,
    pub environment_uuid: String,
    pub metadata_kind: String,
    pub name: String,
    pub services: Vec<Service>,
    pub system: bool,
    pub uuid: String,
}

/// A host with every field of the real documents.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the names are Rancher's")]
pub struct Host {
    /// What the containers with host networking have as their address.
    pub agent_ip: String,
    pub agent_state: String,
    pub environment_uuid: String,
    /// Not in the version 2016-07-29.
    #[serde(rename = "hostId")]
    pub host_id: u64,
    pub hostname: String,
    pub labels: BTreeMap<String, String>,
    pub local_storage_mb: u64,
    pub memory: u64,
    pub metadata_kind: String,
    pub milli_cpu: u64,
    pub name: String,
    pub state: String,
    pub uuid: String,
}

impl World {
    /// The stack `app` with the services `web` (`web_scale` containers with addresses from the
    /// pool), `stalls` (one container, the asker at 127.0.0.1) and `other` (none).
    pub fn new(addresses: AddressPool, web_scale: usize) -> Self {
        let mut ids = Ids::new(IDS_SEED);
        let environment_uuid = ids.uuid();
        let network_uuid = ids.uuid();
        let mut world = Self {
            stacks: Vec::new(),
            hosts: vec![Host::new(&environment_uuid, ids.uuid())],
            networks: vec![json!({
                "environment_uuid": environment_uuid,
                "metadata": {},
                "metadata_kind": "network",
                "name": "ipsec",
                "uuid": network_uuid,
            })],
            environment_uuid,
            network_uuid,
            ids,
            addresses,
        };
        world.add_service("app", "stalls").create_at(1, LOCALHOST);
        world.add_service("app", "web").expose = vec!["8080/tcp".to_owned()];
        world.web().scale_to(web_scale);
        world.add_service("app", "other").labels.insert("irrelevant".to_owned(), "0".to_owned());
        world
    }

    /// Adds a service without containers, and its stack if there is none of this name.
    pub fn add_service(&mut self, stack: &str, service: &str) -> Cattle<'_> {
        if !self.stacks.iter().any(|existing| existing.name == stack) {
            let stack = Stack::new(stack, &self.environment_uuid, self.ids.uuid());
            self.stacks.push(stack);
        }
        let stack_at = self.stack_position(stack);
        let place = Place {
            environment_uuid: self.environment_uuid.clone(),
            stack_name: stack.to_owned(),
            stack_uuid: self.stacks[stack_at].uuid.clone(),
            host_uuid: self.hosts[0].uuid.clone(),
            network_uuid: self.network_uuid.clone(),
        };
        let new = Service::new(service, place, &mut self.ids);
        self.stacks[stack_at].services.push(new);
        self.cattle(stack, service)
    }

    /// The service, to look at.
    ///
    /// # Panics
    ///
    /// When there is no such service.
    pub fn service(&self, stack: &str, service: &str) -> &Service {
        &self.stacks[self.stack_position(stack)].services[self.service_position(stack, service)]
    }

    /// The service, to scale, upgrade and edit.
    ///
    /// # Panics
    ///
    /// When there is no such service.
    pub fn cattle(&mut self, stack: &str, service: &str) -> Cattle<'_> {
        let (stack_at, service_at) = (self.stack_position(stack), self.service_position(stack, service));
        Cattle {
            service: &mut self.stacks[stack_at].services[service_at],
            ids: &mut self.ids,
            addresses: &mut self.addresses,
        }
    }

    /// The service `web` of the stack `app`.
    pub fn web(&mut self) -> Cattle<'_> {
        self.cattle("app", "web")
    }

    /// Puts stalls on the host's network: the server then knows its container by the host's address
    /// only, and what it asks from 127.0.0.1 is answered without a `self/stack`.
    pub fn put_stalls_on_the_host_network(&mut self) {
        let agent_ip = self.hosts[0].agent_ip.clone();
        self.cattle("app", "stalls").edit(1, |container| container.primary_ip = Some(agent_ip));
    }

    /// Changes something that does not concern stalls: a label of the service `other`.
    pub fn change_something_foreign(&mut self) {
        let value = self.ids.uuid();
        self.cattle("app", "other").labels.insert("irrelevant".to_owned(), value);
    }

    /// The container that has this address, with its service and its stack: the asking client.
    pub(super) fn asker(&self, ip: IpAddr) -> Option<(&Stack, &Service, &super::Container)> {
        let ip = ip.to_string();
        self.stacks.iter().find_map(|stack| {
            stack.services.iter().find_map(|service| {
                let container = service
                    .containers
                    .iter()
                    .find(|container| container.primary_ip.as_deref() == Some(ip.as_str()))?;
                Some((stack, service, container))
            })
        })
    }

    fn stack_position(&self, stack: &str) -> usize {
        self.stacks
            .iter()
            .position(|existing| existing.name == stack)
            .unwrap_or_else(|| panic!("the world has no stack {stack}"))
    }

    fn service_position(&self, stack: &str, service: &str) -> usize {
        self.stacks[self.stack_position(stack)]
            .services
            .iter()
            .position(|existing| existing.name == service)
            .unwrap_or_else(|| panic!("the stack {stack} has no service {service}"))
    }
}

impl Stack {
    fn new(name: &str, environment_uuid: &str, uuid: String) -> Self {
        Self {
            environment_name: "Default".to_owned(),
            environment_uuid: environment_uuid.to_owned(),
            metadata_kind: "stack".to_owned(),
            name: name.to_owned(),
            services: Vec::new(),
            system: false,
            uuid,
        }
    }
}

impl Host {
    fn new(environment_uuid: &str, uuid: String) -> Self {
        Self {
            agent_ip: "192.168.0.10".to_owned(),
            agent_state: "active".to_owned(),
            environment_uuid: environment_uuid.to_owned(),
            host_id: 1,
            hostname: "host1".to_owned(),
            labels: [("io.rancher.host.docker_version".to_owned(), "1.12".to_owned())].into(),
            local_storage_mb: 10_000,
            memory: 4096,
            metadata_kind: "host".to_owned(),
            milli_cpu: 2000,
            name: "host1".to_owned(),
            state: "active".to_owned(),
            uuid,
        }
    }
}
