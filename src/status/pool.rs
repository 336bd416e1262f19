//! One pool's part of the document: its ports, and the containers that have none. Pure.

use std::{collections::HashMap, sync::Arc};

use stalls_actors::{
    allocation::{Hold, MappingPlan},
    domain::{Assignment, Container, Reason},
    messages::PoolReport,
};

use super::{
    Haproxy, PortState, PortStatus, Unmapped,
    compose::{Inputs, Moment, parts},
    document::{HaproxyRuns, UnmappedContainer},
    port::ContainerStatus,
};

/// All that is known of one pool.
#[derive(Clone, Copy)]
pub(super) struct PoolInputs<'a> {
    pub(super) mapping: &'a MappingPlan,
    pub(super) pool: &'a PoolReport,
    pub(super) service: &'a Arc<str>,
    pub(super) haproxy: &'a Haproxy,
    pub(super) inputs: &'a Inputs,
}

impl<'a> PoolInputs<'a> {
    fn containers(self) -> HashMap<&'a str, &'a Container> {
        let listed = self.pool.snapshot.iter().flat_map(|snapshot| &snapshot.containers);
        listed.map(|container| (&*container.uuid, &**container)).collect()
    }

    /// Each port of the pool.
    pub(super) fn ports(self, moment: Moment<'a>) -> impl Iterator<Item = Arc<PortStatus>> + 'a {
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
        Assignment { uuid, name, backend }: &Assignment,
        listed: Option<&Container>,
        had: Option<&ContainerStatus>,
    ) -> ContainerStatus {
        let had = had.filter(|had| had.uuid == *uuid);
        let index = listed.map_or(had.and_then(|had| had.index), |it| it.index.map(|index| index.get()));
        let address = backend.to_string();
        ContainerStatus { name: Arc::clone(name), uuid: Arc::clone(uuid), address, index }
    }

    /// The containers of the service that have no port.
    pub(super) fn unmapped(
        self,
        Moment { clock, now, previous }: Moment<'a>,
    ) -> impl Iterator<Item = Unmapped> {
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
