//! What all tests share: a project of Compose, and stalls beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    panic::Location,
    process::{Command, Output},
    time::Duration,
};

use stalls_lab::{
    block::Block,
    stalls::{Launch, Stalls},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// The first port of the pool, and how many there are.
pub(crate) const BASE: u16 = 5000;
pub(crate) const PORTS: u16 = 16;

/// How long anything may take. It only bounds a failure.
pub(crate) const SOON: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// The engine's socket: Docker's, or Podman's.
pub(crate) fn socket() -> String {
    env::var("ENGINE_SOCKET").unwrap_or_else(|_| "/var/run/docker.sock".into())
}

/// The paths of Compose to try, as tests/composes.sh prints them.
pub(crate) fn composes() -> Vec<String> {
    let composes = env::var("COMPOSES").expect("tests/docker.sh says which Composes there are");
    composes.split_whitespace().map(str::to_owned).collect()
}

fn engine() -> String {
    env::var("ENGINE").unwrap_or_else(|_| "docker".into())
}

/// Runs the engine's command line (`docker`, or ENGINE), which has to succeed; returns its output.
#[track_caller]
pub(crate) fn docker(arguments: &[&str]) -> String {
    let engine = engine();
    succeed(Command::new(&engine).args(arguments), &format!("{engine} {}", arguments.join(" ")))
}

#[track_caller]
pub(crate) fn succeed(command: &mut Command, what: &str) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(status.success(), "{what}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).trim().to_owned()
}

/// A project of Compose with the scaled service `web`, which goes with the test.
pub(crate) struct Project {
    compose: String,
    pub(crate) name: String,
    pub(crate) folder: TempDir,
}

impl Project {
    /// `extra` are more lines of the service, the last of which may lead on to more of the file.
    pub(crate) fn new(compose: &str, extra: &[&str]) -> Self {
        const INDENT: &str = "    ";
        let name = format!("stallstest{:08x}", fastrand::u32(..));
        let folder = tempfile::tempdir().unwrap();
        let image = env::var("DEBIAN_IMAGE").expect("tests/docker.sh names an image");
        let extra: String = extra.iter().map(|line| format!("{INDENT}{line}\n")).collect();
        let file = format!(
            "version: '2.4'\nservices:\n  web:\n    image: {image}\n    command: [perl, /server.pl]\n    init: true\n\
             {INDENT}stop_grace_period: 2s\n{INDENT}volumes: ['./server.pl:/server.pl:ro']\n{extra}"
        );
        fs::write(folder.path().join("docker-compose.yml"), file).unwrap();
        fs::write(folder.path().join("server.pl"), include_str!("server.pl")).unwrap();
        Self { compose: compose.to_owned(), name, folder }
    }

    #[track_caller]
    pub(crate) fn compose(&self, arguments: &[&str]) -> String {
        let mut compose = Command::new(&self.compose);
        compose.current_dir(self.folder.path()).args(["-p", &self.name]).args(arguments);
        succeed(&mut compose, &format!("{} {}", self.compose, arguments.join(" ")))
    }

    /// Scales the service, and leaves alone what runs.
    #[track_caller]
    pub(crate) fn scale(&self, count: usize) {
        self.compose(&["up", "-d", "--no-recreate", "--scale", &format!("web={count}")]);
    }

    /// The containers that run, by number; each says the beginning of its id to whoever connects.
    pub(crate) fn running(&self) -> BTreeMap<u64, String> {
        let project = format!("label=com.docker.compose.project={}", self.name);
        let ids = docker(&["ps", "-q", "--filter", &project, "--filter", "status=running"]);
        if ids.is_empty() {
            return BTreeMap::new();
        }
        // Podman's `ps` has no word for a label. The host name is the beginning of the id.
        let format = r#"{{.Config.Hostname}} {{index .Config.Labels "com.docker.compose.container-number"}}"#;
        let ids: Vec<_> = ids.lines().collect();
        let listed = docker(&[&["inspect", "--format", format], &*ids].concat());
        let line =
            |line: &str| line.split_once(' ').map(|(id, number)| (number.parse().unwrap(), id.to_owned()));
        listed.lines().filter_map(line).collect()
    }

    /// The id of the container of this number.
    #[track_caller]
    pub(crate) fn id(&self, number: u64) -> String {
        let running = self.running();
        running.get(&number).unwrap_or_else(|| panic!("number {number} does not run: {running:?}")).clone()
    }
}

/// What the test has made beside Compose, in the service of the project's name, goes with it, also after a failure.
impl Drop for Project {
    fn drop(&mut self) {
        let label = format!("label=stalls.service={}", self.name);
        let plain = Command::new(engine()).args(["ps", "-aq", "--filter", &label]).output();
        let plain = plain.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned());
        for id in plain.unwrap_or_default().lines() {
            drop(Command::new(engine()).args(["rm", "-f", id]).output());
        }
        let mut down = Command::new(&self.compose);
        drop(down.current_dir(self.folder.path()).args(["-p", &self.name, "down", "-t", "1"]).output());
    }
}

