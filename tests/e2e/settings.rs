//! The settings, right and wrong ones.

use std::{fs, net::Ipv4Addr};

use crate::harness::{BASE, Ended, POOL, Stage, free_run, launch, run};
use stalls_lab::stalls::{Launch, messages::PLAN_APPLIED};

/// A start without a metadata server or containers.
fn alone() -> Launch {
    launch(Ipv4Addr::LOCALHOST, "http://127.0.0.1:1/2015-12-19")
}

#[tokio::test]
async fn all_mistakes_are_reported_at_once_a_line_each() {
    let Ended { code, stdout, stderr } = run(&alone()
        .without("SERVICE_NAME")
        .env("BACKEND_PORT", 70_000)
        .env("BASE_PORT", "5000x")
        .env("PORT_COUNT", 0)
        .env("BIND_ADDRESS", "localhost")
        .env("POLL_SLEEP_TIME_MS", "fast")
        .env("STATE_DIR", "/dev/null/stalls")
        .env("HAPROXY_BIN", "/nonexistent/haproxy")
        .env("LOG_LEVEL", "loud"))
    .await;
    assert_eq!((code, stdout.len()), (Some(64), 0));
    let variables = [
        "SERVICE_NAME is not set: ",
        "BACKEND_PORT=\"70000\": ",
        "BASE_PORT=\"5000x\": ",
        "PORT_COUNT=\"0\": ",
        "BIND_ADDRESS=\"localhost\": ",
        "POLL_SLEEP_TIME_MS=\"fast\": ",
        "STATE_DIR=\"/dev/null/stalls\": ",
        "HAPROXY_BIN=\"/nonexistent/haproxy\": ",
        "LOG_LEVEL=\"loud\": ",
    ];
    assert_eq!(stderr.len(), variables.len(), "{stderr:#?}");
    for variable in variables {
        assert_eq!(
            stderr.iter().filter(|line| line.starts_with(variable)).count(),
            1,
            "{variable}: {stderr:#?}"
        );
    }
}

#[tokio::test]
async fn what_the_machine_lacks_at_the_moment_is_no_mistake() {
    for (variable, value) in [
        ("HAPROXY_BIN", "/nonexistent/haproxy"),
        ("HAPROXY_TEMPLATE", "/nonexistent/haproxy.cfg.hbs"),
        ("STATE_DIR", "/proc/stalls"),
        ("RUN_DIR", "/sys/stalls"),
    ] {
        let ended = run(&alone().env(variable, value)).await;
        assert_eq!(
            (ended.code, ended.stdout.len(), ended.stderr.len()),
            (Some(75), 0, 1),
            "{:?}",
            ended.stderr
        );
        assert!(ended.stderr[0].starts_with(&format!("{variable}=\"{value}\": ")), "{:?}", ended.stderr);
    }
}

#[tokio::test]
async fn a_password_in_the_metadata_url_is_never_printed() {
    for url in
        ["http://user:s3cr3t@127.0.0.1/latest", "https://user:s3cr3t@127.0.0.1/", "user:s3cr3t@127.0.0.1"]
    {
        let launch = alone().env("METADATA_URL", url).env("LOG_LEVEL", "trace");
        for (launch, code) in [
            (launch.clone(), Some(64)),
            (launch.clone().arg("render"), Some(64)),
            (launch.clone().arg("--help"), Some(0)),
            (launch.clone().without("METADATA_URL").arg("--metadata-url").arg(url), Some(64)),
        ] {
            let ended = run(&launch).await;
            assert_eq!(ended.code, code, "{:?}", ended.stderr);
            let printed = [ended.stdout, ended.stderr].concat().join("\n");
            assert!(printed.contains("METADATA_URL") && !printed.contains("s3cr3t"), "{printed}");
        }
    }
}

#[tokio::test]
async fn a_pool_that_runs_past_the_last_port_is_a_mistake() {
    let ended = run(&alone().env("BASE_PORT", 65_530).env("PORT_COUNT", 7)).await;
    assert_eq!(ended.code, Some(64));
    assert_eq!(ended.stderr.len(), 1);
    assert!(
        ended.stderr[0].starts_with("PORT_COUNT=\"7\": the pool from port 65530 on"),
        "{:?}",
        ended.stderr
    );
}

#[tokio::test]
async fn empty_required_variables_are_missing() {
    let empty = alone().env("SERVICE_NAME", "").env("BACKEND_PORT", "").env("BASE_PORT", "");
    // Some of them, and nothing at all, which can be mended in two ways.
    for (launch, missing) in [(empty.clone(), 3), (empty.env("PORT_COUNT", ""), 2)] {
        let ended = run(&launch).await;
        assert_eq!((ended.code, ended.stderr.len()), (Some(64), missing), "{:?}", ended.stderr);
        assert!(ended.stderr.iter().all(|line| line.contains(" is not set: ")), "{:?}", ended.stderr);
    }
}

#[tokio::test]
async fn empty_optional_variables_are_as_good_as_none() {
    let mut stage = Stage::prepared(3).await.on_base(free_run(64));
    for variable in [
        "BIND_ADDRESS",
        "DRAIN_MS",
        "LINGER_MS",
        "HAPROXY_TEMPLATE",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "ON_LEAVE",
        "POLL_SLEEP_TIME_MS",
        "PORT_COUNT",
        "RECONCILE_INTERVAL_MS",
        "STACK_NAME",
        "PORT_REUSE_DELAY_MS",
    ] {
        stage = stage.env(variable, "");
    }
    let stage = stage.started().await;
    assert_eq!(stage.line(PLAN_APPLIED).await["free"], 61);
}

#[tokio::test]
async fn a_flag_wins_over_its_variable() {
    let stage = Stage::prepared(3).await.env("BASE_PORT", 7000);
    let ended = run(&stage.launch().clone().arg("render").arg("--base-port").arg("6000")).await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains(&"listen p6000".to_owned()), "{:#?}", ended.stdout);
}

#[tokio::test]
async fn render_prints_the_configuration_and_touches_nothing() {
    let stage = Stage::prepared(2).await;
    let text = stage.render().await;
    assert!(text.contains(&format!("listen p{BASE}\n")) && text.ends_with('\n'), "{text}");
    assert_eq!(text.matches("listen p").count(), usize::from(POOL));
    for folder in [stage.launch().state_dir(), stage.launch().run_dir()] {
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn render_says_when_the_metadata_is_away() {
    let stage = Stage::prepared(2).await;
    stage.server.stop().await;
    let ended = run(&stage.launch().clone().arg("render")).await;
    assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(69), 0, 1), "{:?}", ended.stderr);
    assert!(ended.stderr[0].contains(&stage.server.base_url()), "{:?}", ended.stderr);
}

#[tokio::test]
async fn help_names_every_setting_and_version_prints_the_version() {
    let help = run(&alone().arg("--help")).await;
    assert_eq!((help.code, help.stderr.len()), (Some(0), 0));
    let text = help.stdout.join("\n");
    for setting in stalls::SETTINGS {
        assert!(text.contains(&format!("[env: {}]", setting.name)), "{}: {text}", setting.name);
    }
    let version = run(&alone().arg("--version")).await;
    assert_eq!(version.code, Some(0));
    assert_eq!(version.stdout, [concat!("stalls ", env!("CARGO_PKG_VERSION"))]);
}

#[tokio::test]
async fn an_unknown_flag_is_a_mistake() {
    let ended = run(&alone().arg("--frobnicate")).await;
    assert_eq!((ended.code, ended.stdout.len()), (Some(64), 0));
    assert!(ended.stderr.join("\n").contains("--frobnicate"), "{:?}", ended.stderr);
}
