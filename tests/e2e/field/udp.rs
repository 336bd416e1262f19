//! Public source: README.md began with game servers, and UDP ports were passed over in silence.

use stalls_lab::stalls::messages::UDP_PUBLISHED;

use crate::harness::Stage;

#[tokio::test]
async fn published_udp_ports_of_the_pool_are_one_warning_that_says_that_nobody_forwards_them() {
    let stage = Stage::prepared_with(3, |options| {
        options.world.web().ports = (5000..5003).map(|port| format!("{port}:8080/udp")).collect();
    });
    let stage = stage.await.started().await;
    let said = stage.line(UDP_PUBLISHED).await;
    assert_eq!((&said["level"], &said["publisher"]), (&"warning".into(), &"web".into()), "{said}");
    assert_eq!((&said["ports"], &said["example"]), (&3.into(), &"5000:8080/udp".into()), "{said}");
    stage.expect_lines(UDP_PUBLISHED, 1).await;
}

#[tokio::test]
async fn udp_ports_that_have_nothing_to_do_with_the_pool_are_no_warning() {
    let stage = Stage::prepared_with(3, |options| options.world.web().ports = vec!["53:53/udp".to_owned()]);
    let stage = stage.await.started().await;
    stage.assert_calm();
}
