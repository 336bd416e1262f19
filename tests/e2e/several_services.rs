//! Several services in one proxy: `app/web` and `shop/api`.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};
use stalls_lab::{
    backend::Fleet,
    metadata::Cattle,
    stalls::{
        Launch,
        messages::{FAULT_BEGINS, VERSION_FOLLOWED},
    },
};

use tokio::time::Instant;

use crate::harness::{BASE, Ended, SOON, Stage, launch, run};

const MAPPINGS: &str = "web:8080@5000+16 shop/api:9000@6000+4";
const API_BASE: u16 = 6000;
const API_PORT: u16 = 9000;

/// The settings that describe a single mapping.
const SINGLE: [&str; 4] = ["SERVICE_NAME", "BACKEND_PORT", "BASE_PORT", "PORT_COUNT"];

fn mapping(launch: Launch, mappings: &str) -> Launch {
    SINGLE.iter().fold(launch, |launch, name| launch.without(name)).env("MAPPINGS", mappings)
}

/// A stage whose stalls maps `shop/api`, too.
struct Two {
    stage: Stage,
    api: Fleet,
}

impl Two {
    /// Everything runs but stalls, which is to map this.
    async fn prepared(web: usize, api: usize, mappings: &str) -> Self {
        let stage = Stage::prepared(web).await.env("MAPPINGS", mappings);
        let stage = SINGLE.iter().fold(stage, |stage, name| stage.without(name));
        stage.server.change(|world| world.add_service("shop", "api").scale_to(api));
        let mut api = Fleet::new("shop", "api", API_PORT);
        api.sync(&stage.server).await;
        Self { stage, api }
    }

    /// Everything runs, and every port is as it should be.
    async fn started(web: usize, api: u32) -> Self {
        let Self { stage, api: fleet } = Self::prepared(web, api.try_into().unwrap(), MAPPINGS).await;
        let two = Self { stage: stage.started().await, api: fleet };
        two.api_is_settled(api).await;
        two
    }

