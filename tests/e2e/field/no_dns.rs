//! Public source: rancher/rancher#9521, rancher/lb-controller#110: DNS is away for minutes, the metadata service is not.

use std::fs;

use rustix::process::geteuid;
use stalls_lab::stalls::messages::{FAULT_ENDS, RESOLVED_AGAIN, UNRESOLVED};

use crate::harness::Stage;

const NAME: &str = "rancher-metadata.test";

/// Gives stalls files of its own for the resolver.
const WITH_NAMES: &str =
    r#"mount --bind "$HOSTS" /etc/hosts && mount --bind "$RESOLV" /etc/resolv.conf && exec "$0" "$@""#;

/// Makes all connections to the metadata service new ones.
async fn reconnect(stage: &Stage) {
    stage.server.stop().await;
    stage.server.restart().await;
}

#[tokio::test]
async fn the_address_that_answered_last_is_used_while_the_name_cannot_be_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let (hosts, resolv) = (folder.path().join("hosts"), folder.path().join("resolv.conf"));
    let stage = Stage::prepared(2).await;
    let server = stage.server.address();
    let known = format!("{} {NAME}\n", server.ip());
    fs::write(&hosts, &known).unwrap();
    // Nobody answers there.
    fs::write(&resolv, format!("nameserver {}\n", server.ip())).unwrap();
    let mut program = vec!["unshare", "--mount"];
    if !geteuid().is_root() {
        program.push("--map-root-user");
    }
    program.extend(["sh", "-c", WITH_NAMES]);
    let stage = stage.env("HOSTS", hosts.display()).env("RESOLV", resolv.display()).through(&program);
    let url = format!("http://{NAME}:{}/2015-12-19", server.port());
    let mut stage = stage.env("METADATA_URL", url).started().await;

    // In place: another file would not be the one that is mounted.
    fs::write(&hosts, "").unwrap();
    reconnect(&stage).await;
    stage.change(|world| world.web().scale_to(3)).await;
    stage.applied().await;
    stage.settled().await;
    let said = stage.line(UNRESOLVED).await;
    assert_eq!(said["address"], server.to_string(), "{said}");

    fs::write(&hosts, &known).unwrap();
    reconnect(&stage).await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.applied().await;
    stage.line(RESOLVED_AGAIN).await;
    stage.expect_lines(UNRESOLVED, 1).await;
    assert!(stage.lines(FAULT_ENDS).len() <= 2, "the connections broke twice");
    stage.end().await;
}
