//! Documents of a real metadata server, with services in various states.

use stalls_lab::metadata::{Fault, Scope};

use crate::harness::{BASE, POOL, Stage, routes, sample};

/// Has `stalls render` read a sample, in each version of the metadata.
async fn expect_mapping(name: &str, backends: &[(u16, &str)]) {
    for version in ["2015-12-19", "2016-07-29"] {
        let stage = Stage::prepared(0).await;
        let url = stage.server.url(version);
        let stage = stage.env("METADATA_URL", url);
        stage
            .server
            .fault_only(Scope::Documents, Fault::Body(sample(&format!("{version}--{name}")).into()))
            .await;
        let routes = routes(&stage.render().await);
        assert_eq!(routes.keys().copied().collect::<Vec<_>>(), Vec::from_iter(BASE..BASE + POOL));
        let mapped: Vec<_> =
            routes.iter().filter_map(|(port, backend)| Some((*port, backend.as_deref()?))).collect();
        assert_eq!(mapped, backends, "{version}--{name}");
    }
}

#[tokio::test]
async fn a_service_as_it_should_be() {
    let backends = [(5000, "127.0.1.1:8080"), (5001, "127.0.1.2:8080"), (5002, "127.0.1.3:8080")];
    expect_mapping("self_stack_services_web.json", &backends).await;
}

#[tokio::test]
async fn an_upgrade_with_two_containers_of_one_index() {
    let backends = [(5000, "127.0.1.1:8080"), (5001, "127.0.1.4:8080"), (5002, "127.0.1.3:8080")];
    expect_mapping("web--upgrade-dup-index.json", &backends).await;
}

#[tokio::test]
async fn a_container_that_has_no_address_yet() {
    let backends = [(5000, "127.0.1.1:8080"), (5001, "127.0.1.2:8080"), (5002, "127.0.1.3:8080")];
    expect_mapping("web--null-primary-ip.json", &backends).await;
}

#[tokio::test]
async fn containers_with_a_health_check() {
    let backends = [(5000, "127.0.1.1:8080"), (5001, "127.0.1.2:8080"), (5002, "127.0.1.3:8080")];
    expect_mapping("web--health-states.json", &backends).await;
}

#[tokio::test]
async fn a_service_at_scale_0() {
    expect_mapping("web--scale-0.json", &[]).await;
}

#[tokio::test]
async fn a_container_that_is_hardly_described_at_all() {
    let stage = Stage::prepared(0).await;
    let document = r#"{"name": "web", "containers": [{"uuid": "u", "primary_ip": "127.0.1.9"}]}"#;
    stage.server.fault_only(Scope::Documents, Fault::Body(document.into())).await;
    assert_eq!(routes(&stage.render().await)[&BASE].as_deref(), Some("127.0.1.9:8080"));
}

#[tokio::test]
async fn render_prints_the_configuration_that_a_running_stalls_process_writes() {
    let stage = Stage::with_scale(3).await;
    assert_eq!(stage.render().await, stage.haproxy_cfg().await);
}
