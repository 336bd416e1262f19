//! Starts the actors, connects them in the order of the data flow, and stops them.

#[cfg(test)]
mod tests;

use std::{io, process, sync::Arc, time::Duration};

use actix::Addr;
use actix_rt::Arbiter;
use rustix::system::uname;
use slog::{Logger, crit, info, o, warn};
use stalls_actors::{
    Children, ReportsChanged,
    allocation::PortAllocator,
    config::{ConfigFile, ConfigWriter, Renderer, WriterSettings},
    haproxy::{HaproxySupervisor, LocalHaproxy, SupervisorSettings, UnixSocketApi, Writer},
    messages::{Leave, Shutdown},
    metadata::{MetadataPoller, PollerSettings},
    probing::TcpConnect,
    recording::RecordDir,
    remove_unfinished,
    state::StateFile,
    supervise::{ActorSet, End, Prepared},
};
use tokio::time::timeout;

use crate::{
    admin::{Admin, AllowedHosts, Api, HealthProbe, Steering},
    doctor::{self, Finding},
    exit::Exit,
    locks::{DirLocks, LockError},
    settings::Settings,
    signals::{ShutdownSignal, ShutdownSignals, reap_orphans},
    source::source,
    status::Follower,
};

/// PID 1 inherits every orphan of its container.
const INIT: u32 = 1;
/// How long the actors may take to stop, beyond the drain time of HAProxy.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until a signal or a fault.
pub(crate) fn run(settings: Settings, log: &Logger) -> Exit {
    if let Err(error) = settings.listen().limits(settings.pools().map(|pool| pool.ports.len() as u64).sum()) {
        crit!(log, "the pool cannot be served"; "error" => %error);
        return Exit::Temporary;
    }
    let locks = match DirLocks::take(settings.directories()) {
        Ok(locks) => locks,
        Err(error) => {
            crit!(log, "cannot lock directory"; "error" => %error);
            return match error {
                LockError::InUse { .. } => Exit::Config,
                LockError::Io { .. } => Exit::Temporary,
            };
        }
    };
    for directory in settings.directories() {
        remove_unfinished(directory);
    }
    let findings = doctor::at_start(&settings);
    doctor::log(&findings, log);
    let state = match StateFile::opened_in(&settings.state_dir) {
        Ok(state) => state,
        Err(error) => {
            crit!(log, "saved assignments cannot be read"; "error" => %error);
            return Exit::Temporary;
        }
    };
    let runner = actix_rt::System::new();
    let served = runner.block_on(serve(settings, state, findings, &locks, log));
    // Dropping it would wait for threads that may hang in a DNS lookup or on a disk.
    std::mem::forget(runner);
    served.unwrap_or_else(|error| {
        crit!(log, "cannot handle signals"; "error" => %error);
        Exit::Temporary
    })
}

async fn serve(
    settings: Settings,
    state: StateFile,
    findings: Vec<Finding>,
    locks: &DirLocks,
    log: &Logger,
) -> io::Result<Exit> {
    let mut signals = ShutdownSignals::listen()?;
    let children = Children::default();
    if process::id() == INIT {
        reap_orphans(children.clone(), log.clone())?;
    }
    let drain = settings.drain;
    let mut system = System::start(settings, state, findings, children, log);
    let first = tokio::select! {
        signal = signals.next() => signal,
        (actor, end) = system.actors.first_end() => {
            log_end(log, actor, &end);
            return Ok(system.fail(Exit::Internal, log).await);
        }
        taken = locks.keep(log) => {
            crit!(log, "directory was taken over by another instance, stopping"; "error" => %taken);
            return Ok(system.fail(Exit::Config, log).await);
        }
    };
    info!(log, "stalls stops, haproxy drains";
        "signal" => first.name(), "drain_ms" => drain.as_millis() as u64);
    system.shut_down(Leave::Drained);
    let second = tokio::select! {
        exit = system.all_stopped(drain + STOP_TIMEOUT, Exit::Ok, log) => return Ok(exit),
        signal = signals.next() => signal,
    };
    warn!(log, "second signal, connections are cut"; "signal" => second.name());
    system.shut_down(Leave::Cut);
    let exit = match second {
        ShutdownSignal::Interrupt => Exit::Interrupted,
        ShutdownSignal::Terminate | ShutdownSignal::Hangup => Exit::Terminated,
    };
    Ok(system.all_stopped(STOP_TIMEOUT, exit, log).await)
}

/// The running actors.
struct System {
    actors: ActorSet,
    poller: Addr<MetadataPoller>,
    allocator: Addr<PortAllocator<TcpConnect>>,
    writer: Addr<ConfigWriter<ConfigFile>>,
    supervisor: Addr<HaproxySupervisor<LocalHaproxy, UnixSocketApi>>,
    admin: Option<Admin>,
    /// The thread of what people see.
    observer: Arbiter,
}