/// stalls, and where it listens.
pub(crate) struct Stage {
    pub(crate) stalls: Stalls,
    pub(crate) block: Block,
    _launch: Launch,
}

impl Stage {
    /// Follows the service `web` of this project, by the engine at `host`; a freed port is free for others at once.
    pub(crate) fn start(project: &str, host: &str) -> Self {
        Self::start_with(host, |launch| launch.env("STACK_NAME", project))
    }

    pub(crate) fn start_with(host: &str, change: impl FnOnce(Launch) -> Launch) -> Self {
        let block = Block::reserve();
        let launch = Launch::new(env!("CARGO_BIN_EXE_stalls"), block.listen_ip(), "http://127.0.0.1:1")
            .without("METADATA_URL")
            .env("SOURCE", "docker")
            .env("DOCKER_HOST", host)
            .env("PORT_REUSE_DELAY_MS", "0")
            .env("POLL_SLEEP_TIME_MS", "20000");
        let launch = change(launch);
        Self { stalls: launch.start(), block, _launch: launch }
    }

    /// Follows it by the engine's own socket.
    pub(crate) fn of(project: &Project) -> Self {
        Self::start(&project.name, &format!("unix://{}", socket()))
    }

    /// A connection to this port, and the id that its container has said; `None` if nothing answers.
    pub(crate) async fn connect(&self, port: u16) -> Option<(BufReader<TcpStream>, String)> {
        let connecting = async {
            let mut stream = BufReader::new(TcpStream::connect(self.block.listen(port)).await.ok()?);
            let mut name = String::new();
            stream.read_line(&mut name).await.ok()?;
            name.pop().map(|_| (stream, name))
        };
        timeout(Duration::from_secs(1), connecting).await.ok().flatten()
    }

    /// The container of each port that leads to one.
    pub(crate) async fn served(&self) -> BTreeMap<u16, String> {
        let mut served = BTreeMap::new();
        for port in BASE..BASE + PORTS {
            if let Some((_, name)) = self.connect(port).await {
                served.insert(port, name);
            }
        }
        served
    }

    /// Waits until each of these containers is on some port.
    #[track_caller]
    pub(crate) fn await_among(&self, ids: &[String]) -> impl Future<Output = ()> {
        self.await_that(format!("{ids:?}"), |served| {
            ids.iter().all(|id| served.values().any(|name| name == id))
        })
    }

    /// Waits until these containers, and no others, are on ports.
    #[track_caller]
    pub(crate) fn await_only(&self, ids: &[String]) -> impl Future<Output = ()> {
        let wanted: BTreeSet<_> = ids.iter().cloned().collect();
        self.await_that(format!("only {ids:?}"), move |served| {
            served.values().cloned().collect::<BTreeSet<_>>() == wanted
        })
    }

    /// Waits until exactly these ports lead to these containers.
    #[track_caller]
    pub(crate) fn await_served(
        &self,
        wanted: impl IntoIterator<Item = (u16, String)>,
    ) -> impl Future<Output = ()> {
        let wanted = BTreeMap::from_iter(wanted);
        self.await_that(format!("{wanted:?}"), move |served| *served == wanted)
    }

    #[track_caller]
    fn await_that(
        &self,
        what: String,
        is_so: impl Fn(&BTreeMap<u16, String>) -> bool,
    ) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            let begun = Instant::now();
            loop {
                let served = self.served().await;
                if is_so(&served) {
                    return;
                }
                assert!(begun.elapsed() < SOON, "{caller}: {what} should be served, but {served:?} is");
                sleep(STEP).await;
            }
        }
    }

    /// Waits until the numbers of the project are on these ports, and on no others.
    #[track_caller]
    pub(crate) fn await_numbers(&self, project: &Project, wanted: &[(u16, u64)]) -> impl Future<Output = ()> {
        let running = project.running();
        let id =
            |number: &u64| running.get(number).unwrap_or_else(|| panic!("{number} of {running:?}")).clone();
        self.await_served(wanted.iter().map(|(port, number)| (*port, id(number))).collect::<Vec<_>>())
    }
}
