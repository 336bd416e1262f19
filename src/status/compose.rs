//! From what the actors report to the document. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use stalls_actors::{
    allocation::{Hold, MappingPlan},
    domain::{Assignment, Container, Reason},
    messages::{AllocationReport, HaproxyReport, HaproxyState, MetadataReport, Pending, PoolReport},
};
use tokio::time::Instant;

use super::{
    EventId, Haproxy, PortState, PortStatus, Service, Source, Status, Timestamp, Unmapped,
    clock::Clock,
    document::{HaproxyRuns, SourceState, UnmappedContainer},
    hash::hash,
    port::ContainerStatus,
};
use crate::doctor::Finding;

/// What the actors report, and what else is known. What an actor has not answered is as it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    pub(super) source: MetadataReport,
    pub(super) allocation: AllocationReport,
    pub(super) config_problem: Option<Arc<str>>,
    pub(super) haproxy: HaproxyReport,
    /// When HAProxy's process was started.
    pub(super) haproxy_started: Option<Timestamp>,
    /// The ports without a container that have connections.
    pub(super) draining: BTreeSet<u16>,
    pub(super) findings: Arc<[Finding]>,
}

/// The moment that is composed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) clock: Clock,
    pub(super) now: Instant,
    /// What was before: what has not changed keeps its beginning.
    pub(super) previous: &'a Status,
}

/// The state before any report.
pub(super) fn nothing(instance: u32, clock: Clock, now: Instant) -> Status {
    let at = clock.at(now);
    let source = Source {
        kind: "rancher",
        state: SourceState::Stale,
        since: at,
        fault: Some("no_answer_yet"),
        reason: Some("it has not answered yet".into()),
    };
    let haproxy = Haproxy {
        state: HaproxyRuns::Waiting,
        since: at,
        pid: None,
        version: None,
        started: None,
        revision: None,
        kind: None,
        reason: None,
        draining_processes: 0,
    };
    Status {
        id: EventId { instance, number: 0 },
        at,
        started: at,
        revision: 0,
        hash: hash(&BTreeMap::new()).into(),
        services: Vec::new(),
        source,
        haproxy,
        ports: BTreeMap::new(),
        unmapped: Vec::new(),
        findings: Arc::new([]),
        config_problem: None,
    }
}

/// The state that `inputs` make, with the id of the previous one.
pub(super) fn compose(inputs: &Inputs, moment: Moment<'_>) -> Status {
    let Moment { clock, now, previous } = moment;
    let haproxy = haproxy(inputs, moment);
    let plan = inputs.allocation.plan.as_deref();
    let mappings = plan.map(|plan| plan.mappings.as_slice()).unwrap_or_default();
    let (mut services, mut ports, mut unmapped) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (mapping, pool) in mappings.iter().zip(&inputs.allocation.pools) {
        let service = service(mapping, pool);
        let name = &service.service;
        let pool = PoolInputs { mapping, pool, service: name, haproxy: &haproxy, inputs };
        ports.extend(pool.ports(moment).map(|port| (port.port, port)));
        unmapped.extend(pool.unmapped(moment));
        services.push(service);
    }
    Status {
        id: previous.id,
        at: clock.at(now),
        started: previous.started,
        revision: plan.map_or(0, |plan| plan.revision),
        hash: hash(&ports).into(),
        services,
        source: source(&inputs.source, moment),
        haproxy,
        ports,
        unmapped,
        findings: Arc::clone(&inputs.findings),
        config_problem: inputs.config_problem.clone(),
    }
}

fn service(MappingPlan { mapping, pool_size, .. }: &MappingPlan, pool: &PoolReport) -> Service {
    let (kind, reason) = parts(pool.nothing_mapped.clone());
    Service {
        service: pool.service.to_string().into(),
        base_port: mapping.base_port.get(),
        ports: *pool_size,
        backend_port: mapping.backend_port.get(),
        kind,
        reason,
    }
}

fn source(report: &MetadataReport, Moment { clock, now, previous }: Moment<'_>) -> Source {
    let was = &previous.source;
    let (state, fault, reason, since) = match &report.fault {
        Some(fault) => {
            let text = Some(Arc::clone(&fault.reason.text));
            (SourceState::Stale, Some(fault.reason.kind), text, Some(clock.at(fault.since)))
        }
        None if report.has_answered => (SourceState::Ok, None, None, None),
        None => (SourceState::Stale, was.fault, was.reason.clone(), None),
    };
    let began = if was.state == state { was.since } else { clock.at(now) };
    Source { kind: was.kind, state, since: since.unwrap_or(began), fault, reason }
}

