//! An engine of a test's own, beside the machine's: one that may be restarted.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::harness::{SOON, succeed};

pub(crate) struct OwnEngine {
    folder: TempDir,
    /// More of dockerd's arguments.
    arguments: Vec<String>,
    daemon: Option<Child>,
    image: String,
    /// The bridge of its containers. An engine without one would remove the other engine's, `docker0`.
    bridge: String,
}

impl OwnEngine {
    /// It has the image, and a bridge of its own.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // Sockets have short paths.
        let folder = tempfile::Builder::new().prefix("se").tempdir_in("/tmp").unwrap();
        let image = std::env::var("DEBIAN_IMAGE").unwrap();
        let number = fastrand::u8(1..=250);
        let (bridge, address) = (format!("stalls{number}"), format!("10.213.{number}.1/24"));
        ip(&["link", "add", &bridge, "type", "bridge"]);
        ip(&["address", "add", &address, "dev", &bridge]);
        ip(&["link", "set", &bridge, "up"]);
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut engine = Self { folder, arguments, daemon: None, image, bridge };
        engine.boot();
        let archive = engine.path("image.tar");
        succeed(Command::new("docker").args(["save", "-o"]).arg(&archive).arg(&engine.image), "docker save");
        engine.docker(&["load", "-i", &archive.display().to_string()]);
        engine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path("d.sock").display())
    }

    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let mut docker = Command::new("docker");
        succeed(docker.args(["-H", &self.host()]).args(arguments), &format!("docker {}", arguments.join(" ")))
    }

    /// A plain container of the service `web`.
    pub(crate) fn run(&self, index: &str) -> String {
        let server = self.path("server.pl");
        fs::write(&server, include_str!("server.pl")).unwrap();
        let volume = format!("{}:/server.pl:ro", server.display());
        let index = format!("stalls.index={index}");
        let labels = ["--label", "stalls.service=web", "--label", &index];
        let run = ["run", "-d", "--init", "--restart", "always", "-v", &volume];
        self.docker(&[&run[..], &labels, &[&*self.image, "perl", "/server.pl"]].concat())[..12].to_owned()
    }

    /// Starts it, as it was before.
    pub(crate) fn boot(&mut self) {
        let log = fs::File::create(self.path("log")).unwrap();
        // The machine's own settings are its engine's, but for where images are kept.
        let own = fs::read_to_string("/etc/docker/daemon.json").unwrap_or_else(|_| "{}".into());
        let own: serde_json::Value = serde_json::from_str(&own).unwrap();
        let config =
            serde_json::json!({ "storage-driver": own["storage-driver"].as_str().unwrap_or_default() });
        fs::write(self.path("daemon.json"), config.to_string()).unwrap();
        let mut daemon = Command::new("dockerd");
        daemon
            .arg("--config-file")
            .arg(self.path("daemon.json"))
            .arg("--data-root")
            .arg(self.path("data"))
            .arg("--exec-root")
            .arg(self.path("exec"))
            .arg("--pidfile")
            .arg(self.path("pid"))
            .args(["--host", &self.host(), "--bridge", &self.bridge, "--iptables=false", "--ip6tables=false"])
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(log);
        self.daemon = Some(daemon.spawn().expect("there is dockerd"));
        let begun = Instant::now();
        let ping = || {
            Command::new("docker").args(["-H", &self.host(), "version"]).output().unwrap().status.success()
        };
        while !ping() {
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(begun.elapsed() < SOON, "the engine does not start: {}", log());
            sleep(Duration::from_millis(50));
        }
    }

    /// Ends it in good order.
    pub(crate) fn shut_down(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        drop(Command::new("kill").arg(daemon.id().to_string()).output());
        drop(daemon.wait());
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        // A test that fails must not fail once more while it unwinds.
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker").args(["-H", &self.host()]).args(arguments).output();
            output
                .map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let ids = docker(&["ps", "-aq"]);
        for id in ids.lines() {
            docker(&["rm", "-f", id]);
        }
        self.shut_down();
        drop(Command::new("ip").args(["link", "delete", &self.bridge]).output());
    }
}

#[track_caller]
fn ip(arguments: &[&str]) {
    succeed(Command::new("ip").args(arguments), &format!("ip {}", arguments.join(" ")));
}
