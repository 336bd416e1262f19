//! Setting the ports of the live HAProxy right, after somebody who shares its sockets has ended.

use std::{path::PathBuf, rc::Rc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use slog::{error, o, warn};

use super::{
    super::{
        changes::toggles,
        look::{LookError, look},
        process::HaproxyHost,
        runtime_api::{CliError, NoAnswer, RuntimeApi},
        slots::Slots,
    },
    Activity, HaproxySupervisor,
};

/// A step that did not lead to where it should.
pub(super) enum FailedStep {
    /// A new generation did not get to serve.
    Start { generation: u64, reason: String },
    /// The live one could not be told of changes, or not of all.
    Changes { reason: String },
}

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// What the live HAProxy does with its ports is not known after a step has failed: changes may have been made in
    /// part; a successor may have opened ports that are free here, and closed ports that are used here. That is
    /// looked at and set right before anything else happens, since commands that arrive late would hit the next
    /// generation. Afterwards the next step is due, at once or, if one has `failed`, after a pause.
    pub(super) fn repair(&mut self, failed: Option<FailedStep>, ctx: &mut Context<Self>) {
        self.activity = Activity::Repairing;
        if let Some(FailedStep::Start { .. }) = failed {
            self.spoil_record(ctx);
        }
        let Some((live, _)) = self.generations.live() else {
            return match failed {
                Some(failed) => self.try_again_later(&failed, ctx),
                None => self.go_on(ctx),
            };
        };
        let repaired = look_and_toggle(Rc::clone(&self.api), self.host.socket(live));
        ctx.spawn(repaired.into_actor(self).map(move |repaired, supervisor, ctx| {
            if matches!(supervisor.activity, Activity::Repairing) {
                supervisor.note_repaired(live, repaired, ctx);
                let is_repaired = matches!(supervisor.activity, Activity::Repairing);
                match failed {
                    Some(failed) if is_repaired && supervisor.generations.live().is_some() => {
                        supervisor.try_again_later(&failed, ctx);
                    }
                    Some(failed) if is_repaired => supervisor.go_on_without(&failed, ctx),
                    // What cannot be asked is asked again first.
                    Some(failed) => supervisor.say_failed(&failed, Duration::ZERO),
                    None => supervisor.go_on(ctx),
                }
            }
        }));
    }

    fn note_repaired(&mut self, live: u64, repaired: Result<Slots, LookError>, ctx: &mut Context<Self>) {
        if !matches!(repaired, Err(LookError::NoAnswer(NoAnswer::Unasked { .. }))) {
            self.note_asked();
        }
        let Some(generation) = self.generations.get_mut(live) else { return };
        match repaired {
            Ok(slots) => (generation.slots, generation.agreed) = (slots, None),
            Err(LookError::Odd(what)) => generation.disagrees = Some(what),
            Err(LookError::NoAnswer(trouble)) => self.give_up_live(live, &trouble, ctx),
        }
    }

    /// Takes the next step, unless ports have to be let go of first, or HAProxy has to be asked again.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if matches!(self.activity, Activity::Repairing) {
            self.activity = Activity::Idle;
            self.advance(ctx);
        }
    }

    fn try_again_later(&mut self, failed: &FailedStep, ctx: &mut Context<Self>) {
        let retry = match failed {
            FailedStep::Start { .. } => self.back_off(ctx),
            // The handover that is to follow succeeds as a rule, and others wait for it.
            FailedStep::Changes { .. } => {
                let pause = self.fallback_backoff.next_pause(&mut self.rng);
                self.pause(pause, ctx)
            }
        };
        self.say_failed(failed, retry);
    }

    /// The one that served has died meanwhile.
    fn go_on_without(&mut self, failed: &FailedStep, ctx: &mut Context<Self>) {
        let retry = match failed {
            // To put a handover off spares the one that serves. There is nothing to spare any more.
            FailedStep::Start { .. } => {
                self.note_failure(ctx);
                Duration::ZERO
            }
            FailedStep::Changes { .. } => self.back_off(ctx),
        };
        self.say_failed(failed, retry);
        self.go_on(ctx);
    }

    fn say_failed(&mut self, failed: &FailedStep, retry: Duration) {
        let revision = self.on_disk.as_ref().map(|on_disk| on_disk.config.revision);
        let log = self.log.new(o!("revision" => revision, "retry_ms" => retry.as_millis() as u64));
        match failed {
            FailedStep::Start { generation, reason } => {
                error!(log, "haproxy did not get to serve"; "generation" => generation, "error" => reason,
                    "old_one_serves" => self.generations.live().is_some());
                self.failure = Some(format!("haproxy did not get to serve: {reason}"));
            }
            FailedStep::Changes { reason } => {
                warn!(log, "changes cannot be made at runtime, haproxy hands over";
                    "error" => reason, "fallbacks" => self.fallbacks);
            }
        }
    }
}

/// Asks the live HAProxy what it does with each port, and has it make sure of that.
async fn look_and_toggle<A: RuntimeApi>(api: Rc<A>, socket: PathBuf) -> Result<Slots, LookError> {
    let slots = look(api.as_ref(), socket.clone(), None).await?;
    match api.run(socket, toggles(&slots)).await {
        // Somebody else has taken a port that was closed. That is seen when it is needed.
        Ok(_) | Err(CliError::Refused { .. }) => Ok(slots),
        Err(trouble) => Err(trouble.into()),
    }
}
