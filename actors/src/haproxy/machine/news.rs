//! What the supervisor says in the log: each message once, with its data.

use std::{collections::BTreeSet, time::Duration};

use slog::{Logger, debug, error, info, o, warn};

use super::super::{action::Reason, bindable::Unbindable, known_faults::Version, port_state::PortState};
use crate::in_ms::in_ms;

/// Something worth a line.
#[derive(Debug)]
pub(in super::super) enum News {
    Adopted(Process),
    LeftoverKilled(Process),
    LeftoverRefused(Process),
    Serves(Process),
    KnownFault { version: Version, fault: &'static str },
    Applied { step: Step, target: Target, took: Duration },
    Partly { target: Target, waiting: usize },
    NoPort { revision: u64 },
    Died { process: Process, revision: Option<u64>, how: String, retry: Duration },
    DiedDraining { process: Process, how: String },
    Ended { process: Process, how: String },
    Drains(Process),
    Expelled { process: Process, connections: Option<usize>, max_draining: usize },
    Cuts { processes: usize, connections: Option<usize> },
    NotStarted { generation: u64, revision: u64, reason: String, old_one_serves: bool, retry: Duration },
    FallsBack { revision: u64, reason: String, fallbacks: u64, retry: Duration },
    Drifted { generation: u64, ports: Vec<(u16, PortState, PortState)> },
    NotComparable { what: String },
    NotAnswering { generation: u64, error: String, listens: bool },
    NotReleasing { generation: u64 },
    Exhausted { generation: u64, error: String },
    NoLongerExhausted { lasted: Duration },
    Full { port: u16, ports: usize },
    NoLongerFull,
    Down { port: u16, ports: usize },
    NoLongerDown,
    Excluded { ports: Vec<Unbindable>, retry: Duration },
    UnusedExcluded { ports: Vec<Unbindable> },
    Bindable { ports: BTreeSet<u16> },
    CutAsked { port: u16, uid: u32 },
}

/// Which HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Process {
    pub(super) generation: u64,
    pub(super) pid: Option<u32>,
}

/// The plan that something was done for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Target {
    pub(super) revision: u64,
    pub(super) mapped: usize,
    pub(super) free: usize,
    pub(super) excluded: usize,
}

/// How a plan was put in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    Nothing,
    Start,
    Runtime { changes: usize },
    Reload(Reason),
}

