//! The network with all containers on it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    process, thread,
};

use stalls_lab::{
    client::{Held, await_landing, await_refused},
    metadata::{Listed, Roster},
};
use tempfile::TempDir;

use super::{
    BASE, POOL, Run, SOON,
    engine::{attempt, docker},
    lab_image,
    run::check_log,
    turn::Turn,
};

/// The label of all that a test creates on the engine.
const LABEL: &str = "stalls.container-test";

/// The addresses that Rancher's managed network has.
const SUBNET: &str = "10.42.0.0/16";

/// Where stalls is.
pub(super) const STALLS: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 5);

const METADATA: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 2);

/// The port that the containers listen on.
const BACKEND_PORT: u16 = 8080;

/// A network of its own, with a metadata service that tells of `app/web`, and that service's containers.
///
/// At its end every line that stalls has logged is checked for its form; if the test has failed, all logs are printed.
pub(crate) struct Stage {
    name: String,
    roster: Roster,
    folder: TempDir,
    _turn: Turn,
}

// === Setting up ===

impl Stage {
    /// Everything runs but stalls.
    pub(crate) fn prepared(scale: u8) -> Self {
        let turn = Turn::wait();
        remove_everything();
        let roster = Roster { stalls: STALLS, web: Vec::new() };
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let mut stage = Self { name: format!("stalls-test-{}", process::id()), roster, folder, _turn: turn };
        docker(&["network", "create", "--label", LABEL, "--subnet", SUBNET, &stage.name]);
        stage.tell();
        for index in 1..=scale {
            stage.add(index.into(), Ipv4Addr::new(10, 42, 1, index));
        }
        let volume = format!("{}:/roster:ro", stage.folder.path().display());
        let alias = ["--network-alias=rancher-metadata", "--volume", &volume];
        stage.start(
            "metadata",
            METADATA,
            &alias,
            &lab_image(),
            &["metadata", "--listen=0.0.0.0:80", "--roster=/roster/roster.json"],
        );
        stage
    }

    /// Starts a container of the scaled service, which the metadata tells of from now on.
    pub(crate) fn add(&mut self, index: u32, address: Ipv4Addr) {
        let uuid = format!("web-{index}-at-{address}");
        let port = BACKEND_PORT.to_string();
        self.start(&uuid, address, &[], &lab_image(), &["container", "--port", &port, "--uuid", &uuid]);
        self.roster.web.push(Listed { index, uuid, address });
        self.tell();
    }

    /// The metadata tells of these containers alone; all of them run on.
    pub(crate) fn list(&mut self, listed: Vec<Listed>) {
        self.roster.web = listed;
        self.tell();
    }

    /// Ends a container, whatever the metadata tells; its address is free.
    pub(crate) fn end(&self, uuid: &str) {
        docker(&["rm", "--force", &self.container(uuid)]);
    }

    /// The containers that the metadata tells of.
    pub(crate) fn listed(&self) -> Vec<Listed> {
        self.roster.web.clone()
    }

    /// Replaces the file as a whole: a reader finds the old one or the new one.
    fn tell(&self) {
        let (new, file) = (self.folder.path().join("new"), self.folder.path().join("roster.json"));
        fs::write(&new, serde_json::to_string(&self.roster).unwrap()).expect("a file can be written");
        fs::rename(new, file).expect("a file can be renamed");
    }

    /// How to start stalls here.
    pub(crate) fn stalls(&self) -> Run {
        let volume = docker(&["volume", "create", "--label", LABEL]);
        Run::new(&self.container("stalls"), &self.name, LABEL, &volume)
    }

    fn start(&self, name: &str, address: Ipv4Addr, options: &[&str], image: &str, command: &[&str]) {
        let (container, ip) = (self.container(name), address.to_string());
        let run =
            ["run", "--detach", "--label", LABEL, "--name", &container, "--network", &self.name, "--ip", &ip];
        docker(&[&run, options, &[image], command].concat());
    }
}

// === The containers and the network ===

