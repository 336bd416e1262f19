//! Many reloads in one run.

use stalls_lab::{
    haproxy::reload_template,
    stalls::messages::{CONFIG_WRITTEN, PLAN_APPLIED},
};

use crate::harness::{BASE, Process, Run, Stage, until};

const RELOADS: usize = 500;

/// After so many reloads memory and descriptors have reached their size.
const WARM: usize = 100;

/// The memory of a process may differ by this much for reasons other than a leak.
const SLACK_KB: u64 = 1024;

/// Makes reloads of changes of the last port.
async fn make_reloads(stage: &mut Stage, count: usize) {
    let all = stage.listed();
    let (_, others) = all.split_last().expect("there are containers");
    for number in 0..count {
        stage.list(if number % 2 == 0 { others.to_vec() } else { all.clone() });
        stage.port_settled(BASE + 2).await;
    }
}

/// stalls and HAProxy, once there is only one HAProxy and the copy of its configuration is written.
async fn at_rest(stalls: &Run) -> [Process; 2] {
    let haproxy = stalls.haproxy().await;
    // Until then a temporary file of the copy could be counted.
    let newest = |message| stalls.lines(message).iter().filter_map(|line| line["revision"].as_u64()).max();
    until("a copy of the newest plan", || newest(CONFIG_WRITTEN) >= newest(PLAN_APPLIED)).await;
    let processes = stalls.processes();
    let [stalls, _] = &processes[..] else { panic!("there are others: {processes:?}") };
    [stalls.clone(), haproxy]
}

/// How many files and sockets there are.
fn files(stalls: &Run) -> String {
    stalls.shell("find /run/stalls /var/lib/stalls | wc -l")
}

#[tokio::test]
async fn five_hundred_reloads_leave_nothing_behind() {
    let mut stage = Stage::prepared(3);
    let template = stage.file("haproxy.cfg.hbs", &reload_template());
    let stalls = stage.stalls().option(&format!("--volume={template}:/haproxy.cfg.hbs:ro"));
    // The last container runs on while it is missing.
    let stalls = stalls.env("HAPROXY_TEMPLATE", "/haproxy.cfg.hbs").env("LINGER_MS", 0).start();
    stage.settled().await;
    make_reloads(&mut stage, WARM).await;
    let before = at_rest(&stalls).await;
    let files_before = files(&stalls);
    make_reloads(&mut stage, RELOADS - WARM).await;
    let after = at_rest(&stalls).await;
    assert_eq!(files(&stalls), files_before);

    let reloads = stalls.lines(PLAN_APPLIED).iter().filter(|line| line["step"] == "reload").count();
    assert!(reloads >= RELOADS, "{reloads}");
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.name, before.name);
        assert!(!after.is_zombie);
        assert_eq!(after.descriptors, before.descriptors, "{after:?} {before:?}");
        assert!(after.memory_kb <= before.memory_kb + SLACK_KB, "{after:?} {before:?}");
    }
    stage.settled().await;
    stalls.stop();
}
