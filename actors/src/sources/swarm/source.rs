//! Following the tasks of services, by asking a manager.
//!
//! Nothing says that a task has changed: Swarm has events of services and nodes only, and an engine has events of its
//! own containers only (moby/moby issue 37403). So the manager is asked each second; and more often for a while once
//! anything has happened, since a task that is replaced changes several times within a second.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU16,
    time::Duration,
};

use bollard::{
    models::{EventMessage, EventMessageTypeEnum},
    query_parameters::EventsOptions,
};
use futures_util::future::{FutureExt, LocalBoxFuture};
use itertools::Itertools;
use tokio::time::{Instant, timeout_at};

use super::{
    fault::{KINDS, fault, several_ports},
    known::{Known, KnownNodes},
    listing::{Reach, Wanted, containers},
};
use crate::{
    domain::ServiceRef,
    metadata::{Answer, Fault, Listing, OwnPorts, Source, State},
    sources::docker::{Engine, EngineFault, EngineSettings, EventStream},
};

/// The pause between two questions. An answer costs the manager 2 ms of processor time for 64 tasks, and 8 ms for 384,
/// which are 64 slots with what Swarm remembers of each (engine 20.10).
const PAUSE: Duration = Duration::from_secs(1);
/// The pause while something is going on.
const BRISK_PAUSE: Duration = Duration::from_millis(100);
/// How long something goes on after the last sign of it. A task that is told to stop may take longer, but nothing
/// depends on that.
const GOING_ON: Duration = Duration::from_secs(5);
/// The pause before the events are asked for again.
const EVENTS_PAUSE: Duration = Duration::from_secs(10);

/// What is followed, and how to get there.
#[derive(Clone, Debug)]
pub struct SwarmSettings {
    /// The engine to ask, a manager's.
    pub engine: EngineSettings,
    /// The services, each with the ports that its containers listen on; at least one. That of a stack is called
    /// `STACK_SERVICE`.
    pub services: BTreeMap<ServiceRef, BTreeSet<NonZeroU16>>,
    /// The overlay network in which tasks are reached whose ports no node publishes; `None` for the first one by name.
    pub network: Option<String>,
}

/// Follows services of a swarm.
pub struct Swarm {
    settings: SwarmSettings,
    engine: Option<Engine>,
    events: Option<EventStream>,
    /// When the events may be asked for again.
    next_events: Instant,
    services: BTreeMap<ServiceRef, Known>,
    nodes: KnownNodes,
    /// When the tasks were asked for.
    asked: Option<Instant>,
    /// Until when something goes on.
    brisk_until: Instant,
}

impl Swarm {
    /// Follows these services.
    pub fn new(settings: SwarmSettings) -> Self {
        let now = Instant::now();
        Self {
            services: settings.services.keys().map(|service| (service.clone(), Known::default())).collect(),
            settings,
            engine: None,
            events: None,
            next_events: now,
            nodes: KnownNodes::default(),
            asked: None,
            brisk_until: now,
        }
    }

    /// Waits until it is time to ask again, or `until` at the latest.
    async fn pause(&mut self, until: Instant) {
        let Some(asked) = self.asked else { return };
        loop {
            let pause = if self.brisk_until > asked { BRISK_PAUSE } else { PAUSE };
            let due = until.min(asked + pause);
            let Some(events) = &mut self.events else { return tokio::time::sleep_until(due).await };
            match timeout_at(due, events.next()).await {
                Err(_) => return,
                Ok(Ok(Some(event))) => self.heed(&event),
                Ok(Ok(None) | Err(_)) => self.events = None,
            }
        }
    }

    /// An event may be a sign that tasks change soon.
    fn heed(&mut self, event: &EventMessage) {
        let attributes = event.actor.as_ref().and_then(|actor| actor.attributes.as_ref());
        let is_followed = |attribute: &str| {
            let name = attributes.and_then(|attributes| attributes.get(attribute));
            let services = self.settings.services.keys();
            name.is_some_and(|name| services.map(swarm_name).contains(name))
        };
        let matters = match event.typ {
            Some(EventMessageTypeEnum::NODE) => {
                self.nodes.asked = None;
                true
            }
            Some(EventMessageTypeEnum::SERVICE) => {
                // It may be published in another way from now on.
                self.services.values_mut().for_each(|known| known.service = None);
                is_followed("name")
            }
            Some(EventMessageTypeEnum::CONTAINER) => is_followed("com.docker.swarm.service.name"),
            _ => false,
        };
        if matters {
            self.brisk_until = Instant::now() + GOING_ON;
        }
    }

