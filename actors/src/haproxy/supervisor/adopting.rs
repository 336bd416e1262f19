//! Taking charge of what an earlier stalls left behind.

use std::rc::Rc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use rustix::process::Signal;
use slog::{error, warn};

use super::{
    super::{
        adoption::{Verdict, judge},
        generations::Role,
        process::{HaproxyHost, Survivor},
        runtime_api::RuntimeApi,
        slots::Slots,
    },
    Activity, HaproxySupervisor,
};

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// Comes before everything else: nothing is started while something may be serving already.
    pub(super) fn adopt(&mut self, ctx: &mut Context<Self>) {
        let survivors = self.host.survivors().unwrap_or_else(|trouble| {
            error!(self.log, "cannot look for a haproxy left behind"; "error" => %trouble);
            Vec::new()
        });
        let sockets = survivors.into_iter().map(|s| (s.clone(), self.host.socket(s.generation))).collect();
        self.activity = Activity::Adopting { then: None };
        ctx.spawn(judge(Rc::clone(&self.api), sockets).into_actor(self).map(|judged, supervisor, ctx| {
            judged
                .into_iter()
                .for_each(|(survivor, verdict)| supervisor.take_charge(survivor, &verdict, ctx));
            let adopting = std::mem::replace(&mut supervisor.activity, Activity::Idle);
            match adopting {
                Activity::Adopting { then: Some((leave, asked)) } => supervisor.stop(leave, asked, ctx),
                // The stalls that started them may have ended amid a handover.
                _ => supervisor.repair(None, ctx),
            }
        }));
    }

    fn take_charge(&mut self, survivor: Survivor, verdict: &Verdict, ctx: &mut Context<Self>) {
        let Survivor { generation: number, pid, record } = survivor.clone();
        let running = self.host.follow(&survivor);
        let log = self.log.new(slog::o!("generation" => number, "haproxy_pid" => pid));
        match verdict {
            Verdict::Adopt => {
                warn!(log, "haproxy adopted, its own lines are lost until the next handover");
                self.watch(number, running, Role::Live, record, Slots::new(), ctx);
            }
            Verdict::Drain => {
                self.watch(number, running, Role::Draining, record, Slots::new(), ctx);
                self.drain(number);
            }
            Verdict::Kill => {
                warn!(log, "haproxy left behind does not answer and is killed");
                self.watch(number, running, Role::Dying, record, Slots::new(), ctx);
                self.end(number, Signal::KILL);
            }
        }
    }
}