fn haproxy(inputs: &Inputs, Moment { clock, now, previous }: Moment<'_>) -> Haproxy {
    let HaproxyReport { state, version, draining, .. } = &inputs.haproxy;
    let unaccepted = || inputs.config_problem.clone().map(|text| Reason { kind: "config_rejected", text });
    let (runs, pid, revision, reason) = match state {
        HaproxyState::Running { pid, revision, pending } => {
            let why = |Pending { failure, .. }: &Pending| {
                let failed = failure.as_ref().map(|failure| Reason::new("not_in_force", failure));
                unaccepted()
                    .or(failed)
                    .unwrap_or_else(|| Reason::new("not_in_force", "it is being told of it"))
            };
            (HaproxyRuns::Running, Some(*pid), *revision, pending.as_ref().map(why))
        }
        HaproxyState::Down { failure } => {
            let failure = failure.as_deref().unwrap_or("it is being started");
            let reason = unaccepted().unwrap_or_else(|| Reason::new("haproxy_down", failure));
            (HaproxyRuns::Down, None, None, Some(reason))
        }
        HaproxyState::NoPlan => {
            let why = "it is started once the source or the saved assignments tell of the containers";
            (HaproxyRuns::Waiting, None, None, Some(Reason::new("no_plan", why)))
        }
    };
    let was = &previous.haproxy;
    let is_as_before = was.state == runs && was.pid == pid;
    let (kind, reason) = parts(reason);
    Haproxy {
        state: runs,
        since: if is_as_before { was.since } else { clock.at(now) },
        pid,
        version: version.clone(),
        started: inputs.haproxy_started,
        revision,
        kind,
        reason,
        draining_processes: *draining,
    }
}

/// All that is known of one pool.
#[derive(Clone, Copy)]
struct PoolInputs<'a> {
    mapping: &'a MappingPlan,
    pool: &'a PoolReport,
    service: &'a Arc<str>,
    haproxy: &'a Haproxy,
    inputs: &'a Inputs,
}

impl<'a> PoolInputs<'a> {
    fn containers(self) -> HashMap<&'a str, &'a Container> {
        let listed = self.pool.snapshot.iter().flat_map(|snapshot| &snapshot.containers);
        listed.map(|container| (&*container.uuid, &**container)).collect()
    }

