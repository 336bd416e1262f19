//! The actor that owns HAProxy.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture,
};
use rustix::process::Signal;
use slog::{Logger, debug, error, info, warn};
use tokio::time::Instant;

use super::{
    adoption::{Verdict, judge},
    bring_up::{BringUpError, bring_up, repair},
    process::{HaproxyHost, Launch, Running, Survivor},
    runtime_api::{Command, RuntimeApi},
    steps::{Live, Step, next_step},
};
use crate::{
    backoff::{Backoff, FirstRetry},
    config::HaproxyConfig,
    messages::{ConfigWritten, Leave, PlanChanged, Shutdown, WithholdPorts},
    outbox::Outbox,
};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// A HAProxy that has lived this long starts with a clean record.
const HEALTHY: Duration = Duration::from_secs(30);
/// How often a port that cannot be bound is tried again.
const PORT_RETRY: Duration = Duration::from_secs(1);
/// How long a process may take to end once its connections may be cut.
const END_LIMIT: Duration = Duration::from_secs(1);

/// How HAProxy is supervised.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorSettings {
    /// How long connections may take to end by themselves when stalls stops.
    pub drain: Duration,
    /// Seeds the jitter of restarts.
    pub seed: u64,
}

/// Brings HAProxy from what is live to the newest configuration on disk, one step at a time, and starts it
/// again when it dies.
///
/// It acts on a plan only once the same or a newer revision is on disk. While a step is under way, only the
/// newest configuration waits.
pub struct HaproxySupervisor<H, A> {
    settings: SupervisorSettings,
    host: H,
    api: Rc<A>,
    writer: Outbox<WithholdPorts>,
    /// Revision of the newest plan.
    planned: u64,
    on_disk: Option<ConfigWritten>,
    /// Revision of the newest configuration that is live.
    applied: u64,
    generations: BTreeMap<u64, Generation>,
    /// The number of the newest generation that there has been.
    newest: u64,
    activity: Activity,
    withheld: BTreeSet<u16>,
    port_timer: Option<SpawnHandle>,
    backoff: Backoff,
    rng: fastrand::Rng,
    log: Logger,
}

/// One HAProxy process.
struct Generation {
    pid: u32,
    role: Role,
    /// `None` if it was left behind by an earlier stalls and cannot be known.
    config: Option<Arc<HaproxyConfig>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Started, not serving yet.
    Starting,
    /// Serving; at most one.
    Live,
    /// Listening no more, kept for its connections.
    Draining,
    /// Killed, not gone yet.
    Dying,
}

