//! The actor that owns HAProxy: it turns messages, timers and answers into events of its [`Machine`], and carries out
//! what that decides.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::Future,
    iter,
    path::PathBuf,
    rc::Rc,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, SpawnHandle,
    WrapFuture,
};
use slog::{Logger, error};
use tokio::time::Instant;

use super::{
    adoption::classify,
    bring_up::bring_up,
    commands::reassert_listeners,
    host::{HaproxyHost, Running},
    machine::{
        Machine, SupervisorSettings,
        event::{Effect, Event, Purpose, Timer},
    },
    port_state::Ports,
    query::{QueryError, query},
    runtime_api::{CliError, RuntimeApi},
    update::update,
};
use crate::{
    config::ConfigWritten,
    messages::{CutPort, HaproxyReport, PlanChanged, ReportHaproxy, Shutdown},
    reports_changed::ReportsChanged,
};

/// `HaproxySupervisor` → `ConfigWriter`: leave these ports out, since they cannot be bound at present.
///
/// The full set each time; an empty one excludes nothing. Answered by a [`ConfigWritten`] if that makes another frame.
#[derive(Clone, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct ExcludePorts(pub BTreeSet<u16>);

/// `HaproxySupervisor` → `ConfigWriter`: have the newest frame checked. A reload to it is due, or a start with it has
/// failed. Answered by a [`ConfigWritten`], sooner or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct CheckConfig;

/// The writer, as the supervisor sees it.
pub struct Writer {
    /// Learns which ports to leave out.
    pub exclude: Recipient<ExcludePorts>,
    /// Has frames checked.
    pub check: Recipient<CheckConfig>,
}

/// Brings HAProxy from what is live to the newest plan, one action at a time, and starts it again when it dies. What
/// is live is compared every now and then with what it was told, since others may change it too.
pub struct HaproxySupervisor<H, A> {
    machine: Machine,
    host: H,
    api: Rc<A>,
    writer: Writer,
    /// What is under way with a HAProxy, of which there is one thing at most.
    operation: Option<SpawnHandle>,
    timers: BTreeMap<Timer, SpawnHandle>,
    reports_changed: ReportsChanged,
    log: Logger,
}

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// A supervisor of HAProxies on `host`, reached through `api`.
    pub fn new(settings: SupervisorSettings, host: H, api: A, writer: Writer, log: Logger) -> Self {
        let machine = Machine::new(settings);
        Self {
            machine,
            host,
            api: Rc::new(api),
            writer,
            operation: None,
            timers: BTreeMap::new(),
            reports_changed: ReportsChanged::default(),
            log,
        }
    }

    /// Has it noted when its report may differ.
    #[must_use]
    pub fn noting(mut self, reports_changed: ReportsChanged) -> Self {
        self.reports_changed = reports_changed;
        self
    }

    /// Has the machine decide what follows from `event`, and does it.
    fn dispatch(&mut self, event: Event, ctx: &mut Context<Self>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.machine.on(event, Instant::now()) {
                events.extend(self.carry_out(effect, ctx));
            }
        }
        self.reports_changed.note();
    }

    /// Does one thing; gives its answer, if that is there at once.
    fn carry_out(&mut self, effect: Effect, ctx: &mut Context<Self>) -> Option<Event> {
        match effect {
            Effect::Adopt => self.adopt(ctx),
            Effect::Follow(leftover) => self.watch(leftover.generation, self.host.follow(&leftover), ctx),
            Effect::Probe(purpose, ports) => {
                let mut ports = ports.into_iter();
                let taken = match purpose {
                    Purpose::Release { all: false } => {
                        let taken = |port| self.host.unbindable(&mut iter::once(port)).pop();
                        ports.find_map(taken).into_iter().collect()
                    }
                    _ => self.host.unbindable(&mut ports),
                };
                return Some(Event::Probed(purpose, taken));
            }
            Effect::Launch(launch) => {
                let generation = launch.generation;
                let launching = self.host.launch(launch);
                ctx.spawn(launching.into_actor(self).map(move |launched, supervisor, ctx| {
                    let launched = launched.map(|running| {
                        let pid = running.pid;
                        supervisor.watch(generation, running, ctx);
                        pid
                    });
                    supervisor.dispatch(Event::Launched(generation, launched), ctx);
                }));
            }
            Effect::BringUp { generation, pid, free } => {
                let ready = bring_up(Rc::clone(&self.api), self.host.socket(generation), pid, free);
                self.begin(
                    ready,
                    move |ready| Event::Ready(generation, ready.map_err(|e| e.to_string())),
                    ctx,
                );
            }
            Effect::Update { generation, changes, may_hang } => {
                let updated = update(Rc::clone(&self.api), self.host.socket(generation), changes, may_hang);
                self.begin(updated, move |updated| Event::Updated(generation, updated), ctx);
            }
            Effect::Resync { generation } => {
                let resynced = query_and_reassert(Rc::clone(&self.api), self.host.socket(generation));
                self.begin(resynced, move |resynced| Event::Resynced(generation, resynced), ctx);
            }
            Effect::Compare { generation } => {
                let (api, socket) = (Rc::clone(&self.api), self.host.socket(generation));
                let seen = async move { query(api.as_ref(), socket, None).await };
                ctx.spawn(seen.into_actor(self).map(move |seen, supervisor, ctx| {
                    supervisor.dispatch(Event::Compared(generation, seen), ctx);
                }));
            }
            Effect::Cancel => cancel(self.operation.take(), ctx),
            Effect::Signal { generation, pid, signal } => self.host.signal(generation, pid, signal),
            Effect::RemoveSocket(generation) => self.host.remove_socket(generation),
            Effect::RemoveDir(generation) => self.host.remove_dir(generation),
            Effect::ExcludePorts(ports) => self.writer.exclude.do_send(ExcludePorts(ports)),
            Effect::CheckConfig => self.writer.check.do_send(CheckConfig),
            Effect::Arm(timer, after) => {
                let due = ctx.run_later(after, move |supervisor, ctx| {
                    supervisor.timers.remove(&timer);
                    supervisor.dispatch(Event::Due(timer), ctx);
                });
                cancel(self.timers.insert(timer, due), ctx);
            }
            Effect::Disarm(timer) => cancel(self.timers.remove(&timer), ctx),
            Effect::CountConnections { expelled, pids, ports, within } => {
                let processes = pids.len();
                let counted = self.host.connections(pids, ports, within);
                ctx.spawn(counted.into_actor(self).map(move |connections, supervisor, ctx| {
                    supervisor.dispatch(Event::Counted { expelled, processes, connections }, ctx);
                }));
            }
            Effect::Say(news) => news.say(&self.log),
            Effect::Stop => ctx.stop(),
        }
        None
    }

    /// Begins something with a HAProxy, whose result is an event.
    fn begin<T: 'static>(
        &mut self,
        operation: impl Future<Output = T> + 'static,
        event: impl FnOnce(T) -> Event + 'static,
        ctx: &mut Context<Self>,
    ) {
        let operation = operation.into_actor(self).map(|result, supervisor, ctx| {
            supervisor.operation = None;
            supervisor.dispatch(event(result), ctx);
        });
        self.operation = Some(ctx.spawn(operation));
    }

    fn adopt(&mut self, ctx: &mut Context<Self>) {
        let leftovers = self.host.leftovers().unwrap_or_else(|error| {
            error!(self.log, "cannot look for leftover haproxy processes"; "error" => %error);
            Vec::new()
        });
        let sockets = leftovers.into_iter().map(|it| (it.clone(), self.host.socket(it.generation))).collect();
        let classified = classify(Rc::clone(&self.api), sockets);
        self.begin(classified, Event::Adopted, ctx);
    }

    /// Tells of the end of a process.
    fn watch(&mut self, generation: u64, running: Running, ctx: &mut Context<Self>) {
        ctx.spawn(running.ended.into_actor(self).map(move |how, supervisor, ctx| {
            supervisor.dispatch(Event::Ended(generation, how), ctx);
        }));
    }
}

