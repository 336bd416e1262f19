//! Comparing the live HAProxy with what it is taken for. Others may have told it something; a step may be lost.

use std::{collections::BTreeSet, rc::Rc};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use slog::{error, warn};

use super::{
    super::{
        look::{LookError, look},
        process::HaproxyHost,
        runtime_api::{NoAnswer, RuntimeApi},
        slots::{Slot, Slots},
    },
    Activity, HaproxySupervisor,
};

/// How many ports are told of one by one: somebody may have changed all of a large pool.
const MOST_TOLD: usize = 10;

/// A look at the live HAProxy that is under way. No step waits for it.
#[derive(Debug)]
pub(super) struct Look {
    generation: u64,
    /// The ports that have been changed meanwhile, or are being changed: what is seen of them is old.
    pub(super) outdated: BTreeSet<u16>,
}

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    pub(super) fn reconcile(&mut self, ctx: &mut Context<Self>) {
        let Some((live, _)) = self.generations.live() else { return };
        // What is being changed now is looked at next time.
        if self.look.is_some() || !matches!(self.activity, Activity::Idle | Activity::BackingOff { .. }) {
            return;
        }
        self.look = Some(Look { generation: live, outdated: BTreeSet::new() });
        let (api, socket) = (Rc::clone(&self.api), self.host.socket(live));
        let seen = async move { look(api.as_ref(), socket, None).await };
        ctx.spawn(seen.into_actor(self).map(move |seen, supervisor, ctx| {
            let Some(Look { outdated, .. }) = supervisor.look.take_if(|look| look.generation == live) else {
                return;
            };
            // It may have died meanwhile, or the end may have begun.
            if supervisor.generations.live().is_none_or(|(number, _)| number != live)
                || matches!(supervisor.activity, Activity::Stopping)
            {
                return;
            }
            if !matches!(seen, Err(LookError::NoAnswer(NoAnswer::Unasked { .. }))) {
                supervisor.note_asked();
            }
            match seen {
                Ok(slots) => supervisor.note_seen(live, &slots, &outdated, ctx),
                // The next look comes in time.
                Err(LookError::NoAnswer(trouble @ NoAnswer::Unasked { .. })) => {
                    supervisor.note_unasked(live, &trouble);
                }
                // A step that is under way finds that out too.
                Err(LookError::NoAnswer(trouble)) if matches!(supervisor.activity, Activity::Idle) => {
                    supervisor.give_up_live(live, &trouble, ctx);
                }
                Err(LookError::NoAnswer(_)) => {}
                Err(LookError::Odd(what)) => {
                    error!(supervisor.log, "haproxy cannot be compared with the plan"; "error" => what);
                }
            }
        }));
    }

    fn note_seen(&mut self, live: u64, seen: &Slots, outdated: &BTreeSet<u16>, ctx: &mut Context<Self>) {
        let Some(generation) = self.generations.get_mut(live) else { return };
        let mut differ = Vec::new();
        for (port, known) in generation.slots.iter_mut().filter(|(port, _)| !outdated.contains(port)) {
            if let Some(seen) = seen.get(port) {
                if !seen.does_the_same_as(known) {
                    differ.push((*port, *seen, *known));
                }
                let displaced = Some(known.was_led_to()).filter(|own| *own != seen.server);
                *known = Slot { displaced, ..*seen };
            }
        }
        if differ.is_empty() {
            return;
        }
        generation.agreed = None;
        for (port, seen, known) in differ.iter().take(MOST_TOLD) {
            warn!(self.log, "port is not as it was left, it is set right";
                "port" => port, "found" => %seen, "left" => %known);
        }
        warn!(self.log, "haproxy was changed by somebody else, it is set right";
            "generation" => live, "ports" => differ.len());
        self.advance(ctx);
    }
}
