//! Telling the live HAProxy of changes.

use std::{rc::Rc, sync::Arc};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use slog::info;
use tokio::time::Instant;

use super::{
    super::{
        apply::{ApplyError, apply},
        process::HaproxyHost,
        runtime_api::RuntimeApi,
        slots::Slots,
        steps::{Change, Step, next_step},
    },
    Activity, HaproxySupervisor,
    repairing::FailedStep,
};
use crate::config::HaproxyConfig;

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    pub(super) fn apply_changes(
        &mut self,
        config: Arc<HaproxyConfig>,
        changes: Vec<Change>,
        ctx: &mut Context<Self>,
    ) {
        let Some((live, _)) = self.generations.live() else { return };
        if let Some(look) = &mut self.look {
            look.outdated.extend(changes.iter().map(|change| change.port()));
        }
        let since = Instant::now();
        let applied = apply(Rc::clone(&self.api), self.host.socket(live), changes.clone());
        let future = ctx.spawn(applied.into_actor(self).map(move |applied, supervisor, ctx| {
            // It may have died, or the end may have begun, in the very moment in which this was ready.
            if !matches!(supervisor.activity, Activity::Applying { .. }) {
                return;
            }
            match applied {
                Ok(slots) => {
                    supervisor.activity = Activity::Idle;
                    supervisor.note_changed(live, config.revision, &changes, slots);
                    let (live, on_leave) =
                        (supervisor.generations.live_state(), supervisor.settings.on_leave);
                    if let Step::Handover(reason) = next_step(live, &config, on_leave) {
                        info!(supervisor.log, "changes made, haproxy hands over for the rest";
                            "revision" => config.revision, "reason" => %reason);
                    } else {
                        supervisor.note_applied(&config, &Step::Changes(changes), since.elapsed());
                    }
                    supervisor.advance(ctx);
                }
                Err(trouble) => supervisor.fall_back(live, &trouble, ctx),
            }
        }));
        self.activity = Activity::Applying { future };
    }

    fn note_changed(&mut self, number: u64, revision: u64, changes: &[Change], slots: Slots) {
        if let Some(generation) = self.generations.get_mut(number) {
            generation.revision = Some(revision);
            generation.slots.extend(slots);
            if let Some(agreed) = &mut generation.agreed {
                for change in changes {
                    agreed.insert(change.port(), change.route());
                }
            }
        }
    }

    /// What cannot be had at runtime is had by a handover, if the live HAProxy still answers.
    fn fall_back(&mut self, live: u64, trouble: &ApplyError, ctx: &mut Context<Self>) {
        match trouble {
            ApplyError::NoAnswer(trouble) => self.give_up_live(live, trouble, ctx),
            ApplyError::NotDone(what) => {
                self.fallbacks += 1;
                let generation = self.generations.get_mut(live);
                generation.into_iter().for_each(|live| live.disagrees = Some(what.clone()));
                self.repair(Some(FailedStep::Changes { reason: what.clone() }), ctx);
            }
        }
    }
}
