//! A pool of ports that the system gives to the privileged alone, and the two ways around that of docs/image.md.

use stalls_lab::stalls::messages::PORT_UNBINDABLE;

use crate::harness::Stage;

/// The pool is below that, as one below 1024 is on the host's network and with engines before 20.10.
const NOT_FOR_EVERYBODY: &str = "--sysctl=net.ipv4.ip_unprivileged_port_start=6000";

#[tokio::test]
async fn the_images_user_may_not_bind_them_and_the_log_says_so() {
    let stage = Stage::prepared(3);
    // The capability alone is of no use to a user other than root.
    let stalls = stage.stalls().option(NOT_FOR_EVERYBODY).option("--cap-add=NET_BIND_SERVICE").start();
    let line = stalls.said(PORT_UNBINDABLE, 1).await;
    assert!(line["error"].as_str().unwrap().contains("Permission denied"), "{line}");
    stalls.stop();
}

#[tokio::test]
async fn where_the_system_lets_every_user_bind_them_the_images_user_does() {
    let stage = Stage::prepared(3);
    let stalls = stage.stalls().option("--sysctl=net.ipv4.ip_unprivileged_port_start=5000").start();
    stage.settled().await;
    stalls.stop();
}

#[tokio::test]
async fn root_with_the_one_capability_may() {
    let stage = Stage::prepared(3);
    let stalls = stage.stalls().option(NOT_FOR_EVERYBODY);
    let stalls =
        stalls.option("--user=0:0").option("--cap-add=NET_BIND_SERVICE").option("--tmpfs=/run/stalls");
    let volume = format!("{}:nocopy", stalls.volume);
    let stalls = stalls.volume(volume).start();
    stage.settled().await;
    stalls.stop();
}
