//! `stalls doctor`, and what stalls says of its host at the start.

use std::net::TcpListener;

use serde_json::Value;
use stalls_lab::stalls::{Launch, messages::HOST_FINDING};

use crate::harness::{BASE, Ended, Stage, run};

/// What it finds, and that its exit code is that of the worst.
async fn findings(launch: &Launch) -> Vec<Value> {
    let Ended { code, stdout, stderr } = run(&launch.clone().arg("doctor").arg("--json")).await;
    assert_eq!(stderr, [] as [&str; 0]);
    let mut found: Value = serde_json::from_str(&stdout.concat()).expect("it is JSON");
    let found = found["findings"].as_array_mut().map(std::mem::take).expect("an array");
    let is_bad =
        found.iter().any(|finding| ["error", "warning"].iter().any(|bad| finding["severity"] == *bad));
    assert_eq!(code, Some(i32::from(is_bad)), "{found:#?}");
    found
}

/// Those of one kind: the machine that runs the tests may have others.
async fn of_kind(launch: &Launch, kind: &str) -> Vec<Value> {
    findings(launch).await.into_iter().filter(|finding| finding["kind"] == kind).collect()
}

#[tokio::test]
async fn neither_stalls_nor_its_haproxy_is_a_finding() {
    let stage = Stage::with_scale(3).await;
    for finding in findings(stage.launch()).await {
        let concerns_stalls =
            ["port_taken", "userland_proxy", "directory", "source", "unpublished", "haproxy_missing"];
        assert!(!concerns_stalls.iter().any(|kind| finding["kind"] == *kind), "{finding}");
    }
    stage.assert_calm();
}

#[tokio::test]
async fn a_program_on_ports_of_the_pool_is_named_by_the_doctor_and_in_the_log() {
    let mut stage = Stage::prepared(3).await;
    let _taken = [1, 2, 5].map(|n| TcpListener::bind(stage.address(BASE + n)).expect("the port is free"));
    let pid = format!("(pid {})", std::process::id());
    stage.start();
    let logged = stage.line(HOST_FINDING).await;
    for finding in [&logged, &of_kind(stage.launch(), "port_taken").await[0]] {
        assert_eq!(
            (&finding["kind"], &finding["subject"]),
            (&"port_taken".into(), &"ports 5001-5002,5005".into())
        );
        assert!(finding["reason"].as_str().unwrap().contains(&pid), "{finding}");
        assert!(finding["remedy"].as_str().unwrap().contains("BASE_PORT"), "{finding}");
    }
    assert_eq!(logged["level"], "warning");
}

#[tokio::test]
async fn containers_on_ports_that_are_not_published_are_found() {
    let mut stage = Stage::prepared(8).await;
    let published = (BASE..BASE + 7).map(|port| format!("{port}:{port}/tcp")).collect();
    stage.change(|world| world.cattle("app", "stalls").ports = published).await;
    let found = of_kind(stage.launch(), "unpublished").await;
    assert_eq!((found.len(), &found[0]["subject"]), (1, &"ports 5007-5015".into()));
    let reason = found[0]["reason"].as_str().unwrap();
    assert_eq!(reason, "container app-web-8 is on 5007, but only 5000-5006 of the pool are published");
}

#[tokio::test]
async fn a_source_that_is_away_and_a_haproxy_that_is_missing_are_errors_with_the_worst_first() {
    let stage = Stage::prepared(1).await.env("HAPROXY_BIN", "/nonexistent/haproxy");
    stage.server.stop().await;
    let found = findings(stage.launch()).await;
    let errors: Vec<_> = found.iter().take_while(|finding| finding["severity"] == "error").collect();
    assert_eq!(
        errors.iter().map(|finding| &finding["kind"]).collect::<Vec<_>>(),
        ["haproxy_missing", "source"]
    );

    let Ended { code, stdout, .. } = run(&stage.launch().clone().arg("doctor")).await;
    assert_eq!((code, &stdout[0][..]), (Some(1), "error: /nonexistent/haproxy (haproxy_missing)"));
    assert!(stdout.iter().all(|line| !line.contains('\u{1b}')), "{stdout:?}");
}

#[tokio::test]
async fn a_dnat_rule_that_leads_a_port_elsewhere_is_found() {
    let rules = "add table ip lab; add chain ip lab pre { type nat hook prerouting priority -100; }; \
                 add rule ip lab pre tcp dport 5003 dnat to 10.1.1.1:80";
    let script = format!("nft '{rules}' && exec \"$@\"");
    let namespace = ["unshare", "--net", "sh", "-c", &script, "sh"];
    let stage = Stage::prepared(1).await.through(&namespace);
    let found = of_kind(stage.launch(), "dnat").await;
    assert_eq!((found.len(), &found[0]["subject"]), (1, &"port 5003".into()));
    assert!(
        found[0]["reason"].as_str().unwrap().ends_with("tcp dport 5003 dnat to 10.1.1.1:80"),
        "{found:?}"
    );
}
