//! A fault inside stalls, in the real system: a real panic in a real actor.

use std::{
    num::NonZeroU16,
    sync::{Arc, Mutex},
    time::Duration,
};

use slog::{Drain, Level, Logger, Never, OwnedKVList, Record, o};
use stalls_actors::{
    config::Template,
    domain::{Mapping, ServiceRef},
    haproxy::OnLeave,
};
use stalls_lab::{
    block::Block,
    metadata::{MetadataOptions, MetadataServer, World},
};

use super::run;
use crate::{
    exit::Exit,
    logging::{Format, Options},
    settings::{Settings, SourceSetting},
};

/// Collects the critical messages.
#[derive(Clone, Default)]
struct Critical(Arc<Mutex<Vec<String>>>);

impl Drain for Critical {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
        if record.level() == Level::Critical {
            self.0.lock().unwrap().push(record.msg().to_string());
        }
        Ok(())
    }
}

/// A delay that no checked setting can have: adding it to the time overflows, which panics.
fn settings_that_panic(metadata_url: String, folder: &std::path::Path) -> Settings {
    let port = |port| NonZeroU16::new(port).unwrap();
    Settings {
        mappings: vec![Mapping {
            service: ServiceRef { stack: None, service: "web".into() },
            backend_port: port(8080).into(),
            base_port: port(5000),
            port_count: Some(port(4)),
        }],
        source: SourceSetting::Rancher { metadata_url },
        poll_sleep: Duration::from_secs(1),
        bind_address: None,
        allow_loopback: true,
        state_dir: folder.to_owned(),
        run_dir: folder.join("run"),
        record_dir: None,
        haproxy_bin: "/nonexistent".into(),
        template_file: None,
        template: Template::built_in().unwrap(),
        reconcile_interval: Duration::from_secs(30),
        on_leave: OnLeave::ByState,
        max_connections_per_port: None,
        idle_timeout: None,
        send_proxy: None,
        health_check: false,
        health_check_interval: Duration::from_secs(2),
        max_draining: 16,
        drain: Duration::ZERO,
        port_reuse_delay: Duration::MAX,
        linger: Duration::ZERO,
        admin_listen: None,
        admin_hosts: Vec::new(),
        effective: Vec::new(),
        log: Options { format: Format::Json, level: Level::Info },
    }
}

#[test]
fn a_panic_in_an_actor_is_logged_as_critical_and_stops_stalls_with_exit_code_70() {
    let lab = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let block = Block::reserve();
    let server =
        lab.block_on(MetadataServer::start(MetadataOptions::new(World::new(block.container_addresses(), 3))));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let critical = Critical::default();
    let log = Logger::root(critical.clone(), o!());

    let exit = run(settings_that_panic(server.base_url(), folder.path()), &log);

    assert_eq!(exit, Exit::Internal);
    assert_eq!(*critical.0.lock().unwrap(), ["actor ended unexpectedly, stopping"]);
}
