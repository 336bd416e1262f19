//! The actors, wired in the order in which the data passes them, from their start to their end.

#[cfg(test)]
mod tests;

use std::{io, process, time::Duration};

use actix::Addr;
use slog::{Logger, crit, info, o, warn};
use stalls_actors::{
    Children,
    allocation::{PortAllocator, StateFile, TcpProbe},
    config::{CheckedFile, ConfigWriter, Renderer, WriterSettings},
    haproxy::{HaproxySupervisor, LocalHaproxy, SupervisorSettings, UnixSocketApi},
    link::{Crew, End, Prepared},
    messages::{Leave, Shutdown},
    metadata::{HttpMetadata, MetadataLimits, MetadataPoller, PollerSettings},
};
use tokio::time::timeout;

use crate::{
    admin::{Admin, Inquiry},
    exit::Exit,
    locks::{FolderLock, keep},
    private::close_to_others,
    settings::Settings,
    signals::{Ending, Endings, reap_orphans},
};

/// PID 1 is handed every orphan of its container.
const INIT: u32 = 1;
/// What the actors may take to end beyond HAProxy's drain time.
const END_MARGIN: Duration = Duration::from_secs(5);

/// Runs until a signal or a fault.
pub(crate) fn run(settings: Settings, log: &Logger) -> Exit {
    let folders = [&settings.run_dir, &settings.state_dir];
    for folder in folders {
        match close_to_others(folder) {
            Ok(false) => {}
            Ok(true) => {
                info!(log, "directory closed to others, who could write to it"; "path" => %folder.display());
            }
            Err(error) => warn!(log, "others can write to a directory, and replace what is in it";
                "path" => %folder.display(), "error" => %error),
        }
    }
    let locks = folders.into_iter().map(|folder| FolderLock::take(folder)).collect::<Result<Vec<_>, _>>();
    let mut locks = match locks {
        Ok(locks) => locks,
        Err(error) => {
            crit!(log, "directory cannot be locked"; "error" => %error);
            return Exit::Usage;
        }
    };
    let runner = actix_rt::System::new();
    let served = runner.block_on(serve(settings, &mut locks, log));
    // Its end would wait for work on other threads that may hang: a name that is being looked up, a disk.
    std::mem::forget(runner);
    served.unwrap_or_else(|error| {
        crit!(log, "signals cannot be handled"; "error" => %error);
        Exit::Internal
    })
}

async fn serve(settings: Settings, locks: &mut [FolderLock], log: &Logger) -> io::Result<Exit> {
    let mut endings = Endings::listen()?;
    let children = Children::default();
    if process::id() == INIT {
        reap_orphans(children.clone(), log.clone())?;
    }
    let drain = settings.drain;
    let mut system = System::start(settings, children, log);
    let ending = tokio::select! {
        ending = endings.next() => ending,
        (actor, end) = system.crew.first_end() => {
            say_end(log, actor, &end);
            return Ok(system.fail(Exit::Internal, log).await);
        }
        taken = keep(locks, log) => {
            crit!(log, "directory was removed and is another one's by now, everything stops"; "error" => %taken);
            return Ok(system.fail(Exit::Usage, log).await);
        }
    };
    info!(log, "stalls stops, haproxy drains";
        "signal" => ending.name(), "drain_ms" => drain.as_millis() as u64);
    system.shut_down(Leave::Drained);
    let ending = tokio::select! {
        exit = system.all_ended(drain + END_MARGIN, Exit::Ok, log) => return Ok(exit),
        ending = endings.next() => ending,
    };
    warn!(log, "second signal, connections are cut"; "signal" => ending.name());
    system.shut_down(Leave::Cut);
    let exit = match ending {
        Ending::Interrupt => Exit::Interrupted,
        Ending::Terminate | Ending::Hangup => Exit::Terminated,
    };
    Ok(system.all_ended(END_MARGIN, exit, log).await)
}

/// The running actors.
struct System {
    crew: Crew,
    poller: Addr<MetadataPoller<HttpMetadata>>,
    allocator: Addr<PortAllocator<StateFile, TcpProbe>>,
    writer: Addr<ConfigWriter<CheckedFile>>,
    supervisor: Addr<HaproxySupervisor<LocalHaproxy, UnixSocketApi>>,
    admin: Option<Admin>,
}

