//! How to start stalls.

use std::{collections::BTreeMap, env, fs, mem, net::Ipv4Addr, path::PathBuf, process::Stdio, sync::Arc};

use tokio::process::Command;

use super::{home::Home, process::Stalls};
use crate::haproxy;

/// How to start stalls: with nothing in its environment but `PATH`, `HAPROXY_BIN` and what is set here.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
    own_process_group: bool,
    home: Arc<Home>,
}

impl Launch {
    /// Maps `app/web`'s port 8080 to 16 ports from 5000 on this address, with a detailed log, through
    /// [the HAProxy under test](haproxy::under_test). A container that is missing is gone at once.
    pub fn new(binary: impl Into<PathBuf>, listen_ip: Ipv4Addr, metadata_url: &str) -> Self {
        Self::at(Home::new(), binary, listen_ip, metadata_url)
    }

    /// As [`Launch::new`] has it, with these directories.
    pub fn at(home: Home, binary: impl Into<PathBuf>, listen_ip: Ipv4Addr, metadata_url: &str) -> Self {
        for directory in [home.state_dir(), home.run_dir()] {
            fs::create_dir(directory).expect("a directory can be made in a new temporary one");
        }
        let environment = [
            ("ADMIN_LISTEN", "off".to_owned()),
            ("ALLOW_LOOPBACK", "true".to_owned()),
            ("BACKEND_PORT", "8080".to_owned()),
            ("BASE_PORT", "5000".to_owned()),
            ("BIND_ADDRESS", listen_ip.to_string()),
            ("LINGER_MS", "0".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
            ("LOG_LEVEL", "debug".to_owned()),
            ("METADATA_URL", metadata_url.to_owned()),
            ("POLL_SLEEP_TIME_MS", "1000".to_owned()),
            ("PORT_COUNT", "16".to_owned()),
            ("RUN_DIR", home.run_dir().display().to_string()),
            ("SERVICE_NAME", "web".to_owned()),
            ("STATE_DIR", home.state_dir().display().to_string()),
        ];
        let haproxy = haproxy::under_test().map(|path| ("HAPROXY_BIN", path.display().to_string()));
        Self {
            binary: binary.into(),
            environment: environment
                .into_iter()
                .chain(haproxy)
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            arguments: Vec::new(),
            own_process_group: false,
            home: Arc::new(home),
        }
    }

    /// Sets a variable, in place of the default if there is one.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.insert(name.to_owned(), value.to_string());
        self
    }

    /// Leaves a variable out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Adds an argument to the command line.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Lets another program start it, such as `unshare`, whose last arguments are stalls and its arguments.
    ///
    /// # Panics
    ///
    /// When no program is named.
    #[must_use]
    pub fn through(mut self, program: &[&str]) -> Self {
        let (program, arguments) = program.split_first().expect("the program comes first");
        let inner = mem::replace(&mut self.binary, program.into()).display().to_string();
        let own = mem::take(&mut self.arguments);
        self.arguments = arguments.iter().map(ToString::to_string).chain([inner]).chain(own).collect();
        self
    }

    /// Starts it in a process group of its own, which the terminal's Ctrl-C does not reach.
    ///
    /// Not for tests: a runner that ends a test which hangs ends its process group.
    #[must_use]
    pub fn own_process_group(mut self) -> Self {
        self.own_process_group = true;
        self
    }

    /// Where stalls keeps its state.
    pub fn state_dir(&self) -> PathBuf {
        self.home.state_dir()
    }

    /// Where stalls keeps the configuration and the sockets of HAProxy.
    pub fn run_dir(&self) -> PathBuf {
        self.home.run_dir()
    }

    /// The HAProxy processes of this launch, of whichever of its processes.
    pub fn haproxy_pids(&self) -> Vec<u32> {
        self.home.haproxy_pids()
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When there is no such program, and outside a Tokio runtime.
    pub fn start(&self) -> Stalls {
        let mut command = Command::new(&self.binary);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.own_process_group {
            command.process_group(0);
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        Stalls::new(child, Arc::clone(&self.home))
    }
}
