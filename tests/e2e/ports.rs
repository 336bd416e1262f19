//! `stalls ports`.

use std::{fs, net::Ipv4Addr};

use serde_json::{Value, json};
use stalls_lab::stalls::Launch;

use crate::harness::{Ended, launch, run};

/// Nothing answers at the metadata's address, and nobody listens on the ports.
fn ports(format: &str) -> Launch {
    let launch = launch(Ipv4Addr::LOCALHOST, "http://127.0.0.1:1/2015-12-19");
    launch.env("PORT_COUNT", 2).arg("ports").arg("--format").arg(format)
}

#[tokio::test]
async fn each_format_is_printed_from_the_settings_alone() {
    for (format, first) in [
        ("compose", "- \"127.0.0.1:5000:5000\""),
        ("rancher", "- \"127.0.0.1:5000:5000/tcp\""),
        ("env", "STALLS_PORTS=5000-5001"),
        ("json", "["),
        ("nft", "add table inet filter"),
    ] {
        let Ended { code, stdout, stderr } = run(&ports(format)).await;
        assert_eq!((code, &stdout[0][..], stderr.len()), (Some(0), first, 0), "{format}");
    }
    let Ended { code, stdout, .. } = run(&ports("sysctl")).await;
    assert_eq!((code, stdout.len()), (Some(0), 1));
    assert!(stdout[0].starts_with("net.ipv4.ip_local_reserved_ports = "), "{stdout:?}");
}

#[tokio::test]
async fn it_touches_nothing_and_needs_no_haproxy() {
    let folder = tempfile::tempdir().unwrap();
    let launch = ports("env").env("HAPROXY_BIN", "/nonexistent/haproxy");
    let launch = launch.env("STATE_DIR", folder.path().join("state").display());
    assert_eq!(run(&launch).await.code, Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_number_of_ports_that_nobody_has_said_is_an_assumption_and_that_is_said() {
    let Ended { code, stdout, stderr } = run(&ports("json").env("PORT_COUNT", "")).await;
    let pools: Value = serde_json::from_str(&stdout.concat()).unwrap();
    assert_eq!((code, &pools[0]["ports"], &pools[0]["is_assumed"]), (Some(0), &json!(64), &json!(true)));
    assert!(stderr.len() == 1 && stderr[0].contains("the pool of web has no size"), "{stderr:?}");
}

#[tokio::test]
async fn wrong_settings_and_formats_are_mistakes() {
    for (launch, says) in [
        (ports("compose").env("BASE_PORT", "x"), "BASE_PORT=\"x\": "),
        (ports("yaml"), "error: invalid value 'yaml' for '--format <FORMAT>'"),
    ] {
        let Ended { code, stdout, stderr } = run(&launch).await;
        assert_eq!((code, stdout.len()), (Some(64), 0));
        assert!(stderr[0].starts_with(says), "{stderr:?}");
    }
}
