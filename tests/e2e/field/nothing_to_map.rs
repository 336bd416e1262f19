//! Public source: rancher/rancher#2239: settings and service are there, and no port can serve.

use stalls_lab::{
    metadata::World,
    stalls::messages::{NOTHING_MAPPED, PLAN_APPLIED},
};

use crate::harness::Stage;

/// One warning says so, with this kind, and what would do.
async fn says(kind: &str, what: &str, adjust: impl FnOnce(&mut World)) {
    let mut stage = Stage::prepared_with(3, |options| adjust(&mut options.world)).await;
    stage.start();
    stage.line(PLAN_APPLIED).await;
    let said = stage.line(NOTHING_MAPPED).await;
    assert_eq!((&said["level"], &said["kind"]), (&"warning".into(), &kind.into()), "{said}");
    assert!(said["reason"].as_str().is_some_and(|reason| reason.contains(what)), "{said}");
    stage.expect_lines(NOTHING_MAPPED, 1).await;
}

fn edit_all(world: &mut World, edit: impl Fn(&mut stalls_lab::metadata::Container)) {
    (1..=3).for_each(|index| world.web().edit(index, &edit));
}

// Each waits for the ten seconds after which it is said; all of them do so at once.
#[tokio::test]
async fn whenever_nothing_can_be_mapped_one_warning_says_why_and_what_would_do() {
    tokio::join!(
        says("no_containers", "\"loadBalancerService\"", |world| {
            world.web().scale_to(0);
            world.web().kind = "loadBalancerService".to_owned();
        }),
        says("no_containers", "SERVICE_NAME", |world| world.web().scale_to(0)),
        says("no_address", "no address", |world| edit_all(world, |c| c.primary_ip = None)),
        says("outside_pool", "PORT_COUNT", |world| {
            let far = |number: u32| serde_json::json!(number + 100);
            (1..=3).for_each(|index| world.web().edit(index, |c| c.service_index = far(index)));
        }),
        says("not_running", "stopped", |world| edit_all(world, |c| c.state = "stopped".to_owned())),
    );
}
