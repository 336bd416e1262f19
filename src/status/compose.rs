//! From what the actors report to the document. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use stalls_actors::{
    allocation::MappingPlan,
    domain::Reason,
    messages::{AllocationReport, HaproxyReport, HaproxyState, MetadataReport, Pending, PoolReport},
};
use tokio::time::Instant;

use super::{
    EventId, Haproxy, Service, Source, Status, Timestamp,
    clock::Clock,
    document::{HaproxyRuns, SourceState},
    hash::hash,
    pool::PoolInputs,
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

/// The state before any report, with this kind of source.
pub(super) fn nothing(instance: u32, source: &'static str, clock: Clock, now: Instant) -> Status {
    let at = clock.at(now);
    let source = Source {
        kind: source,
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
        let service = service(mapping, pool, &inputs.source, moment);
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

fn service(
    MappingPlan { mapping, pool_size, .. }: &MappingPlan,
    pool: &PoolReport,
    source: &MetadataReport,
    Moment { clock, now, previous }: Moment<'_>,
) -> Service {
    let base_port = mapping.base_port.get();
    let fault = source.fault_of(&pool.service);
    let is_known = fault.is_none() && source.has_answered;
    let state = if is_known { SourceState::Ok } else { SourceState::Stale };
    let was = previous.services.iter().find(|was| was.base_port == base_port && was.state == state);
    let began = was.map_or(clock.at(now), |was| was.since);
    let (kind, reason) =
        parts(fault.map(|fault| fault.reason.clone()).or_else(|| pool.nothing_mapped.clone()));
    Service {
        service: pool.service.to_string().into(),
        base_port,
        ports: *pool_size,
        backend_port: mapping.backend_port.clone(),
        state,
        since: fault.map_or(began, |fault| clock.at(fault.since)),
        kind,
        reason,
        is_unmapped: pool.nothing_mapped.is_some(),
    }
}

fn source(report: &MetadataReport, Moment { clock, now, previous }: Moment<'_>) -> Source {
    let was = &previous.source;
    let (state, fault, reason, since) = match report.oldest_fault() {
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

pub(super) fn parts(reason: Option<Reason>) -> (Option<&'static str>, Option<Arc<str>>) {
    reason.map(|Reason { kind, text }| (kind, text)).unzip()
}