fn cancel<A: Actor<Context = Context<A>>>(future: Option<SpawnHandle>, ctx: &mut Context<A>) {
    if let Some(future) = future {
        ctx.cancel_future(future);
    }
}

/// Asks HAProxy what it does with each port, and has it make sure of that.
async fn query_and_reassert<A: RuntimeApi>(api: Rc<A>, socket: PathBuf) -> Result<Ports, QueryError> {
    let ports = query(api.as_ref(), socket.clone(), None).await?;
    match api.run(socket, reassert_listeners(&ports)).await {
        // Another program has taken a port that was closed. That is seen when it is needed.
        Ok(_) | Err(CliError::Rejected { .. }) => Ok(ports),
        Err(error) => Err(error.into()),
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Actor for HaproxySupervisor<H, A> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        for effect in self.machine.start() {
            self.carry_out(effect, ctx);
        }
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<PlanChanged> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, PlanChanged(plan): PlanChanged, ctx: &mut Context<Self>) {
        self.dispatch(Event::Plan(plan), ctx);
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<ConfigWritten> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, written: ConfigWritten, ctx: &mut Context<Self>) {
        self.dispatch(Event::Config(written), ctx);
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<ReportHaproxy> for HaproxySupervisor<H, A> {
    type Result = HaproxyReport;

    fn handle(&mut self, _: ReportHaproxy, _: &mut Context<Self>) -> HaproxyReport {
        let socket = self.machine.live().map(|live| self.host.socket(live));
        HaproxyReport { socket, ..self.machine.report() }
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<CutPort> for HaproxySupervisor<H, A> {
    type Result = bool;

    fn handle(&mut self, CutPort { port, uid }: CutPort, ctx: &mut Context<Self>) -> bool {
        let can_cut = self.machine.can_cut(port);
        if can_cut {
            self.dispatch(Event::Cut { port, uid }, ctx);
        }
        can_cut
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<Shutdown> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, Shutdown { haproxy }: Shutdown, ctx: &mut Context<Self>) {
        self.dispatch(Event::Shutdown(haproxy), ctx);
    }
}
