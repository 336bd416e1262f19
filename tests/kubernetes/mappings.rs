//! Which pods stalls maps, and to which ports.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use stalls_lab::{
    client::{Landing, landing},
    load::{Expect, Load, Targets},
    stalls::messages::{FAULT_BEGINS, FAULT_ENDS},
};

use crate::harness::{BASE, Clients, Cluster, GAMES, RIGHTS, SOON, Stage, eventually};

/// The five namespaces of a test.
const NAMESPACES: [&str; 5] = ["north", "south", "east", "west", "games"];

#[tokio::test]
async fn pods_of_a_selector_have_a_port_each_and_those_that_it_leaves_out_have_none() {
    let mut stage = Stage::bare(Cluster::start().await).await;
    stage.cluster.namespace(GAMES, RIGHTS).await;
    for (name, role) in [("blue", "room"), ("red", "room"), ("lobby", "lobby")] {
        stage.cluster.pod(GAMES, name, json!({"app": "game", "role": role}), json!({})).await;
    }
    stage.cluster.ready_pods(GAMES, 3).await;
    stage.start(stage.launch().env("SERVICE_NAME", "app=game,role!=lobby"));
    let mut rooms = two_rooms(&stage).await;
    let names: BTreeSet<_> = rooms.iter().map(|landing| landing.uuid.as_str()).collect();
    assert_eq!(names, ["games/blue", "games/red"].into());

    // A port stays whose it is, whatever becomes of the others.
    let targets = Targets::new();
    let port = |place: usize| stage.port(BASE + u16::try_from(place).unwrap());
    let red = rooms.iter().position(|landing| landing.uuid == "games/red").unwrap();
    targets.set(port(red), Expect::Container("games/red".to_owned()));
    let load = Load::with_pause(2, &targets, Duration::from_millis(5));
    stage.cluster.delete_pod(GAMES, "blue", false).await;
    stage.refuses(port(1 - red)).await;
    stage.cluster.pod(GAMES, "green", json!({"app": "game", "role": "room"}), json!({})).await;
    let uid = stage.cluster.ready_pods(GAMES, 3).await["green"].clone();
    // That of the one before is kept for it for a while.
    stage.leads_to(port(2), &uid).await;
    rooms = vec![landing(port(2)).await.unwrap()];
    assert_eq!(rooms[0].uuid, "games/green");
    let report = load.stop().await;
    assert!(report.ok > 0 && report.failures() == 0, "{report:?}");
}

/// Waits until the first two ports lead somewhere.
async fn two_rooms(stage: &Stage) -> Vec<Landing> {
    let mut rooms = Vec::new();
    eventually("two ports lead to pods", async || {
        rooms.clear();
        for port in BASE..BASE + 2 {
            rooms.extend(landing(stage.port(port)).await);
        }
        rooms.len() == 2
    })
    .await;
    rooms
}

#[tokio::test]
async fn a_port_that_has_a_name_is_found_where_each_pod_has_it() {
    let mut stage = Stage::prepared(3).await;
    stage.start(stage.launch().env("BACKEND_PORT", "http"));
    let mut clients = Clients::begin(&stage).await;
    clients.let_change(&stage, 0..3);
    let before = stage.cluster.pods(GAMES).await;
    let containers = json!([{"name": "main", "image": "none", "ports": [
        {"name": "metrics", "containerPort": 9100},
        {"name": "http", "containerPort": 8081},
    ]}]);
    let update = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    stage.cluster.patch_stateful_set(GAMES, "web", &update).await;
    stage.cluster.replaced(GAMES, &before).await;
    clients.settle(&stage).await;
    clients.end().await;
}

#[tokio::test]
async fn five_namespaces_are_followed_and_what_is_wrong_with_one_concerns_it_alone() {
    let mut stage = Stage::bare(Cluster::start().await).await;
    let mut mappings = Vec::new();
    for (place, namespace) in NAMESPACES.iter().enumerate() {
        stage.cluster.namespace(namespace, RIGHTS).await;
        stage.cluster.stateful_set(namespace, "web", 2).await;
        mappings.push(format!("{namespace}/web:8080@{}+8", base(place)));
    }
    let launch = ["SERVICE_NAME", "BACKEND_PORT", "BASE_PORT", "PORT_COUNT", "STACK_NAME"];
    let launch = launch.iter().fold(stage.launch(), |launch, name| launch.without(name));
    stage.start(launch.env("MAPPINGS", mappings.join(" ")));
    let mut clients = Clients::begin(&stage).await;
    for (place, namespace) in NAMESPACES.iter().enumerate() {
        for (name, uid) in stage.cluster.pods(namespace).await {
            let ordinal: u16 = name.strip_prefix("web-").unwrap().parse().unwrap();
            stage.leads_to(stage.port(base(place) + ordinal), &uid).await;
        }
    }

    // The right to one is taken away; a watch that is open would go on.
    stage.cluster.allow("north", &["get"]).await;
    stage.proxy.end();
    let denied = |line: &serde_json::Value| line["msg"] == FAULT_BEGINS && line["kind"] == "forbidden";
    let fault = stage.stalls().await_log(denied, SOON).await;
    assert!(fault["service"].to_string().contains("north"), "{fault}");
    stage.cluster.scale("north", "web", 3).await;
    clients.let_change(&stage, 2..4);
    stage.cluster.scale(GAMES, "web", 4).await;
    clients.settle(&stage).await;
    stage.refuses(stage.port(base(0) + 2)).await;

    stage.cluster.allow("north", RIGHTS).await;
    let uid = stage.cluster.pods("north").await["web-2"].clone();
    stage.leads_to(stage.port(base(0) + 2), &uid).await;
    stage.line(FAULT_ENDS).await;
    clients.end().await;
}

/// The first port of a namespace; that of `games` is the usual one.
fn base(place: usize) -> u16 {
    BASE + 100 * u16::try_from(NAMESPACES.len() - 1 - place).unwrap()
}