    fn ports(self, moment: Moment<'a>) -> impl Iterator<Item = Arc<PortStatus>> + 'a {
        let listed = self.containers();
        (0..self.mapping.pool_size).map(move |slot| {
            let port = self.mapping.port(slot);
            let assignment = self.mapping.slots.get(&slot);
            let previous = moment.previous.ports.get(&port);
            let (state, reason) = self.state(port, assignment);
            let listed = assignment.and_then(|it| listed.get(&*it.uuid).copied());
            let had = previous.and_then(|previous| previous.container.as_ref());
            let container = assignment.map(|it| self.container(it, listed, had));
            let (kind, reason) = match (reason, previous) {
                // Most ports of a large pool may be free, and stay so.
                (None, Some(previous)) if state == PortState::Free && previous.state == PortState::Free => {
                    (previous.kind, previous.reason.clone())
                }
                (None, _) if state == PortState::Free => parts(Some(self.why_free(slot))),
                (reason, _) => parts(reason),
            };
            let status = PortStatus {
                port,
                service: Arc::clone(self.service),
                state,
                container,
                since: moment.clock.at(moment.now),
                kind,
                reason,
            };
            match previous {
                Some(previous) if previous.is_as(&status) => Arc::clone(previous),
                _ => Arc::new(self.began(status, previous, moment)),
            }
        })
    }

    /// Since when: another address of the same container, or another reason, is no beginning.
    fn began(self, status: PortStatus, previous: Option<&Arc<PortStatus>>, moment: Moment<'_>) -> PortStatus {
        let uuid = |port: &PortStatus| port.container.as_ref().map(|container| Arc::clone(&container.uuid));
        let held = self.pool.held.get(&status.port);
        let held = held.filter(|held| is_state_of(held.by, status.state)).and_then(|held| held.since);
        let since = match (held, previous) {
            (Some(since), _) => moment.clock.at(since),
            (None, Some(was)) if was.state == status.state && uuid(was) == uuid(&status) => was.since,
            _ => status.since,
        };
        PortStatus { since, ..status }
    }

    fn state(self, port: u16, assignment: Option<&Assignment>) -> (PortState, Option<Reason>) {
        let Self { mapping, pool, haproxy, inputs, .. } = self;
        let held = pool.held.get(&port);
        let holds = |hold| held.filter(|held| held.by == hold).map(|held| held.reason(port));
        if mapping.yielded.contains(&port) {
            let why = "a container on this host listens there itself, so stalls leaves the port to it; \
                       another BASE_PORT would do";
            return (PortState::Excluded, Some(Reason::new("own_listener", why)));
        }
        if let Some(reason) = inputs.haproxy.excluded.get(&port) {
            return (PortState::Excluded, Some(reason.clone()));
        }
        match assignment {
            Some(_) if haproxy.state != HaproxyRuns::Running || inputs.haproxy.waiting.contains(&port) => {
                let why = || Reason::new("not_in_force", "haproxy is being told of it");
                let reason = haproxy.kind.zip(haproxy.reason.clone());
                (PortState::Waiting, Some(reason.map_or_else(why, |(kind, text)| Reason { kind, text })))
            }
            Some(_) => match holds(Hold::Lingering) {
                Some(reason) => (PortState::Lingering, Some(reason)),
                None if inputs.haproxy.down.contains(&port) => {
                    let why = "its container fails HAProxy's health check (HEALTH_CHECK), so new connections are \
                               closed at once until one succeeds; look at the container";
                    (PortState::Serving, Some(Reason::new("health_check_fails", why)))
                }
                None => (PortState::Serving, holds(Hold::Frozen)),
            },
            None if inputs.draining.contains(&port) => {
                let why = format!(
                    "connections to the container that left are still open; `stalls cut {port}` ends them"
                );
                (PortState::Draining, Some(Reason::new("draining", why)))
            }
            None => match holds(Hold::Reserved) {
                Some(reason) => (PortState::Reserved, Some(reason)),
                None => (PortState::Free, None),
            },
        }
    }

    fn why_free(self, slot: u16) -> Reason {
        let index = u32::from(slot) + 1;
        let text =
            format!("no container has it; one with the index {index}, or one without an index, would get it");
        Reason::new("no_container", text)
    }

    fn container(
        self,
        Assignment { uuid, name, address }: &Assignment,
        listed: Option<&Container>,
        had: Option<&ContainerStatus>,
    ) -> ContainerStatus {
        let had = had.filter(|had| had.uuid == *uuid);
        let index = listed.map_or(had.and_then(|had| had.index), |it| it.index.map(|index| index.get()));
        let address = SocketAddr::new(*address, self.mapping.mapping.backend_port.get()).to_string();
        ContainerStatus { name: Arc::clone(name), uuid: Arc::clone(uuid), address, index }
    }

    fn unmapped(self, Moment { clock, now, previous }: Moment<'a>) -> impl Iterator<Item = Unmapped> {
        let listed = self.containers();
        self.mapping.unmapped.iter().map(move |(uuid, reason)| {
            let is_this = |it: &&Unmapped| it.container.uuid == *uuid && it.service == *self.service;
            let was = previous.unmapped.iter().find(is_this).filter(|was| was.kind == reason.kind());
            let name = listed.get(&**uuid).map(|container| Arc::clone(&container.name)).unwrap_or_default();
            Unmapped {
                service: Arc::clone(self.service),
                container: UnmappedContainer { name, uuid: Arc::clone(uuid) },
                kind: reason.kind(),
                reason: reason.to_string().into(),
                since: was.map_or_else(|| clock.at(now), |was| was.since),
            }
        })
    }
}

fn is_state_of(hold: Hold, state: PortState) -> bool {
    match hold {
        Hold::Lingering => state == PortState::Lingering,
        Hold::Reserved => state == PortState::Reserved,
        Hold::Frozen => false,
    }
}

fn parts(reason: Option<Reason>) -> (Option<&'static str>, Option<Arc<str>>) {
    reason.map(|Reason { kind, text }| (kind, text)).unzip()
}