    async fn round(&mut self) -> Result<State, EngineFault> {
        self.asked = Some(Instant::now());
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::connect(&self.settings.engine).await?,
        };
        // The stream comes first: whatever happens after the answer is a sign to ask again.
        if self.events.is_none() && self.next_events <= Instant::now() {
            self.next_events = Instant::now() + EVENTS_PAUSE;
            // Without it everything works, a moment later.
            self.events = engine.events(events()).await.ok();
        }
        let mut services = BTreeMap::new();
        for (service, ports) in self.settings.services.clone() {
            let answer = match self.ask(&engine, &service, &ports).await {
                Err(of_this @ (EngineFault::Malformed { .. } | EngineFault::TooLarge { .. })) => {
                    Answer::Failed(fault(of_this))
                }
                // This concerns the other services, too.
                answer => answer?,
            };
            services.insert(service, answer);
        }
        // After a fault it may be another engine that answers.
        self.engine = Some(engine);
        Ok(State { services, own: OwnPorts::default() })
    }

    /// A service that does not exist has no containers, and that is proof: what its tasks leave goes to others soon.
    async fn ask(
        &mut self,
        engine: &Engine,
        service: &ServiceRef,
        ports: &BTreeSet<NonZeroU16>,
    ) -> Result<Answer, EngineFault> {
        let name = swarm_name(service);
        let known = self.services.entry(service.clone()).or_default();
        let tasks = known.tasks(engine, &name).await?;
        let why_empty = match &tasks {
            None => Some(format!(
                "Swarm has no service {name}; check SERVICE_NAME and STACK_NAME, see `docker service ls`"
            )),
            Some(tasks) if tasks.is_empty() => {
                Some(format!("Swarm has no task of {name}; is it scaled to 0?"))
            }
            Some(_) => None,
        };
        let tasks = tasks.unwrap_or_default();
        let on_nodes = ports.iter().copied().find(|port| known.is_on_nodes(&tasks, *port));
        if on_nodes.is_some() && ports.len() > 1 {
            return Ok(Answer::Failed(several_ports(&name)));
        }
        let reach = match on_nodes {
            Some(_) => Reach::Nodes(&known.ports, self.nodes.addresses(engine, &tasks).await?),
            None => Reach::Overlay(self.settings.network.as_deref()),
        };
        let containers = containers(&tasks, Wanted { service: &name, reach });
        if known.note(containers) {
            self.brisk_until = Instant::now() + GOING_ON;
        }
        // A manager's list is all that there is.
        let (containers, why_empty) = (known.containers.clone(), why_empty.map(Into::into));
        Ok(Answer::Listed(Listing { containers, absence_is_proof: true, why_empty, ..Listing::default() }))
    }
}

/// What Swarm calls a service (docker/cli, `cli/compose/convert`).
fn swarm_name(service: &ServiceRef) -> String {
    [service.stack.as_deref(), Some(&service.service)].into_iter().flatten().join("_")
}

/// The events that may be a sign. A health check makes three of others each time.
fn events() -> EventsOptions {
    let kinds = ["container", "node", "service"];
    let actions = ["create", "die", "health_status", "kill", "remove", "start", "update"];
    let filters = [("type", &kinds[..]), ("event", &actions[..])];
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    let filters = filters.map(|(name, words)| (name.to_owned(), owned(words)));
    EventsOptions { filters: Some(filters.into()), ..EventsOptions::default() }
}

impl Source for Swarm {
    fn fault_kinds(&self) -> &'static [&'static str] {
        &KINDS
    }

    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        async move {
            self.pause(Instant::now() + wait).await;
            self.round().await.map_err(fault)
        }
        .boxed_local()
    }
}
