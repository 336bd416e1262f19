use std::sync::Arc;

use super::*;
use crate::{
    config::{Routes, template::tests::RELOADING},
    domain::Assignment,
    testing::{listen_settings, plan_of},
};

const LISTEN: ListenSettings = listen_settings(1024);

fn plan(addresses: &[(u16, &str)]) -> Plan {
    let mut routes: Routes = (5000..5003).map(|port| (port, None)).collect();
    routes.extend(addresses.iter().map(|(port, address)| (*port, Some(server(address)))));
    plan_of(7, &routes)
}

fn server(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 8080)
}

fn configured(plan: &Plan, excluded: &[u16]) -> HaproxyConfig {
    let renderer = Renderer::new(Template::built_in().unwrap(), LISTEN);
    let frame = renderer.frame(plan, &excluded.iter().copied().collect()).unwrap();
    HaproxyConfig::new(Arc::new(frame), plan)
}

fn rendered(plan: &Plan, excluded: &[u16], bind_address: Option<&str>) -> String {
    let listen = ListenSettings { bind_address: bind_address.map(|a| a.parse().unwrap()), ..LISTEN };
    let renderer = Renderer::new(Template::built_in().unwrap(), listen);
    renderer.render(&configured(plan, excluded)).unwrap()
}

#[test]
fn the_built_in_configuration() {
    insta::assert_snapshot!(rendered(&plan(&[(5000, "10.42.0.7"), (5002, "fd00::7")]), &[], None));
}

#[test]
fn the_built_in_configuration_with_the_proxy_protocol_and_health_checks() {
    let listen = ListenSettings {
        send_proxy: Some(ProxyProtocol::V2),
        health_check: Some(Duration::from_secs(2)),
        ..LISTEN
    };
    let renderer = Renderer::new(Template::built_in().unwrap(), listen);
    let plan = plan(&[(5000, "10.42.0.7")]);
    let frame = renderer.frame(&plan, &BTreeSet::new()).unwrap();
    insta::assert_snapshot!(renderer.render(&HaproxyConfig::new(Arc::new(frame), &plan)).unwrap());
}

#[test]
fn every_port_is_used_free_or_excluded() {
    let plan = plan(&[(5000, "10.42.0.7"), (5001, "10.42.0.8")]);
    let config = configured(&plan, &[5001, 22]);
    assert_eq!(config.routes, [(5000, Some(server("10.42.0.7"))), (5002, None)].into());
    assert_eq!((config.mapped(), config.free().collect()), (1, vec![5002]));
    assert_eq!(config.frame.excluded, [5001].into());
    assert!(!rendered(&plan, &[5001, 22], None).contains("5001"));
}

#[test]
fn no_name_reaches_the_configuration() {
    let mut plan = plan(&[(5000, "10.42.0.7")]);
    let evil = |occupant: &Assignment| Assignment { name: "evil\n    bind *:22".into(), ..occupant.clone() };
    plan.mappings[0].slots = plan.mappings[0].slots.iter().map(|(slot, it)| (*slot, evil(it))).collect();
    assert!(!rendered(&plan, &[], None).contains("evil"));
}

#[test]
fn listening_on_one_address_or_on_both_families() {
    let text = |bind| rendered(&plan(&[]), &[], Some(bind));
    assert!(text("127.0.0.9").contains("    bind 127.0.0.9:5000\n"));
    assert!(text("fd00::9").contains("    bind [fd00::9]:5000\n"));
    assert!(text("::").contains("    bind [::]:5000 v4v6\n"));
}

#[test]
fn silence_has_no_limit_but_the_setting_whether_a_connection_is_half_closed_or_not() {
    let timeouts = |idle_timeout| {
        let listen = ListenSettings { idle_timeout, ..LISTEN };
        let renderer = Renderer::new(Template::built_in().unwrap(), listen);
        let plan = plan(&[]);
        let frame = Arc::new(renderer.frame(&plan, &BTreeSet::new()).unwrap());
        let text = renderer.render(&HaproxyConfig::new(frame, &plan)).unwrap();
        let timeouts = text.lines().filter_map(|line| line.trim().strip_prefix("timeout "));
        timeouts.map(str::to_owned).collect::<Vec<_>>()
    };
    let limited_to = |limit: &str| {
        let limited = ["client", "server", "tunnel"].map(|side| format!("{side} {limit}"));
        [&limited[..], &["connect 3s".to_owned()]].concat()
    };
    assert_eq!(timeouts(None), limited_to("2073600000ms"));
    assert_eq!(timeouts(Some(Duration::from_secs(1))), limited_to("1000ms"));
}

