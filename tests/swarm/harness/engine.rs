//! A container engine in a network namespace of its own: a machine, as far as a swarm can tell.

use std::{
    env,
    fs::{self, File},
    net::Ipv4Addr,
    path::PathBuf,
    process::{self, Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The image of the tasks.
pub(crate) const IMAGE: &str = "stalls-lab:test";

/// How long an engine has to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// One that runs.
pub(crate) struct Engine {
    number: u8,
    process: Child,
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: tests/swarm.sh runs these tests"))
}

/// Runs a command that has to succeed; what it says, without the end of the last line.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it speaks UTF-8").trim_end().to_owned()
}

#[track_caller]
fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split_whitespace()));
}

impl Engine {
    /// The namespace and the engine in it; it has the image, and is in no swarm.
    pub(crate) fn start(number: u8) -> Self {
        // That of a test that was killed.
        leave(number);
        let node = name(number);
        ip(&format!("netns add {node}"));
        ip(&format!("link add {node} type veth peer name eth0 netns {node}"));
        ip(&format!("link set {node} master nodes up"));
        ip(&format!("-n {node} link set lo up"));
        ip(&format!("-n {node} addr add {}/24 dev eth0", address(number)));
        ip(&format!("-n {node} link set eth0 up"));
        ip(&format!("-n {node} route add default via 10.213.0.254"));
        let engine = Self { number, process: spawn(number) };
        engine.await_answer();
        let tar = PathBuf::from(variable("SWARM_FOLDER")).join("lab.tar");
        let entrypoint = "ENTRYPOINT [\"/stalls-lab\"]";
        engine.docker(&["import", "--change", entrypoint, &tar.display().to_string(), IMAGE]);
        engine
    }

    /// Its socket, as `DOCKER_HOST` has it.
    pub(crate) fn host(&self) -> String {
        host(self.number)
    }

    /// The node's name.
    pub(crate) fn name(&self) -> String {
        name(self.number)
    }

    /// The node's address.
    pub(crate) fn address(&self) -> Ipv4Addr {
        address(self.number)
    }

    /// Runs a command of Docker's that has to succeed; what it says.
    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        run(Command::new("docker").args(["--host", &self.host()]).args(arguments))
    }

    /// Runs one that may fail.
    pub(crate) fn attempt(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(["--host", &self.host()]).args(arguments).output().expect("docker can be started")
    }

    /// Kills the engine; its containers run on.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("a child can be killed");
        self.process.wait().expect("a child can be waited for");
    }

    fn await_answer(&self) {
        let since = Instant::now();
        while !self.attempt(&["info", "--format", "{{.Name}}"]).status.success() {
            let log = || fs::read_to_string(folder(self.number).join("log")).unwrap_or_default();
            assert!(since.elapsed() < PATIENCE, "{} does not answer: {}", self.name(), log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Engine {
    /// Its containers run on, without a network; they end with the namespace that the tests run in.
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        leave(self.number);
    }
}

/// Takes the node's network away, if there is one.
fn leave(number: u8) {
    for what in ["netns", "link"] {
        drop(Command::new("ip").args([what, "del", &name(number)]).output());
    }
}

/// Where the engine of this test keeps its files.
fn folder(number: u8) -> PathBuf {
    PathBuf::from(variable("SWARM_FOLDER")).join(format!("{}-{}", process::id(), name(number)))
}

fn name(number: u8) -> String {
    format!("node-{number}")
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, 0, number)
}

fn host(number: u8) -> String {
    format!("unix://{}", folder(number).join("docker.sock").display())
}

/// It has its own view of the machine's files, and the node's name for its host name.
fn spawn(number: u8) -> Child {
    let (node, folder) = (name(number), folder(number));
    fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    fs::write(folder.join("daemon.json"), "{}").expect("a file can be written");
    let at = |name: &str| folder.join(name).display().to_string();
    let log = File::create(folder.join("log")).expect("a file can be made");
    let set_host_name = format!("hostname {node} && exec dockerd \"$@\"");
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{node}"));
    command.args(["unshare", "--mount", "--uts", "sh", "-c", &set_host_name, "dockerd"]);
    command.args([
        "--config-file",
        &at("daemon.json"),
        "--data-root",
        &at("data"),
        "--exec-root",
        &at("exec"),
    ]);
    command.args(["--pidfile", &at("pid"), "--host", &host(number), "--storage-driver", "vfs"]);
    command.args(["--cgroup-parent", &format!("/{}", variable("SWARM_CGROUP"))]);
    let err = log.try_clone().expect("a file can be shared");
    let command = command.stdin(Stdio::null()).stdout(log).stderr(err);
    command.spawn().unwrap_or_else(|error| panic!("nsenter: {error}"))
}