impl News {
    pub(in super::super) fn say(&self, log: &Logger) {
        let of =
            |process: &Process| log.new(o!("generation" => process.generation, "haproxy_pid" => process.pid));
        let ms = |time: &Duration| time.as_millis() as u64;
        match self {
            Self::Adopted(process) => {
                warn!(of(process), "haproxy adopted, its own lines are lost until the next reload");
            }
            Self::LeftoverKilled(process) => {
                warn!(of(process), "leftover haproxy does not answer, killing it");
            }
            Self::LeftoverRefused(process) => {
                warn!(of(process), "process has the arguments of another haproxy, leaving it alone");
            }
            Self::Serves(process) => info!(of(process), "haproxy serves"),
            Self::KnownFault { version, fault } => {
                info!(log, "this version of haproxy has a known fault"; "version" => %version, "fault" => fault);
            }
            Self::Applied { step, target, took } => {
                let log = match step {
                    Step::Runtime { changes } => log.new(o!("changes" => *changes)),
                    Step::Reload(reason) => {
                        log.new(o!("kind" => reason.kind(), "reason" => reason.to_string()))
                    }
                    Step::Nothing | Step::Start => log.clone(),
                };
                info!(log, "plan applied"; "revision" => target.revision, "step" => step.name(),
                    "mapped" => target.mapped, "free" => target.free, "excluded" => target.excluded,
                    "took_ms" => in_ms(*took));
            }
            Self::Partly { target, waiting } => {
                info!(log, "runtime changes applied, reload pending for the rest";
                    "revision" => target.revision, "waiting" => waiting);
            }
            Self::NoPort { revision } => {
                error!(log, "no port of the pool can be bound, plan not applied"; "revision" => revision);
            }
            Self::Died { process, revision, how, retry } => {
                error!(of(process), "haproxy died"; "revision" => revision, "how" => how, "retry_ms" => ms(retry));
            }
            Self::DiedDraining { process, how } => {
                error!(of(process), "haproxy died"; "how" => how, "drained" => true);
            }
            Self::Ended { process, how } => debug!(of(process), "haproxy ended"; "how" => how),
            Self::Drains(process) => debug!(of(process), "haproxy drains"),
            Self::Expelled { process, connections, max_draining } => {
                warn!(of(process), "too many haproxy processes drain, ending the oldest";
                    "connections" => connections, "max_draining" => max_draining);
            }
            Self::Cuts { processes, connections } => {
                warn!(log, "drain time is over, connections are cut";
                    "connections" => connections, "processes" => processes);
            }
            Self::NotStarted { generation, revision, reason, old_one_serves, retry } => {
                error!(log, "haproxy failed to start"; "generation" => generation, "revision" => revision,
                    "error" => reason, "old_one_serves" => old_one_serves, "retry_ms" => ms(retry));
            }
            Self::FallsBack { revision, reason, fallbacks, retry } => {
                warn!(log, "runtime update failed, reloading haproxy"; "revision" => revision, "error" => reason,
                    "fallbacks" => fallbacks, "retry_ms" => ms(retry));
            }
            Self::Drifted { generation, ports } => {
                let example = ports.first();
                warn!(log, "haproxy runtime state was changed externally, repairing";
                    "generation" => generation, "ports" => ports.len(), "port" => example.map(|(port, ..)| port),
                    "found" => example.map(|(_, found, _)| found.to_string()),
                    "left" => example.map(|(.., left)| left.to_string()));
            }
            Self::NotComparable { what } => {
                error!(log, "haproxy cannot be compared with the plan"; "error" => what);
            }
            Self::NotAnswering { generation, error, listens: true } => {
                error!(log, "haproxy does not answer, replacing it"; "generation" => generation, "error" => error);
            }
            Self::NotAnswering { generation, error, listens: false } => {
                warn!(log, "haproxy runtime API is closed, replacing it"; "generation" => generation, "error" => error);
            }
            Self::NotReleasing { generation } => {
                error!(log, "haproxy did not release its ports, killing it"; "generation" => generation);
            }
            Self::Exhausted { generation, error } => {
                error!(log, "cannot query haproxy: out of descriptors or memory"; "generation" => generation, "error" => error);
            }
            Self::NoLongerExhausted { lasted } => {
                info!(log, "haproxy can be queried again"; "lasted_ms" => ms(lasted));
            }
            Self::Full { port, ports } => {
                warn!(log, "connection limit of ports reached, new connections wait"; "port" => port, "ports" => ports);
            }
            Self::NoLongerFull => info!(log, "all ports are below their connection limit again"),
            Self::Down { port, ports } => {
                warn!(log, "health check of ports fails, new connections are closed"; "port" => port, "ports" => ports);
            }
            Self::NoLongerDown => info!(log, "health checks of all ports pass again"),
            Self::Excluded { ports, retry } => {
                let example = ports.first();
                error!(log, "port cannot be bound, leaving it out"; "ports" => ports.len(),
                    "port" => example.map(|it| it.port), "kind" => example.map(|it| it.reason().kind),
                    "error" => example.map(|it| it.error.to_string()),
                    "reason" => example.map(|it| it.reason().to_string()), "retry_ms" => ms(retry));
            }
            Self::UnusedExcluded { ports } => {
                let example = ports.first();
                info!(log, "unused port cannot be bound, leaving it out"; "ports" => ports.len(),
                    "port" => example.map(|it| it.port), "error" => example.map(|it| it.error.to_string()));
            }
            Self::CutAsked { port, uid } => {
                info!(log, "connections cut by a person"; "port" => port, "uid" => uid);
            }
            Self::Bindable { ports } => {
                info!(log, "port can be bound again"; "ports" => ports.len(), "port" => ports.first());
            }
        }
    }
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Start => "start",
            Self::Runtime { .. } => "runtime",
            Self::Reload(_) => "reload",
        }
    }
}
