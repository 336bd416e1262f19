//! Public source: rancher/cattle#813, rancher/rancher#2239, #6968.
//!
//! One document has containers of two services, each with the indexes 1 and 2, and one of none: a selector has brought
//! them together.

use std::collections::BTreeSet;

use stalls_lab::{
    client::landing,
    stalls::messages::{NOT_MAPPED, OTHER_SERVICES, PLAN_APPLIED},
};

use crate::harness::{BASE, Stage};

#[tokio::test]
async fn containers_that_a_selector_brings_together_all_have_ports_of_their_own() {
    let mut stage = Stage::prepared_with(5, |options| {
        let mut web = options.world.web();
        for (index, name, number) in [(1, "chess", "1"), (2, "chess", "2"), (3, "go", "1"), (4, "go", "2")] {
            web.edit(index, |container| {
                container.service_name = name.to_owned();
                container.service_uuid = format!("uuid-of-{name}");
                container.service_index = number.into();
            });
        }
        web.edit(5, |container| {
            container.service_name.clear();
            container.service_uuid.clear();
            container.service_index = serde_json::Value::Null;
        });
    })
    .await;
    stage.start();
    assert_eq!(stage.line(PLAN_APPLIED).await["mapped"], 5);
    let mut landed = BTreeSet::new();
    for port in BASE..BASE + 5 {
        landed.insert(landing(stage.address(port)).await.expect("each of them serves").uuid);
    }
    assert_eq!(landed.len(), 5);
    let warned = stage.line(OTHER_SERVICES).await;
    assert_eq!((&warned["level"], &warned["services"]), (&"warning".into(), &2.into()), "{warned}");
    stage.change(|world| world.web().scale_to(5)).await;
    stage.expect_lines(OTHER_SERVICES, 1).await;
    assert_eq!(stage.lines(NOT_MAPPED).len(), 0);
}
