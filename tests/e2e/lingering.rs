//! Containers that are missing in the metadata and may be there all the same.

mod servers;

use std::{fs, net::Ipv4Addr, time::Duration};

use stalls_lab::{
    addresses::AddressPool,
    backend::{Backends, Identity},
    backend_everywhere::BackendEverywhere,
    client::landing,
    metadata::{Fault, Scope, World},
    stalls::messages::{FAULT_BEGINS, GONE, LINGER, LINGERED_TOO_LONG, LISTED_AGAIN, PLAN_APPLIED, UNPROVEN},
};

use self::servers::{Manner, Server};
use crate::harness::{BACKEND_PORT, BASE, Bystanders, Churn, SOON, Stage, descriptors, times, until};

/// As users have it.
async fn stage(scale: usize) -> Stage {
    Stage::prepared(scale).await.without("LINGER_MS").started().await
}

/// A service's document as it is at scale 0.
fn empty() -> Fault {
    Fault::Body(r#"{"name": "web", "containers": null}"#.into())
}

// === answers that are wrong ===

#[tokio::test]
async fn an_empty_answer_that_does_not_last_is_noticed_by_nobody() {
    let stage = stage(5).await;
    let haproxy = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let applied = stage.steps().len();
    stage.server.fault_only(Scope::Documents, empty()).await;
    stage.server.change_foreign();
    assert_eq!(stage.line(LINGER).await["containers"], 5);
    bystanders.notice_nothing().await;
    stage.server.clear_fault().await;
    stage.server.change_foreign();
    assert_eq!(stage.line(LISTED_AGAIN).await["containers"], 5);
    bystanders.end().await;
    assert_eq!(stage.haproxy().await, haproxy);
    assert!(stage.steps()[applied..].iter().all(|step| step == "nothing"), "{:?}", stage.steps());
}

#[tokio::test]
async fn a_partial_answer_that_stays_and_one_without_addresses_are_noticed_by_nobody() {
    let stage = stage(4).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let whole = stage.server.read(World::clone);
    let half = |world: &mut World| [2, 3].into_iter().for_each(|index| world.web().remove(index));
    stage.server.change(half);
    assert_eq!(stage.line(LINGER).await["containers"], 2);
    bystanders.notice_nothing().await;
    stage.server.change(|world| *world = whole);
    stage.line(LISTED_AGAIN).await;
    let mark = stage.stalls().log_mark();
    stage.server.change(|world| {
        (1..=4).for_each(|index| world.web().edit(index, |container| container.primary_ip = None));
    });
    assert_eq!(stage.line_after(mark, LINGER).await["containers"], 4);
    bystanders.end().await;
}

#[tokio::test]
async fn an_answer_from_before_the_last_change_is_noticed_by_nobody() {
    let mut stage = stage(2).await;
    let before = stage.server.read(World::clone);
    stage.change(|world| drop(world.web().replace(1))).await;
    stage.change(|world| world.web().scale_to(3)).await;
    stage.settled().await;
    let now = stage.server.read(World::clone);
    let mut bystanders = Bystanders::begin(&stage).await;
    // The containers of then have ended, and those of now are missing.
    stage.server.change(|world| *world = before);
    stage.line(LINGER).await;
    stage.caught_up().await;
    bystanders.notice_nothing().await;
    stage.server.change(|world| *world = now);
    stage.line(LISTED_AGAIN).await;
    bystanders.end().await;
}

#[tokio::test]
async fn a_source_that_was_away_for_seconds_and_then_gives_a_partial_answer_is_noticed_by_nobody() {
    let stage = stage(3).await;
    let bystanders = Bystanders::begin(&stage).await;
    stage.server.fault(Fault::InternalError).await;
    stage.line(FAULT_BEGINS).await;
    stage.server.change(|world| world.web().remove(2));
    stage.server.clear_fault().await;
    stage.line(LINGER).await;
    bystanders.end().await;
}

#[tokio::test]
#[ignore = "it takes half a minute, make check has it"]
async fn a_source_that_was_away_for_minutes_proves_nothing() {
    let mut stage = stage(3).await;
    let mut held = [stage.hold(BASE).await, stage.hold(BASE + 1).await];
    stage.server.fault(Fault::InternalError).await;
    stage.line(FAULT_BEGINS).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    stage.change_lingering(|world| world.web().remove(2)).await;
    stage.server.clear_fault().await;
    assert_eq!(stage.line(UNPROVEN).await["containers"], 1);
    stage.settled().await;
    for held in &mut held {
        assert_eq!(held.check().await, Ok(()), "open connections drain");
    }
}

// === containers that go ===

#[tokio::test]
async fn a_real_scale_down_is_over_as_soon_as_the_processes_have_ended() {
    let mut stage = stage(4).await;
    stage.change(|world| world.web().scale_to(0)).await;
    stage.settled().await;
    stage.change(|world| world.web().scale_to(2)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_container_that_is_there_lingers_for_so_long_and_then_its_connections_drain() {
    let mut stage = Stage::prepared(3).await.env("LINGER_MS", 500).started().await;
    let (mut lingers, mut other) = (stage.hold(BASE + 2).await, stage.hold(BASE).await);
    stage.change_lingering(|world| world.web().scale_to(2)).await;
    stage.line(LINGERED_TOO_LONG).await;
    stage.settled().await;
    assert_eq!((lingers.check().await, other.check().await), (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_container_that_goes_while_it_lingers_is_cut_and_its_address_may_be_a_strangers() {
    let mut stage = stage(2).await;
    let mut held = stage.hold(BASE + 1).await;
    let address = stage.server.read(|world| world.service("app", "web").container(2).address());
    stage.change_lingering(|world| world.web().scale_to(1)).await;
    stage.line(LINGER).await;
    stage.containers_follow().await;
    stage.line(GONE).await;
    // A container of another service, which the document does not show.
    let mut strangers = Backends::new();
    strangers
        .start(address, BACKEND_PORT, Identity { uuid: "stranger".into(), name: "stranger".into() })
        .await;
    stage.settled().await;
    assert!(held.ends_within(SOON).await);
}

#[tokio::test]
async fn a_listed_container_takes_the_address_of_one_that_lingers_at_once() {
    let mut stage = stage(3).await;
    let (address, other) = stage.server.read(|world| {
        let web = world.service("app", "web");
        (web.container(3).address(), web.container(2).uuid.clone())
    });
    stage.change_lingering(|world| world.web().scale_to(2)).await;
    stage.line(LINGER).await;
    // The metadata gives the address to container 2, whatever answers there.
    stage.server.change(|world| {
        world.web().edit(&other, |container| container.primary_ip = Some(address.to_string()));
    });
    assert_eq!(stage.applied().await["step"], "runtime");
    stage.assert_refused(BASE + 2).await;
}

#[tokio::test]
async fn stalls_that_is_restarted_leads_to_no_container_that_lingered_and_lets_it_drain() {
    let mut stage = stage(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE + 2).await);
    stage.change_lingering(|world| world.web().scale_to(2)).await;
    stage.line(LINGER).await;
    let state = stage.state_dir().join("state.json");
    until("that is saved", || fs::read_to_string(&state).is_ok_and(|state| state.contains("\"left_ms\"")))
        .await;
    stage.kill_and_start().await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.haproxy().await, haproxy);
}

// === servers of all kinds ===

/// The container runs such a server, is missing, and keeps its port for as long as this `lasts` and the server is there.
async fn lingers_with(manner: Manner, lasts: impl AsyncFn(&Server)) {
    let mut stage = Stage::prepared(0).await.without("LINGER_MS");
    let address = stage.block.container_ip(200);
    let server = Server::start(manner, address, BACKEND_PORT).await;
    stage.server.change(|world| drop(world.web().join(address)));
    stage.start();
    assert_eq!(stage.line(PLAN_APPLIED).await["mapped"], 1);
    stage.server.change(|world| world.web().scale_to(0));
    stage.line(LINGER).await;
    lasts(&server).await;
    assert_eq!(stage.lines(GONE).len(), 0, "it is there");
    server.end().await;
    stage.line(GONE).await;
    stage.expect_refused(BASE).await;
}

#[tokio::test]
async fn a_server_that_speaks_first_and_without_end_is_there_until_it_ends() {
    lingers_with(Manner::SpeaksWithoutEnd, async |server| {
        until("it has sent much", || server.sent() > 1 << 20).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_closes_connections_is_connected_to_again_and_is_there_until_it_ends() {
    let renewals = times(1, 3);
    lingers_with(Manner::Closes, async |server| {
        until("it has closed some", || server.ended() > renewals).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_serves_one_client_at_a_time_is_there_until_it_ends() {
    lingers_with(Manner::OneAtATime, async |server| until("it is asked", || server.served() > 0).await).await;
}

#[tokio::test]
async fn a_server_that_is_frozen_is_there_until_it_ends() {
    // It says nothing for longer than the silence that counts; its kernel acknowledges all the same.
    let lasts = times(Duration::from_millis(100), Duration::from_secs(8));
    lingers_with(Manner::Frozen, async |_| tokio::time::sleep(lasts).await).await;
}

// === many ===

#[tokio::test]
async fn a_thousand_containers_linger_at_once_and_are_gone_at_once() {
    const MANY: u16 = 1_000;
    let backend = BackendEverywhere::start().expect("it can listen");
    // Addresses that no block has.
    let stage = Stage::prepared_with(0, |options| {
        options.world = World::new(AddressPool::new(Ipv4Addr::new(127, 2, 0, 1), MANY.into()), 0);
    });
    let mut stage = stage.await.without("LINGER_MS").with_pool(MANY).env("BACKEND_PORT", backend.port());
    stage.server.change(|world| world.web().scale_to(MANY.into()));
    stage.start();
    assert_eq!(stage.line(PLAN_APPLIED).await["mapped"], MANY);
    stage.server.change(|world| world.web().scale_to(0));
    assert_eq!(stage.line(LINGER).await["containers"], MANY);
    // Over a connection each.
    until("each of them is asked", || descriptors(stage.stalls().pid()) >= usize::from(MANY)).await;
    for port in [BASE, BASE + MANY / 2, BASE + MANY - 1] {
        landing(stage.address(port)).await.expect("it serves on");
    }
    drop(backend);
    let gone = || stage.lines(GONE).iter().filter_map(|line| line["containers"].as_u64()).sum::<u64>();
    // Each is a decision of its own, which a build for tests takes long for.
    let mut so_far = 0;
    while so_far < u64::from(MANY) {
        until("more of them are gone", || gone() > so_far).await;
        so_far = gone();
    }
    stage.applied().await;
    for port in [BASE, BASE + MANY / 2, BASE + MANY - 1] {
        stage.assert_refused(port).await;
    }
}

// === all together ===

#[tokio::test]
async fn random_changes_mislead_no_client_though_containers_linger() {
    let mut stage = Churn::prepared().await.without("LINGER_MS").started().await;
    let haproxy = stage.haproxy().await;
    let mut churn = Churn::begin(&stage).await;
    let enough = times(200, 2_000);
    while churn.changes < enough {
        let things = 1 + churn.random(64);
        churn.change_and_settle(&mut stage, things).await;
    }
    churn.end(&stage).await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
}
