//! stalls in its container.

use std::{
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use stalls_lab::stalls::check_form;

use super::{
    POOL,
    engine::{attempt, docker},
    stage::STALLS,
    stalls_image, until,
};

/// A container of the image under test, started as docs/image.md has it: with a restart policy, a root that is
/// read-only, no capabilities, and a limit to its memory.
pub(crate) struct Run {
    name: String,
    options: Vec<String>,
    restart: String,
    pub(crate) volume: String,
}

// === Starting it ===

impl Run {
    pub(super) fn new(name: &str, network: &str, label: &str, volume: &str) -> Self {
        let ip = STALLS.to_string();
        let options = [
            ["--name", name],
            ["--label", label],
            ["--network", network],
            ["--network-alias", "stalls"],
            ["--ip", &ip],
            ["--memory", "128m"],
            ["--cap-drop", "ALL"],
            ["--security-opt", "no-new-privileges"],
            ["--tmpfs", "/run/stalls:uid=10001,gid=10001,mode=0700"],
        ];
        let run = Self {
            name: name.to_owned(),
            options: options.concat().into_iter().map(str::to_owned).collect(),
            restart: "always".to_owned(),
            volume: format!("{volume}:/var/lib/stalls"),
        };
        run.option("--read-only")
            .env("SERVICE_NAME", "web")
            .env("BACKEND_PORT", 8080)
            .env("BASE_PORT", 5000)
            .env("PORT_COUNT", POOL)
            .env("POLL_SLEEP_TIME_MS", 1000)
    }

    /// Adds an option of `docker run`.
    #[must_use]
    pub(crate) fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub(crate) fn env(self, name: &str, value: impl ToString) -> Self {
        self.option(&format!("--env={name}={}", value.to_string()))
    }

    /// Leaves it stopped once it has ended.
    #[must_use]
    pub(crate) fn once(mut self) -> Self {
        "no".clone_into(&mut self.restart);
        self
    }

    /// Mounts the volume in another way.
    #[must_use]
    pub(crate) fn volume(mut self, volume: String) -> Self {
        self.volume = volume;
        self
    }

    fn command(&self, detach: &[&str]) -> Vec<String> {
        let run = ["run", "--volume", &self.volume, "--restart", &self.restart];
        let run = [&run, detach].concat().into_iter().map(str::to_owned);
        run.chain(self.options.iter().cloned()).chain([stalls_image()]).collect()
    }

    /// Starts it.
    #[must_use]
    pub(crate) fn start(self) -> Self {
        docker(&self.command(&["--detach"]));
        self
    }

    /// Removes the container of an earlier start, and starts it anew; volumes stay.
    #[must_use]
    pub(crate) fn start_anew(self) -> Self {
        check_log(&attempt(&["logs", &self.name]));
        docker(&["rm", "--force", &self.name]);
        self.start()
    }

    /// Runs it to its end; its exit code and all that it wrote.
    pub(crate) fn ended_by_itself(self) -> (Option<i32>, String) {
        let output = attempt(&self.once().command(&["--rm"]));
        let written = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&written).into_owned())
    }
}

// === While it runs ===

impl Run {
    /// The whole log so far, of all starts of this container.
    pub(crate) fn log(&self) -> Vec<Value> {
        let log = attempt(&["logs", &self.name]).stdout;
        String::from_utf8_lossy(&log).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines so far that say this.
    pub(crate) fn lines(&self, message: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["msg"] == message).collect()
    }

    /// Waits until this has been logged so many times; returns the last of these lines.
    pub(crate) async fn said(&self, message: &str, times: usize) -> Value {
        until(message, || self.lines(message).len() >= times).await;
        self.lines(message)[times - 1].clone()
    }

    /// A field of `docker inspect`, such as `.State.ExitCode`.
    pub(crate) fn inspect(&self, what: &str) -> String {
        docker(&["inspect", "--format", &format!("{{{{{what}}}}}"), &self.name])
    }

    /// Runs a shell's command line in the container.
    pub(crate) fn shell(&self, command: &str) -> String {
        docker(&["exec", &self.name, "sh", "-c", command])
    }

    /// Kills process 1 from outside. After `docker kill` the engine would not restart it, as after `docker stop`.
    pub(crate) fn kill(&self) {
        let kill = format!("kill -9 {}", self.inspect(".State.Pid"));
        docker(&["run", "--rm", "--pid=host", "--user=0", "--entrypoint=sh", &stalls_image(), "-c", &kill]);
    }

    /// Waits until the restart policy has brought it back so many times.
    pub(crate) async fn restarted(&self, times: usize) {
        let back =
            || self.inspect(".RestartCount") == times.to_string() && self.inspect(".State.Running") == "true";
        until("a restart by the policy", back).await;
    }

    /// Has the engine stop it, with the time-out of `docker stop`.
    pub(crate) fn begin_stop(&self) -> Child {
        let mut stop = Command::new("docker");
        stop.args(["stop", &self.name]).stdout(Stdio::null());
        stop.spawn().expect("docker can be started")
    }

    /// Has the engine stop it; it has to exit with 0.
    pub(crate) fn stop(&self) {
        docker(&["stop", &self.name]);
        assert_eq!(self.inspect(".State.ExitCode"), "0");
    }
}

/// The time that `docker stop` gives a container before it is killed.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Checks that a container has written nothing but the log, and every line in its form.
#[track_caller]
pub(super) fn check_log(log: &Output) {
    let [log, beside] = [&log.stdout, &log.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(!log.is_empty(), "nothing was logged");
    log.lines().for_each(check_form);
    assert_eq!(beside, "", "this is not in the log");
}
