//! A socket proxy between stalls and the engine, with the rules of tecnativa/docker-socket-proxy.

use std::{
    fs,
    process::{Child, Command},
};

use stalls_lab::{block::Block, haproxy};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::harness::{BASE, Project, SOON, Stage, composes, socket};

struct Proxy {
    child: Child,
    block: Block,
    _folder: TempDir,
}

impl Proxy {
    /// What is granted by default, and the containers if asked for. A silent event stream is cut after a second.
    fn start(containers: bool) -> Self {
        let (block, folder) = (Block::reserve(), tempfile::tempdir().unwrap());
        let address = block.listen(2375);
        let rule = |path: &str| {
            format!("    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/{path} }}\n")
        };
        let granted = ["_ping", "version", "events"].map(rule).concat();
        let granted = if containers { granted + &rule("containers") } else { granted };
        let config = format!(
            "defaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n\
             frontend proxy\n    bind {address}\n    http-request deny unless METH_GET\n{granted}    http-request deny\n    \
             use_backend events if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/events }}\n    default_backend engine\n\
             backend engine\n    server engine unix@{socket}\n\
             backend events\n    timeout server 1s\n    server engine unix@{socket}\n",
            socket = socket(),
        );
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, config).unwrap();
        let binary = haproxy::under_test().unwrap_or_else(|| "haproxy".into());
        let child = Command::new(binary).arg("-db").arg("-f").arg(&file).spawn().unwrap();
        Self { child, block, _folder: folder }
    }

    fn host(&self) -> String {
        format!("tcp://{}", self.block.listen(2375))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[actix_rt::test]
async fn a_proxy_that_allows_containers_alone_is_enough_and_cuts_streams_without_a_fault() {
    let (project, proxy) = (Project::new(&composes()[0], &[]), Proxy::start(true));
    project.scale(2);
    let stage = Stage::start(&project.name, &proxy.host());
    stage.await_numbers(&project, &[(BASE, 1), (BASE + 1, 2)]).await;
    let mark = stage.stalls.log_mark();
    sleep(std::time::Duration::from_secs(3)).await; // Streams are cut meanwhile.
    project.scale(3);
    stage.await_numbers(&project, &[(BASE, 1), (BASE + 1, 2), (BASE + 2, 3)]).await;
    let faults = stage.stalls.log_texts().into_iter().skip(mark).filter(|text| text.contains("source fault"));
    assert_eq!(faults.collect::<Vec<_>>(), Vec::<String>::new());
}

#[actix_rt::test]
async fn a_proxy_that_does_not_allow_containers_says_what_would_do() {
    let proxy = Proxy::start(false);
    let stage = Stage::start("any", &proxy.host());
    stage.stalls.await_log(|line| line.to_string().contains("CONTAINERS=1"), SOON).await;
}
