//! What real managers answered (`tests/samples/swarm`), and what they might.

use std::{num::NonZeroU16, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use serde::de::DeserializeOwned;

use super::{
    address::{HostPorts, Nodes, of_nodes},
    answer::{Attachment, Network, NetworkSpec, Node, Port, PortStatus, Service, Status, Task},
    listing::{Reach, Wanted, containers},
};
use crate::domain::{Container, Lifecycle};

/// What a manager answered.
macro_rules! sample {
    ($name:literal) => {
        read(include_str!(concat!("../../../../tests/samples/swarm/", $name, ".json")))
    };
}

fn read<T: DeserializeOwned>(sample: &str) -> Vec<T> {
    serde_json::from_str(sample).unwrap()
}

/// The containers of a service that is reached by way of its nodes, at this port of its own.
fn on_nodes(tasks: &[Task], nodes: &Nodes, service: &str, backend_port: u16) -> Vec<Arc<Container>> {
    let mut ports = HostPorts::default();
    ports.follow(tasks, NonZeroU16::new(backend_port).unwrap());
    containers(tasks, Wanted { service, reach: Reach::Nodes(&ports, nodes) })
}

/// The containers of a service that is reached over a network.
fn over(tasks: &[Task], service: &str, network: Option<&str>) -> Vec<Arc<Container>> {
    containers(tasks, Wanted { service, reach: Reach::Overlay(network) })
}

/// Each container in a few words.
fn words(containers: &[Arc<Container>]) -> Vec<String> {
    let backend = |c: &Container| match (&c.address, c.port) {
        (Some(address), Some(port)) => format!("{address}:{port}"),
        (Some(address), None) => address.to_string(),
        (None, _) => "nowhere".to_owned(),
    };
    let state = |c: &Container| c.state.as_ref().map_or_else(String::new, ToString::to_string);
    containers.iter().map(|c| format!("{} at {}: {}", c.name, backend(c), state(c))).collect()
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

#[test]
fn a_task_whose_port_its_node_publishes_is_at_the_node() {
    let nodes = of_nodes(sample!("nodes"));
    let listed = on_nodes(&sample!("tasks"), &nodes, "web", 8080);
    assert_eq!(
        sorted(words(&listed)),
        [
            "web.1 at 10.213.0.2:32768: running",
            "web.2 at 10.213.0.3:32768: running",
            "web.3 at 10.213.0.1:32768: running",
        ]
    );
    assert!(listed.iter().all(|c| c.index.is_some_and(|index| c.name.ends_with(&index.to_string()))));
}

#[test]
fn a_task_without_such_a_port_is_at_its_address_in_the_network() {
    let tasks: Vec<Task> = sample!("tasks_shop_api");
    let at = |network| sorted(words(&over(&tasks, "shop_api", network)));
    assert_eq!(at(Some("front")), ["shop_api.1 at 10.0.2.3: running", "shop_api.2 at 10.0.2.4: running"]);
    let back = ["shop_api.1 at 10.0.1.12: running", "shop_api.2 at 10.0.1.13: running"];
    assert_eq!(at(Some("back")), back);
    // The first by name; never the one that carries what is published on every node.
    assert_eq!(at(None), back);
    assert_eq!(at(Some("other")), ["shop_api.1 at nowhere: running", "shop_api.2 at nowhere: running"]);
}

#[test]
fn a_port_of_another_number_is_not_the_backend_port() {
    let nodes = of_nodes(sample!("nodes"));
    let listed = on_nodes(&sample!("tasks"), &nodes, "web", 9090);
    assert!(listed.len() == 3 && listed.iter().all(|c| c.address.is_none() && c.port.is_none()));
    let service: Service =
        serde_json::from_str(include_str!("../../../../tests/samples/swarm/service.json")).unwrap();
    let is_on_nodes = |port| service.is_on_nodes(NonZeroU16::new(port).unwrap());
    assert!(is_on_nodes(8080) && !is_on_nodes(9090));
}

#[test]
fn a_port_is_remembered_while_its_task_runs() {
    let nodes = of_nodes(sample!("nodes"));
    let (mut ports, backend_port) = (HostPorts::default(), NonZeroU16::new(8080).unwrap());
    let mut tasks: Vec<Task> = sample!("tasks");
    ports.follow(&tasks, backend_port);
    let listed = |tasks: &[Task], ports: &HostPorts| {
        containers(tasks, Wanted { service: "web", reach: Reach::Nodes(ports, &nodes) })
    };
    let before = listed(&tasks, &ports);
    // As after a change of the leader.
    tasks.iter_mut().for_each(|task| task.status.port_status.ports = None);
    ports.follow(&tasks, backend_port);
    assert_eq!(listed(&tasks, &ports), before);
    tasks.iter_mut().for_each(|task| task.status.state = "shutdown".to_owned());
    ports.follow(&tasks, backend_port);
    assert!(ports.is_empty());
}

#[test]
fn while_a_task_is_replaced_its_slot_has_two() {
    let nodes = of_nodes(sample!("nodes"));
    let listed = on_nodes(&sample!("tasks_start_first"), &nodes, "web", 8080);
    let second: Vec<_> = listed.into_iter().filter(|c| c.name.as_ref() == "web.2").collect();
    assert_eq!(
        words(&second),
        ["web.2 at nowhere: running, told to stop", "web.2 at 10.213.0.1:32769: running"]
    );
    // Its node has taken back the port of the one that stops, so its process has ended.
    assert_eq!(second[0].lifecycle(), Lifecycle::Stopping);
}

#[test]
fn a_global_service_has_the_nodes_for_its_identities() {
    let listed = over(&sample!("tasks_agents"), "agents", None);
    let nodes: Vec<Node> = sample!("nodes");
    let mut ids: Vec<_> = nodes.iter().map(|node| node.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(listed.iter().map(|c| &*c.uuid).collect::<Vec<_>>(), ids);
    assert!(listed.iter().all(|c| c.index.is_none() && c.lifecycle() == Lifecycle::Running));
}

#[test]
fn of_tasks_that_have_ended_the_newest_of_a_slot_says_why() {
    let listed = |tasks: Vec<Task>| words(&over(&tasks, "x", None));
    assert_eq!(listed(sample!("tasks_missing")), ["x.1 at nowhere: rejected: No such image: nosuch:1"]);
    assert_eq!(listed(sample!("tasks_crashing")), ["x.1 at nowhere: ready"]);
    let ended: Vec<Task> = sample!("tasks_crashing");
    let ended = ended.into_iter().filter(|task| task.has_ended()).collect();
    assert_eq!(listed(ended), ["x.1 at nowhere: failed: task: non-zero exit (2)"]);
    assert_eq!(
        listed(sample!("tasks_nowhere")),
        ["x.1 at nowhere: pending: no suitable node (scheduling constraints not satisfied on 3 nodes)"]
    );
}

#[test]
fn a_leader_that_does_not_know_its_address_is_where_the_managers_find_it() {
    let node = |addr: &str, manager: Option<&str>| {
        let manager = manager.map(|addr| serde_json::json!({ "Addr": addr }));
        let node = serde_json::json!({"ID": "n", "Status": {"Addr": addr}, "ManagerStatus": manager});
        let nodes = of_nodes(vec![serde_json::from_value(node).unwrap()]);
        nodes.get("n").map(ToString::to_string)
    };
    assert_eq!(node("10.0.0.1", None).as_deref(), Some("10.0.0.1"));
    assert_eq!(node("0.0.0.0", Some("10.0.0.2:2377")).as_deref(), Some("10.0.0.2"));
    assert_eq!(node("::", Some("[fd00::2]:2377")).as_deref(), Some("fd00::2"));
    assert_eq!(node("0.0.0.0", None), None);
    assert_eq!(node("", Some("nonsense")), None);
}

fn any_task() -> impl Strategy<Value = Task> {
    let states = ["pending", "running", "shutdown", "failed", ""];
    let desired = ["ready", "running", "shutdown"];
    let ports = vec((select(vec!["tcp", "udp"]), select(vec![8080, 53]), 0..3_u16), 0..3);
    let networks = vec((select(vec!["back", "front"]), any::<bool>(), 0..4_u8), 0..3);
    let who = (0..6_u8, 0..4_u64, 0..3_u8, 0..5_u8);
    (who, select(states.to_vec()), select(desired.to_vec()), ports, networks).prop_map(
        |((id, slot, node, second), state, desired, ports, networks)| Task {
            id: if id == 0 { String::new() } else { format!("t{id}") },
            created_at: format!("2026-11-27T16:37:0{second}.5Z"),
            slot: Some(slot),
            node_id: if node == 0 { String::new() } else { format!("n{node}") },
            desired_state: desired.to_owned(),
            status: Status {
                state: state.to_owned(),
                port_status: PortStatus {
                    ports: Some(
                        ports
                            .into_iter()
                            .map(|(protocol, target_port, published_port)| Port {
                                protocol: protocol.to_owned(),
                                target_port,
                                published_port,
                                publish_mode: "host".to_owned(),
                            })
                            .collect(),
                    ),
                },
                ..Default::default()
            },
            networks_attachments: Some(
                networks
                    .into_iter()
                    .map(|(name, ingress, ip)| Attachment {
                        network: Network { spec: NetworkSpec { name: name.to_owned(), ingress } },
                        addresses: Some(vec![format!("10.0.0.{ip}/24")]),
                    })
                    .collect(),
            ),
        },
    )
}

proptest! {
    #[test]
    fn each_container_is_listed_once_and_by_age(tasks in vec(any_task(), 0..12), by_nodes: bool) {
        let nodes = Nodes::from([("n1".to_owned(), "10.1.0.1".into())]);
        let listed = if by_nodes { on_nodes(&tasks, &nodes, "web", 8080) } else { over(&tasks, "web", None) };
        let keys: Vec<_> = listed.iter().map(|c| (c.created, &c.uuid)).collect();
        prop_assert!(keys.is_sorted());
        let mut uuids: Vec<_> = listed.iter().map(|c| &c.uuid).collect();
        uuids.sort_unstable();
        prop_assert!(uuids.windows(2).all(|pair| pair[0] != pair[1]));
        for c in &listed {
            let has_address = c.address.is_some();
            prop_assert!(!c.uuid.is_empty());
            prop_assert!(has_address || c.port.is_none());
            prop_assert!(!has_address || c.lifecycle() != Lifecycle::Inactive);
        }
        // Either all by way of their nodes or none: an overlay address with another's port leads to a stranger.
        prop_assert!(listed.iter().all(|c| c.port.is_some() == (by_nodes && c.address.is_some())));
    }

    #[test]
    fn the_order_of_an_answer_has_no_influence(
        mut tasks in vec(any_task(), 0..8).prop_map(distinct),
        turn in 0..8_usize,
    ) {
        let nodes = Nodes::from([("n1".to_owned(), "10.1.0.1".into())]);
        let before = on_nodes(&tasks, &nodes, "web", 8080);
        let by = turn % tasks.len().max(1);
        tasks.rotate_left(by);
        prop_assert_eq!(on_nodes(&tasks, &nodes, "web", 8080), before);
    }

    #[test]
    fn any_json_is_read_or_refused(text in "\\PC*") {
        let read: Result<Vec<Task>, _> = serde_json::from_str(&text);
        if let Ok(tasks) = read {
            prop_assert!(over(&tasks, "web", None).len() <= tasks.len());
        }
    }
}

/// Each id once, as in a real answer.
fn distinct(mut tasks: Vec<Task>) -> Vec<Task> {
    tasks.sort_by(|a, b| a.id.cmp(&b.id));
    tasks.dedup_by(|a, b| a.id == b.id);
    tasks
}