#[test]
fn the_last_line_ends_even_if_the_template_does_not_end_it() {
    let template =
        Template::parse(include_str!("../haproxy.cfg.hbs").replace("\n{{/each}}", "{{/each}}").trim_end())
            .unwrap();
    let renderer = Renderer::new(template, LISTEN);
    assert!(renderer.render(&configured(&plan(&[]), &[])).unwrap().ends_with("disabled\n"));
}

#[test]
fn a_frame_is_the_same_as_long_as_nothing_differs_but_the_routes() {
    let digest = |template: &str, listen, plan: &Plan, excluded: &[u16]| {
        let renderer = Renderer::new(Template::parse(template).unwrap(), listen);
        renderer.frame(plan, &excluded.iter().copied().collect()).unwrap().digest
    };
    let built_in = include_str!("../haproxy.cfg.hbs");
    let (one, other) = (plan(&[]), plan(&[(5000, "10.42.0.7")]));
    let frame = digest(built_in, LISTEN, &one, &[]);
    assert_eq!(digest(built_in, LISTEN, &other, &[22]), frame);
    let larger = plan_of(7, &(5000..5004).map(|port| (port, None)).collect());
    let on_one = ListenSettings { bind_address: Some([127, 0, 0, 1].into()), ..LISTEN };
    let more = ListenSettings { descriptor_limit: 4096, ..LISTEN };
    let fewer = ListenSettings { max_connections_per_port: Some(7), ..LISTEN };
    let busier = ListenSettings { processors: 3, ..LISTEN };
    let impatient = ListenSettings { idle_timeout: Some(Duration::from_secs(1)), ..LISTEN };
    let proxied = [ProxyProtocol::V1, ProxyProtocol::V2]
        .map(|version| ListenSettings { send_proxy: Some(version), ..LISTEN });
    let checked = ListenSettings { health_check: Some(Duration::from_secs(1)), ..LISTEN };
    let reloading = digest(RELOADING, LISTEN, &one, &[]);
    for different in [
        digest(built_in, LISTEN, &one, &[5001]),
        digest(built_in, LISTEN, &larger, &[]),
        digest(built_in, on_one, &one, &[]),
        digest(built_in, more, &one, &[]),
        digest(built_in, fewer, &one, &[]),
        digest(built_in, busier, &one, &[]),
        digest(built_in, impatient, &one, &[]),
        digest(built_in, proxied[0], &one, &[]),
        digest(built_in, proxied[1], &one, &[]),
        digest(built_in, checked, &one, &[]),
        digest(&built_in.replace("1m", "2m"), LISTEN, &one, &[]),
        reloading.clone(),
    ] {
        assert_ne!(different, frame);
    }
    assert_ne!(digest(RELOADING, LISTEN, &other, &[]), reloading, "the routes are part of it");
}

#[test]
fn of_fixed_routes_those_are_left_out_that_the_plan_has_changed() {
    let renderer = Renderer::new(Template::parse(RELOADING).unwrap(), LISTEN);
    let (older, newer) = (
        plan(&[(5000, "10.42.0.7"), (5001, "10.42.0.8")]),
        plan(&[(5000, "10.42.0.7"), (5001, "10.42.0.9")]),
    );
    let frame = Arc::new(renderer.frame(&older, &BTreeSet::new()).unwrap());
    let routes = HaproxyConfig::new(frame, &newer).routes;
    assert_eq!(routes, [(5000, Some(server("10.42.0.7"))), (5002, None)].into());
}

#[test]
fn a_frame_has_the_newest_routes_and_its_own_ports() {
    let renderer = Renderer::new(Template::built_in().unwrap(), LISTEN);
    let frame = Arc::new(renderer.frame(&plan(&[(5000, "10.42.0.7")]), &BTreeSet::new()).unwrap());
    let grown = plan_of(8, &[(5001, Some(server("10.42.0.8"))), (5002, None), (5003, None)].into());
    let config = HaproxyConfig::new(frame, &grown);
    assert_eq!(config.routes, [(5000, None), (5001, Some(server("10.42.0.8"))), (5002, None)].into());
    assert_eq!(config.revision, 8);
}
