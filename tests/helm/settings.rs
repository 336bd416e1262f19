//! What stalls is told, and that it understands.

use std::process::Command;

use serde_json::{Value, json};

use crate::chart::{NAMESPACE, objects, only, pod, run, variable, variables, with};

/// A name, labels, labels with slashes, named ports, with and without a size.
fn mappings() -> Value {
    json!({"mappings": {
        "web": {"service": "web", "backendPort": 8080, "basePort": 5000, "portCount": 3},
        "rooms": {"namespace": "games", "selector": "!canary,app=room,tier!=test,live", "backendPort": "game", "basePort": 6000},
        "brokers": {
            "namespace": "shop", "selector": "app.kubernetes.io/name=broker", "backendPort": "9094", "basePort": 9094,
            "portCount": 8,
        },
    }})
}

#[test]
fn mappings_become_the_setting() {
    let wanted = format!(
        "shop/app.kubernetes.io/name=broker:9094@9094+8 games/!canary,app=room,tier!=test,live:game@6000 {NAMESPACE}/web:8080@5000+3"
    );
    let objects = objects(&mappings());
    assert_eq!(variable(&objects, "MAPPINGS"), Some(wanted));
    assert_eq!(variable(&objects, "SOURCE").as_deref(), Some("kubernetes"));
}

#[test]
fn stalls_reads_what_its_pod_is_told_as_it_is_meant() {
    let mut stalls = Command::new(env!("CARGO_BIN_EXE_stalls"));
    stalls.args(["ports", "--format", "json"]).env_clear().envs(variables(&objects(&mappings())));
    let output = run(&mut stalls, "");
    assert!(output.status.success(), "{output:?}");
    let pools: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let pools =
        pools.iter().map(|pool| (pool["base_port"].clone(), pool["ports"].clone())).collect::<Vec<_>>();
    assert_eq!(pools, [(json!(9094), json!(8)), (json!(6000), json!(64)), (json!(5000), json!(3))]);
}

#[test]
fn each_setting_arrives_as_it_was_written() {
    let written = json!({
        "IDLE_TIMEOUT_MS": 2_073_600_000, "LINGER_MS": 0, "HEALTH_CHECK": false, "LOG_LEVEL": "debug", "ON_LEAVE": "",
        "DRAIN_MS": null,
    });
    let objects = objects(&with(json!({"settings": written})));
    for (name, wanted) in [
        ("IDLE_TIMEOUT_MS", Some("2073600000")),
        ("LINGER_MS", Some("0")),
        ("HEALTH_CHECK", Some("false")),
        ("LOG_LEVEL", Some("debug")),
        // An empty one counts as unset.
        ("ON_LEAVE", Some("")),
        ("DRAIN_MS", None),
    ] {
        assert_eq!(variable(&objects, name).as_deref(), wanted, "{name}");
    }
}

#[test]
fn the_pod_may_take_as_long_to_stop_as_its_connections_may_drain() {
    // 5 s are stalls' own, and some more are left.
    for (drain, seconds) in [(Value::Null, 20), (json!(0), 12), (json!(1), 13), (json!(86_400_000), 86_412)] {
        let objects = objects(&with(json!({"settings": {"DRAIN_MS": drain}})));
        assert_eq!(pod(&objects)["terminationGracePeriodSeconds"], seconds, "{drain}");
    }
}

#[test]
fn stalls_makes_its_directories_itself_in_volumes_that_others_may_write_to() {
    let objects = objects(&with(json!({})));
    let pod = pod(&objects);
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    for (volume, setting) in [("run", "RUN_DIR"), ("state", "STATE_DIR")] {
        let mount = mounts.iter().find(|mount| mount["name"] == volume).unwrap();
        let directory = variable(&objects, setting).unwrap();
        assert!(directory.starts_with(&format!("{}/", mount["mountPath"].as_str().unwrap())), "{directory}");
    }
}

#[test]
fn a_template_of_ones_own_arrives_whole_and_makes_new_pods() {
    let template = "global\n  maxconn {{maxconn}}\n\n{{#each ports}}\n{{/each}}\n";
    let rendered = objects(&with(json!({"template": template})));
    assert_eq!(only(&rendered, "ConfigMap")["data"], json!({"haproxy.cfg.hbs": template}));
    assert_eq!(variable(&rendered, "HAPROXY_TEMPLATE").as_deref(), Some("/etc/stalls/haproxy.cfg.hbs"));
    let checksum = |objects: &[Value]| {
        only(objects, "DaemonSet")["spec"]["template"]["metadata"]["annotations"]["checksum/template"].clone()
    };
    let other = objects(&with(json!({"template": format!("{template} ")})));
    assert_ne!(checksum(&rendered), checksum(&other));
}