impl System {
    fn start(settings: Settings, children: Children, log: &Logger) -> Self {
        let log_of = |actor: &'static str| log.new(o!("actor" => actor));
        let poller = Prepared::new("MetadataPoller");
        let allocator = Prepared::new("PortAllocator");
        let writer = Prepared::new("ConfigWriter");
        let supervisor = Prepared::new("HaproxySupervisor");
        let mut system = Self {
            crew: Crew::default(),
            poller: poller.addr(),
            allocator: allocator.addr(),
            writer: writer.addr(),
            supervisor: supervisor.addr(),
            admin: None,
        };

        let listen = settings.listen();
        let allocation = settings.allocation();
        let followed = PollerSettings {
            services: settings.services(),
            poll_sleep: settings.poll_sleep,
            needs_published_ports: settings.needs_published_ports(),
            seed: fastrand::u64(..),
        };
        let host = LocalHaproxy::new(
            settings.run_dir.clone(),
            settings.haproxy_bin.clone(),
            settings.bind_address,
            children.clone(),
            log_of("HaproxySupervisor"),
        );
        system.crew.add(supervisor.run(HaproxySupervisor::new(
            SupervisorSettings {
                drain: settings.drain,
                reconcile: settings.reconcile_interval,
                on_leave: settings.on_leave,
                seed: fastrand::u64(..),
            },
            host,
            UnixSocketApi,
            system.writer.clone().recipient(),
            log_of("HaproxySupervisor"),
        )));
        system.crew.add(writer.run(ConfigWriter::new(
            WriterSettings { renderer: Renderer::new(settings.template, listen), seed: fastrand::u64(..) },
            CheckedFile::in_folder(&settings.run_dir, settings.haproxy_bin, children),
            system.supervisor.clone().recipient(),
            log_of("ConfigWriter"),
        )));
        system.crew.add(allocator.run(PortAllocator::new(
            allocation,
            StateFile::in_folder(&settings.state_dir),
            TcpProbe,
            vec![system.supervisor.clone().recipient(), system.writer.clone().recipient()],
            log_of("PortAllocator"),
        )));
        system.crew.add(poller.run(MetadataPoller::new(
            followed,
            HttpMetadata::new(settings.metadata_url, MetadataLimits::default()),
            &system.allocator.clone().recipient(),
            log_of("MetadataPoller"),
        )));
        let inquiry = system.inquiry();
        system.admin = settings.admin_listen.map(|address| Admin::start(address, inquiry, log_of("Admin")));
        system
    }

    /// How the admin side finds out how everybody is.
    fn inquiry(&self) -> Inquiry {
        Inquiry {
            poller: self.poller.clone().recipient(),
            allocator: self.allocator.clone().recipient(),
            writer: self.writer.clone().recipient(),
            supervisor: self.supervisor.clone().recipient(),
        }
    }

    /// Asks every actor to end, the first stage first, so that none is sent anything after its end. Who is ending is
    /// not asked how it is.
    fn shut_down(&mut self, haproxy: Leave) {
        self.admin = None;
        let shutdown = Shutdown { haproxy };
        self.poller.do_send(shutdown);
        self.allocator.do_send(shutdown);
        self.writer.do_send(shutdown);
        self.supervisor.do_send(shutdown);
    }

    /// Whatever went wrong here, HAProxy serves on: the next start adopts it.
    async fn fail(&mut self, exit: Exit, log: &Logger) -> Exit {
        self.shut_down(Leave::Serving);
        self.all_ended(END_MARGIN, exit, log).await
    }

    /// `exit`, unless an actor panics or does not end `within` this time.
    async fn all_ended(&mut self, within: Duration, exit: Exit, log: &Logger) -> Exit {
        let mut outcome = exit;
        let all = async {
            while !self.crew.is_empty() {
                let (actor, end) = self.crew.first_end().await;
                if let End::Panicked(_) = end {
                    say_end(log, actor, &end);
                    outcome = Exit::Internal;
                }
            }
        };
        if timeout(within, all).await.is_err() {
            crit!(log, "actors did not end in time"; "within_ms" => within.as_millis() as u64);
            outcome = Exit::Internal;
        }
        outcome
    }
}

fn say_end(log: &Logger, actor: &'static str, end: &End) {
    let how = match end {
        End::Stopped => "it stopped of itself",
        End::Panicked(message) => message,
    };
    crit!(log, "actor ended, everything stops"; "ended" => actor, "how" => how);
}