impl System {
    fn start(
        settings: Settings,
        state: StateFile,
        findings: Vec<Finding>,
        children: Children,
        log: &Logger,
    ) -> Self {
        let log_of = |actor: &'static str| log.new(o!("actor" => actor));
        let poller = Prepared::new("MetadataPoller");
        let allocator = Prepared::new("PortAllocator");
        let writer = Prepared::new("ConfigWriter");
        let supervisor = Prepared::new("HaproxySupervisor");
        let mut system = Self {
            actors: ActorSet::default(),
            poller: poller.addr(),
            allocator: allocator.addr(),
            writer: writer.addr(),
            supervisor: supervisor.addr(),
            admin: None,
            observer: Arbiter::new(),
        };

        let changed = ReportsChanged::default();
        let listen = settings.listen();
        let allocation = settings.allocation();
        let followed = PollerSettings {
            mappings: settings.mappings.clone(),
            poll_sleep: settings.poll_sleep,
            seed: fastrand::u64(..),
        };
        let source = source(&settings, settings.needs_published_ports(), log_of("MetadataPoller"));
        let renderer = Arc::new(Renderer::new(settings.template, listen));
        let host = LocalHaproxy::new(
            settings.run_dir.clone(),
            settings.haproxy_bin.clone(),
            Arc::clone(&renderer),
            children.clone(),
            log_of("HaproxySupervisor"),
        );
        system.actors.run(
            supervisor,
            HaproxySupervisor::new(
                SupervisorSettings {
                    drain: settings.drain,
                    max_draining: settings.max_draining,
                    reconcile: settings.reconcile_interval,
                    on_leave: settings.on_leave,
                    updates_at_runtime: renderer.updates_at_runtime(),
                    seed: fastrand::u64(..),
                },
                host,
                UnixSocketApi,
                Writer {
                    exclude: system.writer.clone().recipient(),
                    check: system.writer.clone().recipient(),
                },
                log_of("HaproxySupervisor"),
            )
            .noting(changed.clone()),
        );
        system.actors.run(
            writer,
            ConfigWriter::new(
                WriterSettings { renderer: Arc::clone(&renderer), seed: fastrand::u64(..) },
                ConfigFile::in_folder(&settings.run_dir, settings.haproxy_bin, renderer, children),
                system.supervisor.clone().recipient(),
                log_of("ConfigWriter"),
            )
            .noting(changed.clone()),
        );
        system.actors.run(
            allocator,
            PortAllocator::new(
                allocation,
                state,
                settings.record_dir.map(RecordDir::new),
                TcpConnect { send_proxy: settings.send_proxy },
                vec![system.supervisor.clone().recipient(), system.writer.clone().recipient()],
                log_of("PortAllocator"),
            )
            .noting(changed.clone()),
        );
        system.actors.run(
            poller,
            MetadataPoller::new(
                followed,
                source,
                system.allocator.clone().recipient(),
                log_of("MetadataPoller"),
            )
            .noting(changed.clone()),
        );
        let (follower, latest) = Follower::new(settings.source.name(), findings.into());
        let api = Api::new(system.probe(), latest, system.steering(), settings.effective.into());
        let hosts = AllowedHosts::new(settings.admin_hosts.into_iter().chain([host_name()]));
        system.admin =
            Some(Admin::start(&settings.run_dir, settings.admin_listen, &api, &hosts, &log_of("Admin")));
        // On a thread of its own: what people see never makes a change wait.
        system.observer.spawn(follower.run(system.probe(), changed));
        system
    }

    /// What a person may do.
    fn steering(&self) -> Steering {
        Steering {
            allocator: self.allocator.clone().recipient(),
            supervisor: self.supervisor.clone().recipient(),
        }
    }

    /// What the admin server asks.
    fn probe(&self) -> HealthProbe {
        HealthProbe {
            poller: self.poller.clone().recipient(),
            allocator: self.allocator.clone().recipient(),
            writer: self.writer.clone().recipient(),
            supervisor: self.supervisor.clone().recipient(),
        }
    }

    /// Asks every actor to stop, the first stage first, so that no actor is sent a message after it has stopped. The
    /// admin server stops at once: a stopping actor would be reported as unhealthy.
    fn shut_down(&mut self, haproxy: Leave) {
        self.admin = None;
        self.observer.stop();
        let shutdown = Shutdown { haproxy };
        self.poller.do_send(shutdown);
        self.allocator.do_send(shutdown);
        self.writer.do_send(shutdown);
        self.supervisor.do_send(shutdown);
    }

    /// Stops after a fault. HAProxy keeps running, and the next start adopts it.
    async fn fail(&mut self, exit: Exit, log: &Logger) -> Exit {
        self.shut_down(Leave::Serving);
        self.all_stopped(STOP_TIMEOUT, exit, log).await
    }

    /// Waits until all actors have stopped. Returns `exit`, unless an actor panics or is not done `within` this time.
    async fn all_stopped(&mut self, within: Duration, exit: Exit, log: &Logger) -> Exit {
        let mut outcome = exit;
        let all = async {
            while !self.actors.is_empty() {
                let (actor, end) = self.actors.first_end().await;
                if let End::Panicked(_) = end {
                    log_end(log, actor, &end);
                    outcome = Exit::Internal;
                }
            }
        };
        if timeout(within, all).await.is_err() {
            crit!(log, "actors did not stop in time"; "within_ms" => within.as_millis() as u64);
            outcome = Exit::Internal;
        }
        outcome
    }
}

fn log_end(log: &Logger, actor: &'static str, end: &End) {
    let how = match end {
        End::Stopped => "it stopped unasked",
        End::Panicked(message) => message,
    };
    crit!(log, "actor ended unexpectedly, stopping"; "ended" => actor, "how" => how);
}

fn host_name() -> String {
    uname().nodename().to_string_lossy().into_owned()
}