impl Stage {
    /// The engine's name for one of the containers: `stalls`, `metadata`, or one of the service's by its uuid.
    pub(crate) fn container(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// Stops the metadata service; its port refuses, its name is unknown.
    pub(crate) fn stop_metadata(&self) {
        docker(&["stop", "-t", "0", &self.container("metadata")]);
    }

    /// Starts it again, with the present roster.
    pub(crate) fn start_metadata(&self) {
        docker(&["start", &self.container("metadata")]);
    }

    /// Disconnects stalls from the network.
    pub(crate) fn disconnect_stalls(&self) {
        docker(&["network", "disconnect", &self.name, &self.container("stalls")]);
    }

    /// Connects it again.
    pub(crate) fn connect_stalls(&self) {
        let ip = STALLS.to_string();
        docker(&["network", "connect", "--ip", &ip, &self.name, &self.container("stalls")]);
    }

    /// The uuid that a container of the service reaches at this name and port.
    pub(crate) fn visit_from(&self, uuid: &str, to: &str) -> String {
        docker(&["exec", &self.container(uuid), "/stalls-lab", "visit", to])
    }

    /// A file that the containers may read, to be mounted.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("a file can be written");
        path.display().to_string()
    }
}

// === The ports ===

impl Stage {
    fn address(port: u16) -> SocketAddr {
        (STALLS, port).into()
    }

    /// The uuid of the container that belongs to this port.
    pub(crate) fn assigned(&self, port: u16) -> Option<&str> {
        let listed = self.roster.web.iter().find(|listed| listed.index == u32::from(port - BASE) + 1);
        listed.map(|listed| &*listed.uuid)
    }

    /// Waits until this port is as the metadata says.
    pub(crate) async fn port_settled(&self, port: u16) {
        let address = Self::address(port);
        let met = match self.assigned(port) {
            Some(uuid) => await_landing(address, uuid, SOON).await,
            None => await_refused(address, SOON).await,
        };
        met.unwrap_or_else(|not_yet| panic!("{not_yet}"));
    }

    /// Waits until every port is as the metadata says.
    pub(crate) async fn settled(&self) {
        for port in BASE..BASE + POOL {
            self.port_settled(port).await;
        }
    }

    /// Waits until the port refuses.
    pub(crate) async fn expect_refused(&self, port: u16) {
        await_refused(Self::address(port), SOON).await.unwrap_or_else(|not_yet| panic!("{not_yet}"));
    }

    /// Opens a connection that stays.
    pub(crate) async fn hold(&self, port: u16) -> Held {
        Held::connect(Self::address(port)).await.unwrap_or_else(|error| panic!("port {port}: {error}"))
    }
}

impl Drop for Stage {
    #[expect(clippy::print_stderr, reason = "the test runner shows a failed test's stderr")]
    fn drop(&mut self) {
        let failed = thread::panicking();
        let names = everything(&["ps", "--all", "--format={{.Names}}"]);
        let logs: Vec<_> = names.iter().map(|name| (name, attempt(&["logs", name]))).collect();
        if failed {
            for (name, log) in &logs {
                let [out, err] = [&log.stdout, &log.stderr].map(|bytes| String::from_utf8_lossy(bytes));
                eprintln!("=== {name}\n{out}{err}");
            }
        }
        remove_everything();
        if !failed {
            let of_stalls = logs.iter().filter(|(name, _)| **name == self.container("stalls"));
            of_stalls.for_each(|(_, log)| check_log(log));
        }
    }
}

/// Also what a test has left that was killed.
fn remove_everything() {
    for (list, remove) in [
        (&["ps", "--all", "--quiet"][..], &["rm", "--force", "--volumes"][..]),
        (&["network", "ls", "--quiet"], &["network", "rm"]),
        (&["volume", "ls", "--quiet"], &["volume", "rm"]),
    ] {
        let found = everything(list);
        if !found.is_empty() {
            let found: Vec<_> = found.iter().map(String::as_str).collect();
            attempt(&[remove, &found].concat());
        }
    }
}

fn everything(list: &[&str]) -> Vec<String> {
    let label = format!("--filter=label={LABEL}");
    let output = attempt(&[list, &[&label]].concat());
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
