//! The image itself, before it is run.

use crate::harness::{docker, stalls_image};

/// What it may add to the image that it is made from. It is built for the tests, in less time and a third larger than a
/// release, whose size tests/release.sh checks.
const MAX_BYTES: u64 = 19 << 20;

fn inspect(image: &str, what: &str) -> String {
    docker(&["image", "inspect", "--format", what, image])
}

fn of_stalls(what: &str) -> String {
    inspect(&stalls_image(), what)
}

#[test]
fn it_says_what_it_is_and_which_version() {
    let label =
        |name: &str| of_stalls(&format!("{{{{index .Config.Labels \"org.opencontainers.image.{name}\"}}}}"));
    assert_eq!(label("title"), env!("CARGO_PKG_NAME"));
    assert_eq!(label("description"), env!("CARGO_PKG_DESCRIPTION"));
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), "Apache-2.0");
    let version = docker(&["run", "--rm", "--network=none", &stalls_image(), "--version"]);
    assert_eq!(version, format!("stalls {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_setting_of_haproxys_own_image_is_inherited() {
    let config = of_stalls(
        "{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.User}} {{.Config.WorkingDir}} {{.Config.StopSignal}}",
    );
    assert_eq!(config, r#"["stalls"] null 10001:10001 / SIGTERM"#);
    assert_eq!(of_stalls("{{json .Config.Volumes}}"), r#"{"/var/lib/stalls":{}}"#);
    assert_eq!(of_stalls("{{json .Config.Healthcheck.Test}}"), r#"["CMD","stalls","health"]"#);
}

#[test]
fn it_adds_no_more_to_haproxys_than_the_program() {
    let size = |image: &str| inspect(image, "{{.Size}}").parse::<u64>().unwrap();
    let base = of_stalls("{{index .Config.Labels \"org.opencontainers.image.base.name\"}}");
    let added = size(&stalls_image()) - size(&base);
    assert!(added <= MAX_BYTES, "{added} bytes");
}
