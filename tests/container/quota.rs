//! Public source: haproxy/haproxy#134, #797: many processors, and a quota of a part of one.

use crate::harness::Stage;

#[tokio::test]
async fn with_a_quarter_of_a_processor_haproxy_has_one_thread() {
    let stage = Stage::prepared(1);
    let stalls = stage.stalls().option("--cpus=0.25").start();
    stage.settled().await;
    assert_eq!(stalls.shell("grep nbthread /run/stalls/haproxy-g*/haproxy.cfg").trim(), "nbthread 1");
    stalls.stop();
}
