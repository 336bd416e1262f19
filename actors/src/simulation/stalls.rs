//! stalls itself: the real actors, wired as the binary wires them.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, Addr, Context, Handler, Recipient};
use slog::o;
use tokio::task::spawn_local;

use super::{
    cli::Cli, disk::Files, host::Haproxies, lists::Lists, metadata::Server, readiness::Clients, scene::Scene,
    setup::SourceKind,
};
use crate::{
    allocation::{AllocatorSettings, ListenAddresses, PoolSettings, PortAllocator},
    config::{ConfigWriter, Renderer, Template, WriterSettings},
    haproxy::{HaproxySupervisor, SupervisorSettings, Writer},
    messages::{Leave, PlanChanged, Shutdown},
    metadata::{MetadataPoller, PollerSettings, Source},
    sources::rancher::Rancher,
    supervise::{ActorSet, End, Prepared},
    testing::{listen_settings, web},
};

pub(super) const DRAIN: Duration = Duration::from_secs(8);

/// The running actors.
pub(super) struct Stalls {
    poller: Addr<MetadataPoller>,
    allocator: Addr<PortAllocator<Clients>>,
    writer: Addr<ConfigWriter<Files>>,
    supervisor: Addr<HaproxySupervisor<Haproxies, Cli>>,
    has_ended: Rc<Cell<bool>>,
}

/// Listens in on the plans, and passes them on: nothing is done for a plan that the watch does not know.
struct Listener {
    scene: Rc<Scene>,
    receivers: Vec<Recipient<PlanChanged>>,
}

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<PlanChanged> for Listener {
    type Result = ();

    fn handle(&mut self, PlanChanged(plan): PlanChanged, _: &mut Context<Self>) {
        self.scene.planned(&plan);
        self.receivers.iter().for_each(|receiver| receiver.do_send(PlanChanged(Arc::clone(&plan))));
    }
}

impl Stalls {
    pub(super) fn start(scene: &Rc<Scene>) -> Self {
        let log = scene.trace.logger();
        let log_of = |actor: &'static str| log.new(o!("actor" => actor));
        let seed = || scene.draw(0..u64::MAX);
        let poller = Prepared::new("MetadataPoller");
        let allocator = Prepared::new("PortAllocator");
        let writer = Prepared::new("ConfigWriter");
        let supervisor = Prepared::new("HaproxySupervisor");
        let stalls = Self {
            poller: poller.addr(),
            allocator: allocator.addr(),
            writer: writer.addr(),
            supervisor: supervisor.addr(),
            has_ended: Rc::default(),
        };
        let receivers = vec![stalls.supervisor.clone().recipient(), stalls.writer.clone().recipient()];
        let plans = vec![Listener { scene: Rc::clone(scene), receivers }.start().recipient()];
        let listen = listen_settings(4096);
        let renderer = Arc::new(Renderer::new(Template::built_in().unwrap(), listen));
        let mut actors = ActorSet::default();
        actors.run(
            supervisor,
            HaproxySupervisor::new(
                SupervisorSettings {
                    max_draining: 16,
                    drain: DRAIN,
                    reconcile: Duration::from_secs(30),
                    on_leave: scene.setup.on_leave,
                    updates_at_runtime: renderer.updates_at_runtime(),
                    seed: seed(),
                },
                Haproxies(Rc::clone(scene)),
                Cli(Rc::clone(scene)),
                Writer {
                    exclude: stalls.writer.clone().recipient(),
                    check: stalls.writer.clone().recipient(),
                },
                log_of("HaproxySupervisor"),
            ),
        );
        actors.run(
            writer,
            ConfigWriter::new(
                WriterSettings { renderer, seed: seed() },
                Files(Rc::clone(scene)),
                stalls.supervisor.clone().recipient(),
                log_of("ConfigWriter"),
            ),
        );
        let pool =
            PoolSettings { mapping: scene.setup.mapping(), max_ports: scene.setup.max_ports, room: u16::MAX };
        actors.run(
            allocator,
            PortAllocator::new(
                AllocatorSettings {
                    pools: vec![pool],
                    listen: ListenAddresses::default(),
                    allow_loopback: false,
                    port_reuse_delay: Duration::from_secs(60),
                    linger: scene.setup.linger,
                },
                Files(Rc::clone(scene)),
                None,
                Clients(Rc::clone(scene)),
                plans,
                log_of("PortAllocator"),
            ),
        );
        actors.run(
            poller,
            MetadataPoller::new(
                PollerSettings {
                    mappings: vec![scene.setup.mapping()],
                    poll_sleep: Duration::from_secs(5),
                    seed: seed(),
                },
                source(scene),
                stalls.allocator.clone().recipient(),
                log_of("MetadataPoller"),
            ),
        );
        spawn_local(watch_over(actors, Rc::clone(scene), Rc::clone(&stalls.has_ended)));
        stalls
    }

    /// Asks every actor to end, the first stage first.
    pub(super) fn shut_down(&self, haproxy: Leave) {
        let shutdown = Shutdown { haproxy };
        self.poller.do_send(shutdown);
        self.allocator.do_send(shutdown);
        self.writer.do_send(shutdown);
        self.supervisor.do_send(shutdown);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }
}

/// The source of this run.
fn source(scene: &Rc<Scene>) -> Box<dyn Source> {
    match scene.setup.source {
        SourceKind::Lists => Box::new(Lists::of(Rc::clone(scene))),
        SourceKind::Rancher => Box::new(Rancher::new(
            Server(Rc::clone(scene)),
            [web()].into(),
            scene.setup.port_count.is_none(),
            scene.trace.logger().new(o!("actor" => "MetadataPoller")),
        )),
    }
}

/// No actor may end unless all are to.
async fn watch_over(mut actors: ActorSet, scene: Rc<Scene>, has_ended: Rc<Cell<bool>>) {
    while !actors.is_empty() {
        let (actor, end) = actors.first_end().await;
        scene.trace.say(format!("stalls: {actor} has ended"));
        if !scene.is_stopping() || end != End::Stopped {
            scene.trace.violate(format!("{actor} has ended: {end:?}"));
        }
        scene.agenda.bell.notify_one();
    }
    has_ended.set(true);
    scene.agenda.bell.notify_one();
}
