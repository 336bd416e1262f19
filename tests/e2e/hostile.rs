//! The metadata may contain anything at all.

use std::net::TcpListener;

use serde_json::{Value, json};
use stalls_lab::{
    backend::{Backends, Identity},
    client::landing,
    metadata::{Fault, Scope},
    stalls::messages::{FAULT_BEGINS, NOT_MAPPED, PLAN_APPLIED},
};

use crate::harness::{BASE, Stage, run, until};

/// Names that would break out of a configuration, a command of the runtime API, a log line or a
/// terminal.
fn hostile_names() -> Vec<String> {
    let names = [
        "web\n    bind *:22\nlisten evil\n    bind *:23",
        "\nglobal\n    daemon\n",
        "# no comment",
        "\"quoted\" 'twice' `thrice` \\",
        "; disable frontend p5000; shutdown sessions server p5000/c",
        "nul\0nul",
        "$(reboot) ${HAP_CLI} %[env(HOME)] {{maxconn}} <b>&amp;</b>",
        "\r\u{1b}[2J{\"msg\":\"forged\"}\u{2028}",
        "",
    ];
    names.map(str::to_owned).into_iter().chain(["x".repeat(10_000)]).collect()
}

#[tokio::test]
async fn container_names_change_nothing_but_the_log() {
    let names = hostile_names();
    let mut stage = Stage::prepared(names.len()).await;
    stage
        .change(|world| {
            for (container, name) in world.web().containers.iter_mut().zip(&names) {
                for text in [
                    &mut container.name,
                    &mut container.hostname,
                    &mut container.external_id,
                    &mut container.service_name,
                    &mut container.stack_name,
                    &mut container.metadata_kind,
                    &mut container.host_uuid,
                ] {
                    text.clone_from(name);
                }
                container.health_state = Some(name.clone());
                container.ports = vec![name.clone()];
                container.labels.insert(name.clone(), name.clone());
            }
        })
        .await;
    let mut stage = stage.started().await;
    let (haproxy, configuration) = (stage.haproxy().await, stage.haproxy_cfg().await);
    let conversation = stage.cli("show servers state; show stat").await;
    for place in [&conversation, &stage.run_files()] {
        for trace in
            ["evil", "twice", "reboot", "env(HOME)", "forged", "daemon", "nul\0", "xxxxxxxxxx", "\u{1b}"]
        {
            assert!(!place.contains(trace), "{trace}: {place}");
        }
    }
    stage
        .change(|world| {
            for container in &mut world.web().containers {
                container.name = format!("app-web-{}", container.index());
            }
        })
        .await;
    stage.caught_up().await;
    stage.settled().await;
    assert_eq!((stage.haproxy().await, stage.haproxy_cfg().await), (haproxy, configuration));
    assert_eq!(stage.lines("forged").len(), 0);
}

#[tokio::test]
async fn an_invalid_address_is_never_mapped() {
    let mut stage = Stage::with_scale(3).await;
    let hostile = [
        None,
        Some(""),
        Some("app-web-2.rancher.internal"),
        Some("0.0.0.0"),
        Some("::"),
        Some("127.0.0.1\n    bind *:22"),
        Some("127.0.0.1 check"),
        Some("127.0.0.1:22"),
        Some("127.1"),
    ];
    for address in hostile {
        let usual = stage.server.read(|world| world.service("app", "web").container(2).primary_ip.clone());
        let mark = stage.stalls().log_mark();
        stage.change(|world| world.web().edit(2, |c| c.primary_ip = address.map(str::to_owned))).await;
        stage.expect_refused(BASE + 1).await;
        stage.expect_port(BASE, &stage.uuid(1)).await;
        stage.expect_port(BASE + 2, &stage.uuid(3)).await;
        stage.line_after(mark, PLAN_APPLIED).await;
        assert!(!stage.haproxy_cfg().await.contains(":22"));
        stage.change(|world| world.web().edit(2, |container| container.primary_ip = usual)).await;
        stage.settled().await;
    }
}

#[tokio::test]
async fn of_two_containers_at_one_address_the_newer_one_is_mapped() {
    let mut stage = Stage::with_scale(3).await;
    let first = stage.server.read(|world| world.service("app", "web").container(1).clone());
    stage.change(|world| world.web().edit(2, |c| c.primary_ip.clone_from(&first.primary_ip))).await;
    stage.expect_port(BASE + 1, &first.uuid).await;
    stage.expect_refused(BASE).await;
    stage.expect_port(BASE + 2, &stage.uuid(3)).await;
    assert_eq!(stage.line(NOT_MAPPED).await["kind"], "address_taken");
}

#[tokio::test]
async fn a_container_may_have_an_ipv6_address() {
    let port = TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    let mut backends = Backends::new();
    let identity = Identity { uuid: "six".to_owned(), name: "app-web-1".to_owned() };
    backends.start([0, 0, 0, 0, 0, 0, 0, 1], port, identity).await;
    let mut stage = Stage::prepared(1).await.env("BACKEND_PORT", port);
    stage.change(|world| world.web().edit(1, |c| c.primary_ip = Some("::1".to_owned()))).await;
    stage.start();
    stage.expect_port(BASE, "six").await;
}

