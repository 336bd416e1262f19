//! One container, as the metadata service describes it.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::Serialize;
use serde_json::Value;

use super::service::Service;
use crate::ids::Ids;

/// A container with every field of the real documents.
///
/// All fields may be edited, to any oddity that a test is about; what the lab itself finds the
/// container by ([`Container::index`], `uuid`) does not depend on the odd ones.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the names are Rancher's; the odd ones are explained")]
pub struct Container {
    /// Counts up for ever within the service: the newest container has the highest.
    pub create_index: u64,
    pub dns: Vec<String>,
    pub dns_search: Vec<String>,
    pub environment_uuid: String,
    pub external_id: String,
    pub health_check: Option<Value>,
    pub health_check_hosts: Vec<String>,
    /// `None` without a health check.
    pub health_state: Option<String>,
    pub host_uuid: String,
    pub hostname: String,
    pub ips: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub links: Option<BTreeMap<String, String>>,
    pub memory_reservation: Option<u64>,
    pub metadata_kind: String,
    pub milli_cpu_reservation: Option<u64>,
    pub name: String,
    pub network_from_container_uuid: Option<String>,
    pub network_uuid: String,
    /// Published ports, such as `5000:8080/tcp`; the answers add the host's address to them.
    pub ports: Vec<String>,
    /// `None` until an address is allocated.
    pub primary_ip: Option<String>,
    pub primary_mac_address: String,
    /// A string in nearly all builds of Rancher, an integer in a few, and here whatever a test wants.
    pub service_index: Value,
    pub service_name: String,
    pub service_uuid: String,
    pub stack_name: String,
    pub stack_uuid: String,
    pub start_count: u64,
    pub state: String,
    pub system: bool,
    pub uuid: String,
    #[serde(skip)]
    pub(super) index: u32,
    #[serde(skip)]
    pub(super) address: Ipv4Addr,
}

impl Container {
    /// A running container of `service` without a health check.
    pub(super) fn new(
        service: &Service,
        index: u32,
        create_index: u64,
        address: Ipv4Addr,
        ids: &mut Ids,
    ) -> Self {
        let name = format!("{}-{}-{index}", service.stack_name, service.name);
        let path = format!("{}/{}", service.stack_name, service.name);
        let labels = [
            ("io.rancher.container.name", name.as_str()),
            ("io.rancher.project_service.name", path.as_str()),
            ("io.rancher.service.launch.config", "io.rancher.service.primary.launch.config"),
            ("io.rancher.stack.name", service.stack_name.as_str()),
            ("io.rancher.stack_service.name", path.as_str()),
        ];
        let [_, _, .., high, low] = create_index.to_be_bytes();
        Self {
            create_index,
            dns: vec!["169.254.169.250".to_owned()],
            dns_search: vec![
                format!("{}.rancher.internal", service.stack_name),
                "rancher.internal".to_owned(),
            ],
            environment_uuid: service.environment_uuid.clone(),
            external_id: ids.external_id(),
            health_check: None,
            health_check_hosts: Vec::new(),
            health_state: None,
            host_uuid: service.host_uuid.clone(),
            hostname: name.clone(),
            ips: vec![address.to_string()],
            labels: labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into(),
            links: None,
            memory_reservation: None,
            metadata_kind: "container".to_owned(),
            milli_cpu_reservation: None,
            name,
            network_from_container_uuid: None,
            network_uuid: service.network_uuid.clone(),
            ports: Vec::new(),
            primary_ip: Some(address.to_string()),
            primary_mac_address: format!("02:00:00:00:{high:02x}:{low:02x}"),
            service_index: Value::from(index.to_string()),
            service_name: service.name.clone(),
            service_uuid: service.uuid.clone(),
            stack_name: service.stack_name.clone(),
            stack_uuid: service.stack_uuid.clone(),
            start_count: 1,
            state: "running".to_owned(),
            system: false,
            uuid: ids.uuid(),
            index,
            address,
        }
    }

    /// The index that Cattle gave it, from 1, whatever `service_index` has been edited to.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The address that it was created with, whatever `primary_ip` has been edited to.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Whether there is a process that could listen: the container has been started and not stopped.
    pub fn is_up(&self) -> bool {
        !["creating", "created", "stopped", "removed", "purging", "purged"].contains(&self.state.as_str())
    }
}
