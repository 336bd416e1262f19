//! Public source: rancher/rancher#6326, #8992, rancher/cattle#2103: the mapped containers are sidekicks, and have no address
//! but that of the container whose network they are in.

use stalls_lab::{
    backend::{Backends, Identity},
    metadata::World,
    stalls::messages::{FAULT_BEGINS, NOT_MAPPED},
};

use crate::harness::{BACKEND_PORT, BASE, Stage};

/// `app/web` is a sidekick of `app/main`: its container `k` is in the network of the other one's container `k`.
fn sidekicks(world: &mut World, scale: usize) {
    world.cattle("app", "main").scale_to(scale);
    world.web().scale_to(scale);
    for container in world.service("app", "main").containers.clone() {
        world.web().put_in_network_of(container.index(), &container.uuid);
    }
}

/// The processes of the sidekicks, which listen at the addresses of the networks that they are in.
async fn processes(stage: &Stage) -> Backends {
    let mut backends = Backends::new();
    let found = stage.server.read(|world| {
        let main = world.service("app", "main");
        let web = world.service("app", "web").containers.iter().filter_map(|web| {
            let owner = web.network_from_container_uuid.as_deref()?;
            let owner = main.containers.iter().find(|main| main.uuid == owner)?;
            Some((owner.address(), Identity { uuid: web.uuid.clone(), name: web.name.clone() }))
        });
        web.collect::<Vec<_>>()
    });
    for (address, identity) in found {
        backends.start(address, BACKEND_PORT, identity).await;
    }
    backends
}

/// The address of a network goes with its owner: nobody can be reached there any more.
async fn end_all(backends: &mut Backends) {
    let addresses: Vec<_> = backends.running().map(|(address, _)| address).collect();
    for address in addresses {
        backends.stop(address.ip(), address.port()).await;
    }
}

async fn stage() -> (Stage, Backends) {
    let stage = Stage::prepared_with(0, |options| {
        options.world.add_service("app", "main");
        sidekicks(&mut options.world, 3);
    });
    let mut stage = stage.await;
    let backends = processes(&stage).await;
    stage.start();
    for index in 1..=3 {
        stage.expect_port(BASE + index - 1, &stage.uuid(index.into())).await;
    }
    (stage, backends)
}

#[tokio::test]
async fn a_sidekick_is_reached_at_the_address_of_its_primary() {
    let (stage, _backends) = stage().await;
    assert_eq!((stage.lines(NOT_MAPPED).len(), stage.lines(FAULT_BEGINS).len()), (0, 0));
}

#[tokio::test]
async fn a_primary_that_stops_takes_its_sidekicks_address_away_and_brings_it_back() {
    let (mut stage, mut backends) = stage().await;
    let sidekick = stage.uuid(2);
    stage.server.change(|world| world.cattle("app", "main").set_state(2, "stopped"));
    end_all(&mut backends).await;
    stage.expect_refused(BASE + 1).await;
    let _backends = processes(&stage).await;
    stage.expect_port(BASE, &stage.uuid(1)).await;
    stage.server.change(|world| world.cattle("app", "main").set_state(2, "running"));
    stage.expect_port(BASE + 1, &sidekick).await;
    stage.end().await;
}

#[tokio::test]
async fn a_primary_that_is_replaced_leaves_its_sidekick_without_an_address_until_that_is_replaced_too() {
    let (mut stage, mut backends) = stage().await;
    stage.server.change(|world| world.cattle("app", "main").replace(2));
    end_all(&mut backends).await;
    stage.expect_refused(BASE + 1).await;
    let sidekick = stage.server.change(|world| {
        let owner = world.service("app", "main").container(2).uuid.clone();
        let sidekick = world.web().replace(2);
        world.web().put_in_network_of(&sidekick, &owner);
        sidekick
    });
    let _backends = processes(&stage).await;
    stage.expect_port(BASE + 1, &sidekick).await;
    stage.end().await;
}