#[tokio::test]
async fn loopback_addresses_are_not_mapped_unless_they_are_allowed() {
    let mut stage = Stage::prepared(2).await.without("ALLOW_LOOPBACK");
    stage.start();
    stage.line(PLAN_APPLIED).await;
    stage.expect_refused(BASE).await;
    let unmapped = stage.line(NOT_MAPPED).await;
    assert_eq!(unmapped["containers"], 2);
    assert!(unmapped["reason"].as_str().unwrap().contains("ALLOW_LOOPBACK"), "{unmapped}");
}

#[tokio::test]
async fn an_invalid_index_leaves_the_container_its_port() {
    let mut stage = Stage::with_scale(3).await;
    let haproxy = stage.haproxy().await;
    for index in
        [json!(0), json!("0"), json!(-3), json!("-3"), json!("x"), json!(""), Value::Null, json!(1.5)]
    {
        stage.change(|world| world.web().edit(3, |container| container.service_index = index)).await;
        stage.caught_up().await;
        stage.settled().await;
    }
    stage.change(|world| world.web().edit(3, |container| container.service_index = json!(3))).await;
    stage.caught_up().await;
    stage.settled().await;
    assert_eq!(stage.haproxy().await, haproxy);
}

#[tokio::test]
async fn a_container_without_an_index_gives_way_to_one_that_has_it() {
    let mut stage = Stage::prepared(2).await;
    stage.change(|world| world.web().edit(1, |container| container.service_index = json!("x"))).await;
    let mut stage = stage.started().await;
    let (without, with) = (stage.uuid(1), stage.change(|world| world.web().begin_upgrade(1)).await);
    stage.expect_port(BASE, &with).await;
    stage.expect_port(BASE + 2, &without).await;
}

#[tokio::test]
async fn an_index_far_outside_of_the_pool_is_reported_once() {
    for index in [json!(70_000), json!("70000"), json!("99999999999999999999999")] {
        let mut stage = Stage::with_scale(3).await;
        stage.change(|world| world.web().edit(3, |container| container.service_index = index)).await;
        stage.expect_refused(BASE + 2).await;
        stage.expect_port(BASE, &stage.uuid(1)).await;
        stage.change(|world| world.web().scale_to(4)).await;
        stage.expect_port(BASE + 3, &stage.uuid(4)).await;
        stage.expect_lines(NOT_MAPPED, 1).await;
        let unmapped = stage.line(NOT_MAPPED).await;
        assert_eq!((&unmapped["kind"], &unmapped["level"]), (&json!("outside_pool"), &json!("warning")));
    }
}

#[tokio::test]
async fn the_servers_words_stay_within_their_line() {
    let mut stage = Stage::prepared(1).await;
    let words = format!("gone\nstalls render: all is well\u{1b}[2J{}", "x".repeat(100_000));
    stage.server.fault_only(Scope::Documents, Fault::NotFoundSaying(words)).await;
    let ended = run(&stage.launch().clone().arg("render")).await;
    assert_eq!((ended.code, ended.stderr.len()), (Some(69), 1), "{:?}", ended.stderr);
    assert!(ended.stderr[0].contains(r"gone\nstalls render") && !ended.stderr[0].contains('\u{1b}'));
    assert!(ended.stderr[0].len() < 1_000);
    stage.start();
    let fault = stage.line(FAULT_BEGINS).await;
    assert!(fault["error"].as_str().unwrap().contains("gone\nstalls") && fault.to_string().len() < 1_000);
}

#[tokio::test]
async fn the_token_is_nowhere_to_be_seen() {
    let mut stage = Stage::prepared(0).await.without("PORT_COUNT").env("LOG_LEVEL", "trace").started().await;
    let secret = r#"{"name": "web", "token": "secrettokenweb", "containers": [{"token": "secrettokenweb"#;
    stage.server.fault_only(Scope::Documents, Fault::Body(secret.into())).await;
    stage
        .change(|world| {
            world.web().metadata = json!({"token": "secrettokenmeta"});
            world.web().scale_to(3);
            for container in &mut world.web().containers {
                container.labels.insert("token".to_owned(), "secrettokenlabel".to_owned());
            }
        })
        .await;
    stage.line(FAULT_BEGINS).await;
    stage.server.clear_fault().await;
    stage.settled().await;
    stage.change(|world| world.web().scale_to(2)).await;
    stage.settled().await;
    until("a saved state", || stage.state_files().contains("app-web-1")).await;
    let printed = [stage.stalls().log_texts(), stage.stalls().stderr_lines()].concat().join("\n");
    for written in [printed, stage.run_files(), stage.state_files()] {
        assert!(!written.is_empty() && !written.contains("secrettoken"), "{written}");
    }
    assert!(landing(stage.address(BASE)).await.is_ok());
}
