//! Templates of users' own.

use std::{fs, net::Ipv4Addr};

use stalls_lab::stalls::messages::{NOT_ACCEPTED, SLOT_ASSIGNED};
use tempfile::TempDir;

use crate::harness::{Ended, REJECTED_AMONG_MANY, Stage, launch, run};

fn template(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template");
    fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

/// The shortest possible template.
const TEMPLATE: &str = "global\n  stats socket \"${HAP_CLI}\" mode 600 level admin expose-fd listeners\n\
    defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1h\n  timeout server 1h\n\
    {{#each listeners}}\nlisten p{{port}}\n  bind {{bind}}\n\
      server c {{#if server}}{{server}}{{else}}127.0.0.1:1 disabled{{/if}}\n{{/each}}\n";

#[tokio::test]
async fn a_custom_template_is_used() {
    let (_folder, path) = template(TEMPLATE);
    let mut stage = Stage::prepared(3).await.env("HAPROXY_TEMPLATE", path).started().await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    assert!(stage.haproxy_cfg().await.contains("timeout connect 1s"));
}

#[tokio::test]
async fn what_haproxy_rejects_is_a_mistake_in_its_own_words() {
    let (_folder, path) = template(&format!("{TEMPLATE}listen x\n  frobnicate here\n"));
    let stage = Stage::prepared(2).await.env("HAPROXY_TEMPLATE", &path);
    for launch in [stage.launch().clone(), stage.launch().clone().arg("render")] {
        let Ended { code, stdout, stderr } = run(&launch).await;
        assert_eq!((code, stdout.len(), stderr.len()), (Some(64), 0, 1), "{stderr:?}");
        let start = format!("HAPROXY_TEMPLATE={path:?}: is rejected by HAProxy: ");
        assert!(stderr[0].starts_with(&start), "{stderr:?}");
        assert!(stderr[0].contains("unknown keyword 'frobnicate' in 'listen' section"), "{stderr:?}");
        assert!(stderr[0].contains(": frobnicate here"), "{stderr:?}");
    }
}

#[tokio::test]
async fn the_documented_template_serves_with_all_that_settings_make_of_it() {
    let page = include_str!("../../docs/template.md");
    let (_, example) = page.split_once("```handlebars template\n").unwrap();
    let (_folder, path) = template(example.split_once("```").unwrap().0);
    let stage = Stage::prepared(3).await.env("HAPROXY_TEMPLATE", path).env("HEALTH_CHECK", true);
    let mut stage = stage.env("SEND_PROXY", "v2");
    stage.fleet().expect_proxy(2);
    let mut stage = stage.started().await;
    stage.change(|world| drop(world.web().replace(2))).await;
    stage.settled().await;
    stage.assert_no_reload();
}

#[tokio::test]
async fn what_haproxy_only_warns_of_is_used() {
    let without_times = TEMPLATE.replace("  timeout client 1h\n  timeout server 1h\n", "");
    assert_ne!(without_times, TEMPLATE);
    let (_folder, path) = template(&without_times);
    Stage::prepared(2).await.env("HAPROXY_TEMPLATE", path).started().await;
}

#[tokio::test]
async fn a_machine_without_haproxy_renders_what_nobody_has_tried() {
    let (_folder, path) = template(&format!("{TEMPLATE}listen x\n  frobnicate\n"));
    let stage = Stage::prepared(2).await.env("HAPROXY_TEMPLATE", path);
    let text = stage.env("HAPROXY_BIN", "/nonexistent/haproxy").render().await;
    assert!(text.ends_with("\n  frobnicate\n"), "{text}");
}

#[tokio::test]
async fn a_configuration_that_is_rejected_later_is_reported_in_haproxys_own_words() {
    let (_folder, path) = template(&format!("{TEMPLATE}{REJECTED_AMONG_MANY}"));
    let mut stage = Stage::prepared(3).await.env("HAPROXY_TEMPLATE", path);
    stage.start();
    let rejected = stage.line(NOT_ACCEPTED).await;
    assert_eq!((rejected["kind"].as_str(), rejected["level"].as_str()), (Some("rejected"), Some("error")));
    assert!(rejected["error"].as_str().unwrap().contains("unknown keyword 'frobnicate'"), "{rejected}");
    let kept = fs::read_to_string(stage.launch().run_dir().join("haproxy.cfg.rejected")).unwrap();
    assert!(kept.contains("  frobnicate "), "{kept}");
    // stalls neither checks it again nor starts HAProxy with it as long as only the routes differ.
    let mark = stage.stalls().log_mark();
    stage.change(|world| world.web().scale_to(4)).await;
    stage.line_after(mark, SLOT_ASSIGNED).await;
    stage.expect_lines(NOT_ACCEPTED, 1).await;
    stage.end().await;
}

#[tokio::test]
async fn a_template_that_cannot_be_rendered_is_a_mistake() {
    for text in ["{{#each listeners}}", "maxconn {{maxcon}}", "maxconn {{maxconn}}"] {
        let (_folder, path) = template(text);
        let alone = launch(Ipv4Addr::LOCALHOST, "http://127.0.0.1:1/2015-12-19");
        let ended = run(&alone.env("HAPROXY_TEMPLATE", path)).await;
        assert_eq!((ended.code, ended.stderr.len()), (Some(64), 1), "{:?}", ended.stderr);
        assert!(ended.stderr[0].starts_with("HAPROXY_TEMPLATE="), "{:?}", ended.stderr);
    }
}