/// What keeps the supervisor from taking the next step.
enum Activity {
    Idle,
    /// Looking for what an earlier stalls left behind.
    Adopting,
    /// A step is under way.
    BringingUp {
        future: SpawnHandle,
        step: Step,
        since: Instant,
    },
    /// The last step failed, or HAProxy died; the next is due later.
    BackingOff {
        until: SpawnHandle,
    },
    /// Everything is coming to its end.
    Stopping,
}

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// A supervisor of HAProxies on `host`, reached through `api`, that tells `writer` which ports to leave out.
    pub fn new(
        settings: SupervisorSettings,
        host: H,
        api: A,
        writer: Recipient<WithholdPorts>,
        log: Logger,
    ) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(settings.seed),
            settings,
            host,
            api: Rc::new(api),
            writer: Outbox::new(writer),
            planned: 0,
            on_disk: None,
            applied: 0,
            generations: BTreeMap::new(),
            newest: 0,
            activity: Activity::Idle,
            withheld: BTreeSet::new(),
            port_timer: None,
            backoff: Backoff::new(FirstRetry::Immediate, FIRST_RETRY, LONGEST_RETRY),
            log,
        }
    }

    /// Takes the next step, if one is due and none is under way.
    fn advance(&mut self, ctx: &mut Context<Self>) {
        if !matches!(self.activity, Activity::Idle) {
            return;
        }
        // A newer plan is on its way to the disk: a step for this one would be made in vain.
        let Some(on_disk) = self.on_disk.clone().filter(|on_disk| on_disk.covers >= self.planned) else {
            return;
        };
        let step = next_step(self.live_config(), &on_disk.config);
        if step == Step::Nothing {
            self.note_applied(&on_disk.config, step, Duration::ZERO);
        } else if self.ports_can_be_bound(&on_disk.config, ctx) {
            self.launch(on_disk.config, step, ctx);
        }
    }

    fn live(&self) -> Option<(u64, &Generation)> {
        let live = self.generations.iter().find(|(_, generation)| generation.role == Role::Live);
        live.map(|(number, generation)| (*number, generation))
    }

    fn live_config(&self) -> Live<'_> {
        self.live().map_or(Live::None, |(_, generation)| Live::Running(generation.config.as_deref()))
    }

    /// Looks before HAProxy leaps: it would not start at all for the sake of one port. Ports that cannot be
    /// bound are left out of the configuration, which then comes back without them.
    fn ports_can_be_bound(&mut self, config: &HaproxyConfig, ctx: &mut Context<Self>) -> bool {
        let held: BTreeSet<u16> = match self.live_config() {
            Live::Running(Some(config)) => config.backends.keys().copied().collect(),
            // Which ports it holds is unknown, and they are most likely all.
            Live::Running(None) => return true,
            Live::None => BTreeSet::new(),
        };
        let unbindable = self.host.unbindable(&mut config.ports().filter(|port| !held.contains(port)));
        for taken in &unbindable {
            error!(self.log, "port cannot be bound, the others are served";
                "port" => taken.port, "error" => %taken.reason, "retry_ms" => PORT_RETRY.as_millis() as u64);
        }
        if unbindable.is_empty() {
            return true;
        }
        self.withheld.extend(unbindable.iter().map(|taken| taken.port));
        self.writer.post(WithholdPorts(self.withheld.clone()));
        self.port_timer.get_or_insert_with(|| ctx.run_later(PORT_RETRY, Self::try_ports_again));
        false
    }

    fn try_ports_again(&mut self, ctx: &mut Context<Self>) {
        let still: BTreeSet<u16> =
            self.host.unbindable(&mut self.withheld.iter().copied()).iter().map(|taken| taken.port).collect();
        for port in self.withheld.difference(&still) {
            info!(self.log, "port can be bound again"; "port" => port);
        }
        if still != self.withheld {
            self.withheld = still;
            self.writer.post(WithholdPorts(self.withheld.clone()));
        }
        self.port_timer =
            (!self.withheld.is_empty()).then(|| ctx.run_later(PORT_RETRY, Self::try_ports_again));
    }

    fn launch(&mut self, config: Arc<HaproxyConfig>, step: Step, ctx: &mut Context<Self>) {
        self.newest += 1;
        let number = self.newest;
        let inherit = self.live().map(|(live, _)| live);
        let launch = Launch { generation: number, config: Arc::clone(&config), inherit };
        match self.host.launch(&launch) {
            Ok(running) => {
                let ready = bring_up(
                    Rc::clone(&self.api),
                    self.host.socket(number),
                    running.pid,
                    config.free.iter().copied().collect(),
                );
                self.watch(number, running, Role::Starting, Some(config), ctx);
                let future =
                    ctx.spawn(ready.into_actor(self).map(move |ready, supervisor, ctx| match ready {
                        Ok(()) => supervisor.promote(number, ctx),
                        Err(reason) => supervisor.give_up(number, &reason, ctx),
                    }));
                self.activity = Activity::BringingUp { future, step, since: Instant::now() };
            }
            Err(reason) => {
                self.host.forget(number);
                self.note_failed_step(&reason.to_string(), ctx);
            }
        }
    }

    fn watch(
        &mut self,
        number: u64,
        running: Running,
        role: Role,
        config: Option<Arc<HaproxyConfig>>,
        ctx: &mut Context<Self>,
    ) {
        self.newest = self.newest.max(number);
        self.generations.insert(number, Generation { pid: running.pid, role, config });
        let ended = running.ended.into_actor(self);
        ctx.spawn(ended.map(move |how, supervisor, ctx| supervisor.note_ended(number, &how, ctx)));
    }

    /// The new generation serves: the old one drains.
    fn promote(&mut self, number: u64, ctx: &mut Context<Self>) {
        let Activity::BringingUp { step, since, .. } = std::mem::replace(&mut self.activity, Activity::Idle)
        else {
            return;
        };
        if let Some((old, _)) = self.live() {
            self.drain(old);
        }
        let Some(new) = self.generations.get_mut(&number) else { return };
        new.role = Role::Live;
        let config = new.config.clone();
        info!(self.log, "haproxy serves"; "generation" => number, "haproxy_pid" => new.pid);
        if let Some(config) = config {
            self.note_applied(&config, step, since.elapsed());
        }
        ctx.run_later(HEALTHY, move |supervisor, _| {
            if supervisor.live().is_some_and(|(live, _)| live == number) {
                supervisor.backoff.reset();
            }
        });
        self.advance(ctx);
    }

    fn note_applied(&mut self, config: &HaproxyConfig, step: Step, took: Duration) {
        if self.applied == config.revision && step == Step::Nothing {
            return;
        }
        self.applied = config.revision;
        info!(self.log, "plan applied"; "revision" => config.revision, "step" => step.name(),
            "mapped" => config.backends.len(), "free" => config.free.len(), "withheld" => config.withheld.len(),
            "took_ms" => took.as_millis() as u64);
    }

    /// Listening ends at once; connections may go on.
    fn drain(&mut self, number: u64) {
        let Some(generation) = self.generations.get_mut(&number) else { return };
        generation.role = Role::Draining;
        self.host.signal(generation.pid, Signal::USR1);
        self.host.retire(number);
        debug!(self.log, "haproxy drains"; "generation" => number, "haproxy_pid" => generation.pid);
    }

    /// The new generation did not get to serve; the old one, if there is one, serves on.
    fn give_up(&mut self, number: u64, reason: &BringUpError, ctx: &mut Context<Self>) {
        if let Some(failed) = self.generations.get_mut(&number) {
            failed.role = Role::Dying;
            self.host.signal(failed.pid, Signal::KILL);
        }
        self.note_failed_step(&reason.to_string(), ctx);
    }

    fn note_failed_step(&mut self, reason: &str, ctx: &mut Context<Self>) {
        if let Some((live, generation)) = self.live() {
            let free: Vec<u16> =
                generation.config.iter().flat_map(|config| config.free.iter().copied()).collect();
            self.command(live, repair(free.into_iter()), ctx);
        }
        let serving = self.live().is_some();
        let retry = self.back_off(ctx);
        error!(self.log, "haproxy did not get to serve"; "error" => reason, "old_one_serves" => serving,
            "retry_ms" => retry.as_millis() as u64);
    }

    /// Takes the next step later; tells when.
    fn back_off(&mut self, ctx: &mut Context<Self>) -> Duration {
        let pause = self.backoff.next_pause(&mut self.rng);
        let until = ctx.run_later(pause, |supervisor, ctx| {
            supervisor.activity = Activity::Idle;
            supervisor.advance(ctx);
        });
        self.activity = Activity::BackingOff { until };
        pause
    }

    /// Commands whose failure is worth a line but changes nothing.
    fn command(&self, number: u64, commands: Vec<Command>, ctx: &mut Context<Self>) {
        let replies = self.api.run(self.host.socket(number), commands);
        ctx.spawn(replies.into_actor(self).map(move |replies, supervisor, _| {
            if let Err(trouble) = replies {
                error!(supervisor.log, "free ports may be open"; "generation" => number, "error" => %trouble);
            }
        }));
    }

    fn note_ended(&mut self, number: u64, how: &str, ctx: &mut Context<Self>) {
        let Some(ended) = self.generations.remove(&number) else { return };
        self.host.forget(number);
        let log = self.log.new(slog::o!("generation" => number, "haproxy_pid" => ended.pid));
        match (&self.activity, ended.role) {
            (Activity::Stopping, _) => {
                info!(log, "haproxy ended"; "how" => how);
                if self.generations.is_empty() {
                    ctx.stop();
                }
            }
            (Activity::BringingUp { future, .. }, Role::Starting) => {
                ctx.cancel_future(*future);
                self.note_failed_step(how, ctx);
            }
            (Activity::Idle, Role::Live) => {
                let retry = self.back_off(ctx);
                error!(log, "haproxy died"; "how" => how, "retry_ms" => retry.as_millis() as u64);
            }
            (Activity::BackingOff { until }, Role::Live) => {
                error!(log, "haproxy died"; "how" => how, "retry_ms" => 0);
                // What waited was a handover. Now nothing serves.
                ctx.cancel_future(*until);
                self.activity = Activity::Idle;
                self.advance(ctx);
            }
            // The handover under way brings the next one.
            (_, Role::Live) => error!(log, "haproxy died"; "how" => how, "retry_ms" => 0),
            _ => debug!(log, "haproxy ended"; "how" => how),
        }
    }

    fn adopt(&mut self, ctx: &mut Context<Self>) {
        let survivors = match self.host.survivors() {
            Ok(survivors) => survivors,
            Err(trouble) => {
                error!(self.log, "cannot look for a haproxy left behind"; "error" => %trouble);
                Vec::new()
            }
        };
        let with_sockets =
            survivors.into_iter().map(|s| (s.clone(), self.host.socket(s.generation))).collect();
        self.activity = Activity::Adopting;
        ctx.spawn(judge(Rc::clone(&self.api), with_sockets).into_actor(self).map(
            |judged, supervisor, ctx| {
                if matches!(supervisor.activity, Activity::Adopting) {
                    supervisor.activity = Activity::Idle;
                }
                judged
                    .into_iter()
                    .for_each(|(survivor, verdict)| supervisor.take_charge(survivor, &verdict, ctx));
                supervisor.advance(ctx);
            },
        ));
    }

    fn take_charge(&mut self, survivor: Survivor, verdict: &Verdict, ctx: &mut Context<Self>) {
        let Survivor { generation: number, pid, .. } = survivor;
        let running = self.host.follow(&survivor);
        self.watch(number, running, Role::Live, survivor.config.clone(), ctx);
        let stopping = matches!(self.activity, Activity::Stopping);
        let log = self.log.new(slog::o!("generation" => number, "haproxy_pid" => pid));
        match verdict {
            Verdict::Adopt if !stopping => {
                warn!(log, "haproxy adopted; its own lines are lost until the next handover");
                // The stalls that started it may have ended before this.
                let free = survivor.config.iter().flat_map(|config| config.free.iter().copied());
                self.command(number, free.map(Command::DisableFrontend).collect(), ctx);
            }
            Verdict::Adopt | Verdict::Drain => self.drain(number),
            Verdict::Kill => {
                warn!(log, "haproxy left behind does not answer and is killed");
                self.end(number, Signal::KILL);
            }
        }
    }

    fn end(&mut self, number: u64, signal: Signal) {
        if let Some(generation) = self.generations.get_mut(&number) {
            generation.role = Role::Dying;
            self.host.signal(generation.pid, signal);
        }
    }

    fn end_all(&mut self, signal: Signal) {
        let numbers: Vec<u64> = self.generations.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.end(number, signal));
    }

    fn stop_draining(&mut self, ctx: &mut Context<Self>) {
        for number in self.generations.keys().copied().collect::<Vec<_>>() {
            match self.generations.get(&number).map(|generation| generation.role) {
                Some(Role::Live) => self.drain(number),
                Some(Role::Starting) => self.end(number, Signal::KILL),
                _ => {}
            }
        }
        ctx.run_later(self.settings.drain, |supervisor, ctx| {
            warn!(supervisor.log, "drain time is over, connections are cut";
                "processes" => supervisor.generations.len());
            supervisor.stop_cutting(ctx);
        });
    }

    fn stop_cutting(&mut self, ctx: &mut Context<Self>) {
        self.end_all(Signal::TERM);
        ctx.run_later(END_LIMIT, |supervisor, _| supervisor.end_all(Signal::KILL));
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Actor for HaproxySupervisor<H, A> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.adopt(ctx);
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<PlanChanged> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, PlanChanged(plan): PlanChanged, _: &mut Context<Self>) {
        self.planned = plan.revision;
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<ConfigWritten> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, written: ConfigWritten, ctx: &mut Context<Self>) {
        self.on_disk = Some(written);
        self.advance(ctx);
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<Shutdown> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, Shutdown { haproxy }: Shutdown, ctx: &mut Context<Self>) {
        if let Activity::BringingUp { future: pending, .. } | Activity::BackingOff { until: pending } =
            self.activity
        {
            ctx.cancel_future(pending);
        }
        self.activity = Activity::Stopping;
        match haproxy {
            Leave::Serving => return ctx.stop(),
            Leave::Drained => self.stop_draining(ctx),
            Leave::Cut => self.stop_cutting(ctx),
        }
        if self.generations.is_empty() {
            ctx.stop();
        }
    }
}
