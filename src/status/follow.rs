//! The shell: asks the actors when something may differ, and publishes what does.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix_web::web::Bytes;

use stalls_actors::{
    ReportsChanged,
    haproxy::{UnixSocketApi, traffic, uptime},
    messages::HaproxyState,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Difference, EventId, History, Status, Timestamp,
    clock::Clock,
    compose::{Inputs, Moment, compose, nothing},
};
use crate::{
    admin::{ActorReports, HealthProbe},
    doctor::Finding,
};

/// What changes within this time is one difference. A change takes HAProxy a millisecond or two, so that none is shown
/// half-way; and 20 differences a second are as many as people and browsers can follow.
const SETTLE: Duration = Duration::from_millis(50);
/// The pause after a document takes at least so many times as long as composing it did: a tenth of a processor at most.
const SHARE: u32 = 9;
/// How often ports without a container are looked at that still have connections. There are few of them, and only those
/// are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is so now, and what has changed lately.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    pub(crate) status: Arc<Status>,
    pub(crate) history: Arc<History>,
    /// The socket of HAProxy's runtime API, if it runs.
    pub(crate) haproxy_socket: Option<PathBuf>,
    /// The status as a stream of events begins with it: made once it is needed, and shared by all streams.
    pub(crate) snapshot: Arc<OnceLock<Bytes>>,
}

/// Follows the actors, and publishes what they report.
#[derive(Debug)]
pub(crate) struct Follower {
    clock: Clock,
    latest: watch::Sender<Latest>,
    inputs: Inputs,
    /// The HAProxy whose ports have been looked at.
    looked_at: Option<u32>,
    /// The ports without a container that had connections when they were last looked at, or may have some.
    leaving: BTreeSet<u16>,
    next_look: Instant,
}

impl Follower {
    /// A follower that has not heard anything yet, and what it will publish. `source` is the source's kind, `findings`
    /// are those of the start.
    pub(crate) fn new(source: &'static str, findings: Arc<[Finding]>) -> (Self, watch::Receiver<Latest>) {
        let (clock, now) = (Clock::start(), Instant::now());
        let status = nothing(fastrand::u32(..), source, clock, now);
        let (latest, receiver) = watch::channel(Latest {
            status: Arc::new(status),
            history: Arc::default(),
            haproxy_socket: None,
            snapshot: Arc::default(),
        });
        let inputs = Inputs { findings, ..Inputs::default() };
        (Self { clock, latest, inputs, looked_at: None, leaving: BTreeSet::new(), next_look: now }, receiver)
    }

    /// Publishes whatever the actors report, for as long as anybody may want to know.
    pub(crate) async fn run(mut self, probe: HealthProbe, changed: ReportsChanged) {
        while !self.latest.is_closed() {
            self.take(probe.ask().await);
            self.look_at_haproxy().await;
            let began = Instant::now();
            self.publish();
            let pause = SETTLE.max(began.elapsed() * SHARE);
            let look = async {
                match self.leaving.is_empty() {
                    true => std::future::pending().await,
                    false => sleep_until(self.next_look).await,
                }
            };
            tokio::select! {
                () = changed.noted() => sleep(pause).await,
                () = look => {}
                () = self.latest.closed() => return,
            }
        }
    }

    /// What an actor does not answer is as it was; `/healthz` tells of that.
    fn take(&mut self, reports: ActorReports) {
        let ActorReports { poller, allocator, writer, supervisor, .. } = reports;
        let inputs = &mut self.inputs;
        inputs.source = poller.unwrap_or_else(|_| inputs.source.clone());
        inputs.allocation = allocator.unwrap_or_else(|_| inputs.allocation.clone());
        if let Ok(writer) = writer {
            inputs.config_problem = writer.problem.map(Into::into);
        }
        inputs.haproxy = supervisor.unwrap_or_else(|_| inputs.haproxy.clone());
    }

    /// Looks whether ports have lost their container, and not their connections.
    async fn look_at_haproxy(&mut self) {
        let HaproxyState::Running { pid, .. } = self.inputs.haproxy.state else {
            self.looked_at = None;
            self.leaving.clear();
            self.inputs.haproxy_started = None;
            return self.inputs.draining.clear();
        };
        let Some(socket) = self.inputs.haproxy.socket.clone() else { return };
        let is_new = self.looked_at.replace(pid) != Some(pid);
        if is_new {
            let up = uptime(&UnixSocketApi, socket.clone()).await;
            self.inputs.haproxy_started = up.map(|up| self.started(up));
        }
        let freed = self.freed(is_new);
        let is_due = is_new || !freed.is_subset(&self.leaving) || Instant::now() >= self.next_look;
        self.leaving.extend(freed);
        if is_due && !self.leaving.is_empty() {
            self.look(&socket).await;
        }
    }

    /// HAProxy says whole seconds.
    fn started(&self, up: Duration) -> Timestamp {
        self.clock.before(Instant::now(), up)
    }

    /// The ports that have no container now: all of them, or those that had one.
    fn freed(&self, all: bool) -> BTreeSet<u16> {
        let Some(plan) = &self.inputs.allocation.plan else { return BTreeSet::new() };
        let before = &self.latest.borrow().status.ports;
        let had = |port: &u16| all || before.get(port).is_some_and(|it| it.container.is_some());
        plan.routes().filter(|(_, route)| route.is_none()).map(|(port, _)| port).filter(had).collect()
    }

    async fn look(&mut self, socket: &Path) {
        self.next_look = Instant::now() + LOOK_EVERY;
        let Ok(traffic) = traffic(&UnixSocketApi, socket.to_owned(), Some(&self.leaving)).await else {
            return;
        };
        self.leaving.retain(|port| traffic.get(port).is_some_and(|it| it.sessions > 0));
        self.inputs.draining = self.leaving.clone();
    }

    fn publish(&mut self) {
        let Latest { status: previous, history, .. } = self.latest.borrow().clone();
        let moment = Moment { clock: self.clock, now: Instant::now(), previous: &previous };
        let next = compose(&self.inputs, moment);
        // A port that has a container again is no longer watched.
        self.leaving.retain(|port| next.ports.get(port).is_some_and(|it| it.container.is_none()));
        let EventId { instance, number } = previous.id;
        let next = Status { id: EventId { instance, number: number + 1 }, ..next };
        let Some(difference) = Difference::between(&previous, &next) else { return };
        let mut history = Arc::unwrap_or_clone(history);
        history.note(&previous, Arc::new(difference));
        let haproxy_socket = self.inputs.haproxy.socket.clone();
        self.latest.send_replace(Latest {
            status: Arc::new(next),
            history: Arc::new(history),
            haproxy_socket,
            snapshot: Arc::default(),
        });
    }
}