    /// Changes `shop/api`, and lets its containers follow.
    async fn change_api<T>(&mut self, change: impl FnOnce(&mut Cattle<'_>) -> T) -> T {
        let result = self.stage.server.change(|world| change(&mut world.cattle("shop", "api")));
        self.api.sync(&self.stage.server).await;
        result
    }

    fn api_uuid(&self, index: u32) -> String {
        self.stage.server.read(|world| world.service("shop", "api").container(index).uuid.clone())
    }

    /// Waits until each of the containers 1 to `scale` is on its port, and the next port refuses.
    async fn api_is_settled(&self, scale: u32) {
        for (port, index) in (API_BASE..).zip(1..=scale) {
            self.stage.expect_port(port, &self.api_uuid(index)).await;
        }
        self.stage.expect_refused(API_BASE + u16::try_from(scale).unwrap()).await;
    }
}

#[tokio::test]
async fn two_services_scale_and_replace_and_neither_disturbs_the_other() {
    let mut two = Two::started(3, 2).await;
    let haproxy = two.stage.haproxy().await;
    let (mut web, mut api) = (two.stage.hold(BASE).await, two.stage.hold(API_BASE).await);
    two.stage.change(|world| world.web().scale_to(5)).await;
    two.stage.settled().await;
    two.change_api(|api| api.scale_to(3)).await;
    two.api_is_settled(3).await;
    let new = two.stage.change(|world| world.web().replace(2)).await;
    two.stage.expect_port(BASE + 1, &new).await;
    let new = two.change_api(|api| api.replace(2)).await;
    two.stage.expect_port(API_BASE + 1, &new).await;
    two.stage.change(|world| world.web().scale_to(0)).await;
    two.stage.settled().await;
    assert_eq!(api.check().await, Ok(()));
    two.change_api(|api| api.scale_to(0)).await;
    two.api_is_settled(0).await;
    two.stage.change(|world| world.web().scale_to(1)).await;
    two.stage.settled().await;
    assert!(web.check().await.is_err(), "its container is gone");
    assert_eq!(two.stage.haproxy().await, haproxy);
    two.stage.assert_no_reload();
    two.stage.end().await;
}

#[tokio::test]
async fn a_service_that_is_not_found_keeps_its_ports_and_the_other_one_in_the_long_poll() {
    let mut two = Two::started(2, 1).await;
    let mut held = two.stage.hold(API_BASE).await;
    two.stage.server.change(|world| world.stacks.retain(|stack| stack.name != "shop"));
    let fault = two.stage.line(FAULT_BEGINS).await;
    assert_eq!(
        (&fault["kind"], &fault["subject"]),
        (&"not_found".into(), &"/stacks/shop/services/api".into())
    );
    let document = shown(&two.stage, |it| it["source"]["state"] == "stale").await;
    let of = |service: usize, what: &str| document["services"][service][what].clone();
    assert_eq!((of(0, "state"), of(0, "kind")), (json!("ok"), json!(null)));
    assert_eq!((of(1, "state"), of(1, "kind")), (json!("stale"), json!("not_found")));
    two.stage.caught_up().await;
    let mark = two.stage.stalls().log_mark();
    two.stage.change(|world| world.web().scale_to(4)).await;
    two.stage.settled().await;
    two.stage.line_after(mark, VERSION_FOLLOWED).await;
    two.stage.caught_up().await;
    assert_eq!(held.check().await, Ok(()));
}

/// Both are on the host's network, say, and say the same port.
#[tokio::test]
async fn two_services_at_one_address_and_port_have_no_port_until_one_of_them_is_elsewhere() {
    let mut two = Two::prepared(2, 0, "web:8080@5000+16 shop/api:8080@6000+4").await;
    let shared: Ipv4Addr = two.stage.server.read(|world| world.service("app", "web").container(1).address());
    let own = two.stage.server.change(|world| {
        let mut api = world.cattle("shop", "api");
        api.scale_to(1);
        let own = api.container(1).primary_ip.clone();
        api.edit(1, |container| container.primary_ip = Some(shared.to_string()));
        own
    });
    two.stage.start();
    two.stage.expect_port(BASE + 1, &two.stage.uuid(2)).await;
    // Nobody can tell from outside which of the two listens there. At the start one of them is told of first.
    two.stage.expect_refused(BASE).await;
    two.stage.expect_refused(API_BASE).await;
    let document = shown(&two.stage, |it| it["unmapped"].as_array().unwrap().len() == 2).await;
    let kinds: Vec<_> = document["unmapped"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["shared_address", "shared_address"]);

    two.stage.server.change(|world| world.cattle("shop", "api").edit(1, |it| it.primary_ip = own));
    two.stage.settled().await;
    let is_settled = |it: &Value| it["unmapped"] == json!([]) && it["ports"][0]["state"] == "serving";
    shown(&two.stage, is_settled).await;
}

/// What `stalls status` says, once that is so: what is shown follows the ports by a moment.
async fn shown(stage: &Stage, is_so: impl Fn(&Value) -> bool) -> Value {
    let launch = stage.launch().clone().arg("status").arg("--json");
    let begun = Instant::now();
    loop {
        let document: Value = serde_json::from_str(&run(&launch).await.stdout.concat()).unwrap();
        if is_so(&document) {
            return document;
        }
        assert!(begun.elapsed() < SOON, "{document:#}");
    }
}

#[tokio::test]
async fn a_mapping_that_is_removed_costs_the_others_nothing() {
    let mut two = Two::started(2, 3).await;
    // Only what is saved says where containers without an index belong.
    two.change_api(|api| (1..=3).for_each(|index| api.edit(index, |it| it.service_index = json!("")))).await;
    let (second, third) = (two.api_uuid(2), two.api_uuid(3));
    two.change_api(|api| api.remove(1)).await;
    two.stage.expect_refused(API_BASE).await;
    two.stage.expect_port(API_BASE + 1, &second).await;
    two.stage.end().await;

    two.stage = two.stage.env("MAPPINGS", "shop/api:9000@6000+4");
    two.stage.start();
    two.stage.expect_port(API_BASE + 1, &second).await;
    two.stage.expect_port(API_BASE + 2, &third).await;
    two.stage.expect_refused(API_BASE).await;
    two.stage.expect_refused(BASE).await;
    two.stage.end().await;

    two.stage = two.stage.env("MAPPINGS", MAPPINGS);
    two.stage.start();
    two.stage.settled().await;
    two.stage.expect_port(API_BASE + 2, &third).await;
}

#[tokio::test]
async fn status_and_its_document_tell_the_services_apart() {
    let two = Two::started(1, 1).await;
    let launch = two.stage.launch().clone().arg("status");
    // What is shown follows the ports by a moment.
    let begun = Instant::now();
    let shown = loop {
        let Ended { code, stdout, .. } = run(&launch).await;
        if code == Some(0) && stdout.iter().filter(|line| line.contains("  serving  ")).count() == 2 {
            break stdout;
        }
        assert!(begun.elapsed() < SOON, "{stdout:#?}");
    };
    let row = |port: &str| shown.iter().find(|line| line.starts_with(port)).unwrap();
    assert!(row("5000").ends_with("  web") && row("6000").ends_with("  shop/api"), "{shown:#?}");
    assert!(shown.contains(&"free: 5001-5015,6001-6003 (18)".to_owned()), "{shown:#?}");

    let document: Value = serde_json::from_str(&run(&launch.arg("--json")).await.stdout.concat()).unwrap();
    let service = |service: &Value| (service["service"].clone(), service["base_port"].clone());
    let services: Vec<_> = document["services"].as_array().unwrap().iter().map(service).collect();
    assert_eq!(services, [(json!("web"), json!(BASE)), (json!("shop/api"), json!(API_BASE))]);
}

#[tokio::test]
async fn the_doctor_looks_at_all_pools() {
    let two = Two::prepared(1, 1, MAPPINGS).await;
    let _taken = TcpListener::bind(two.stage.address(API_BASE + 1)).unwrap();
    let ended = run(&two.stage.launch().clone().arg("doctor").arg("--json")).await;
    let document: Value = serde_json::from_str(&ended.stdout.concat()).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let of_kind = |kind: &str| findings.iter().filter(|it| it["kind"] == kind).collect::<Vec<_>>();
    let taken = of_kind("port_taken");
    assert_eq!((taken.len(), &taken[0]["subject"]), (1, &json!("port 6001")), "{document:#}");
    assert!(of_kind("source").is_empty(), "{document:#}");
}

#[tokio::test]
async fn a_service_that_is_missing_is_named_and_the_others_are_rendered() {
    let two = Two::prepared(1, 0, "web:8080@5000+16 shop/nobody:9000@6000+4").await;
    let rendered = run(&two.stage.launch().clone().arg("render")).await;
    assert_eq!((rendered.code, rendered.stderr.len()), (Some(0), 1), "{:?}", rendered.stderr);
    assert!(rendered.stderr[0].contains("no usable answer about shop/nobody"), "{:?}", rendered.stderr);
    assert!(rendered.stdout.concat().contains(":5000"), "{:?}", rendered.stdout);
    let ended = run(&two.stage.launch().clone().arg("doctor").arg("--json")).await;
    let document: Value = serde_json::from_str(&ended.stdout.concat()).unwrap();
    let findings = document["findings"].as_array().unwrap().iter().filter(|it| it["kind"] == "source");
    let reasons: Vec<_> = findings.map(|it| it["reason"].as_str().unwrap()).collect();
    assert!(reasons.len() == 1 && reasons[0].contains("about shop/nobody"), "{document:#}");
}

#[tokio::test]
async fn a_recording_of_two_services_is_decided_upon_once_more() {
    let Two { stage, api } = Two::prepared(2, 2, MAPPINGS).await;
    let dir = stage.state_dir().with_file_name("recorded");
    let mut two = Two { stage: stage.env("RECORD_DIR", dir.display()).started().await, api };
    two.api_is_settled(2).await;
    two.change_api(|api| api.scale_to(1)).await;
    two.stage.change(|world| world.web().scale_to(3)).await;
    two.stage.settled().await;
    two.api_is_settled(1).await;
    two.stage.end().await;
    let ended = run(&launch(Ipv4Addr::LOCALHOST, "").arg("replay").arg(dir.to_str().unwrap())).await;
    let text = ended.stdout.join("\n");
    assert_eq!(ended.code, Some(0), "{text}");
    for said in ["web:8080", "shop/api:9000", " 5002  leads to ", " 6001  ", ", each as it was recorded"] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_ports_of_all_pools_are_printed() {
    let ports = |format: &str| {
        let alone = launch(Ipv4Addr::LOCALHOST, "http://127.0.0.1:1/2015-12-19");
        mapping(alone, "web:8080@5000+2 shop/api:9000@6000").arg("ports").arg("--format").arg(format)
    };
    let Ended { code, stdout, stderr } = run(&ports("env")).await;
    assert_eq!((code, &stdout[..]), (Some(0), &["STALLS_PORTS=5000-5001,6000-6063".to_owned()][..]));
    assert!(stderr.len() == 1 && stderr[0].contains("the pool of shop/api has no size"), "{stderr:?}");
    let pools: Value = serde_json::from_str(&run(&ports("json")).await.stdout.concat()).unwrap();
    assert_eq!((&pools[0]["service"], &pools[0]["is_assumed"]), (&json!("web"), &json!(false)));
    assert_eq!((&pools[1]["service"], &pools[1]["base_port"]), (&json!("shop/api"), &json!(API_BASE)));
}

#[tokio::test]
async fn all_mistakes_in_a_list_end_the_start_at_once() {
    let alone = launch(Ipv4Addr::LOCALHOST, "http://127.0.0.1:1/2015-12-19");
    let start = |mappings: &str| mapping(alone.clone(), mappings).env("LOG_LEVEL", "loud");
    for (mappings, mistakes) in [
        ("web a/b/c:1@2 web:0@70000", vec!["web", "a/b/c:1@2", "web:0@70000", "web:0@70000"]),
        ("web:1@5000 api:1@5001 web:1@7000", vec!["api:1@5001", "web:1@7000"]),
    ] {
        let Ended { code, stdout, stderr } = run(&start(mappings)).await;
        assert_eq!((code, stdout.len()), (Some(64), 0));
        let wanted = mistakes.iter().map(|entry| format!("MAPPINGS=\"{entry}\": "));
        for (line, wanted) in stderr.iter().zip(wanted.chain(["LOG_LEVEL=\"loud\": ".to_owned()])) {
            assert!(line.starts_with(&wanted), "{wanted}: {stderr:#?}");
        }
        assert_eq!(stderr.len(), mistakes.len() + 1, "{stderr:#?}");
    }
    let both = run(&alone.env("MAPPINGS", "web:1@5000")).await;
    assert_eq!((both.code, both.stderr.len()), (Some(64), 1), "{:?}", both.stderr);
    assert!(
        both.stderr[0].contains("so does SERVICE_NAME, BACKEND_PORT, BASE_PORT, PORT_COUNT"),
        "{:?}",
        both.stderr
    );
}
