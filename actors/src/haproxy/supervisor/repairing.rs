//! Setting the ports of the live HAProxy right, after somebody who shares its sockets has ended.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use rustix::process::Signal;
use slog::{error, warn};

use super::{
    super::{
        generations::Role,
        process::HaproxyHost,
        runtime_api::{CliError, Command, RuntimeApi},
    },
    Activity, HaproxySupervisor,
};
use crate::config::HaproxyConfig;

/// A step that did not lead to a serving HAProxy.
pub(super) struct FailedStep {
    pub(super) generation: u64,
    pub(super) reason: String,
}

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// A successor that has failed may have opened ports that are free here, and closed ports that are used here.
    /// That must be undone before anything else happens: the ports are not what their owner takes them for, and
    /// commands that arrive late would hit the next generation. Afterwards the next step is due, at once or, if
    /// one has `failed`, after a pause.
    pub(super) fn repair(&mut self, failed: Option<FailedStep>, ctx: &mut Context<Self>) {
        self.activity = Activity::Repairing;
        let Some((live, generation)) = self.generations.live() else {
            return match failed {
                Some(failed) => self.try_again_later(&failed, ctx),
                None => self.go_on(ctx),
            };
        };
        let commands = generation.config.as_deref().map_or_else(|| vec![Command::ShowInfo], commands);
        let replies = self.api.run(self.host.socket(live), commands);
        ctx.spawn(replies.into_actor(self).map(move |replies, supervisor, ctx| {
            if matches!(supervisor.activity, Activity::Repairing) {
                if let Err(trouble) = replies {
                    supervisor.judge_live(live, &trouble);
                }
                match failed {
                    Some(failed) if supervisor.generations.live().is_some() => {
                        supervisor.try_again_later(&failed, ctx);
                    }
                    // Without one there is nothing that a pause would spare.
                    Some(failed) => {
                        supervisor.say_failed(&failed, Duration::ZERO);
                        supervisor.go_on(ctx);
                    }
                    None => supervisor.go_on(ctx),
                }
            }
        }));
    }

    /// A live HAProxy that cannot be talked to is none: it would keep every successor from taking over.
    fn judge_live(&mut self, number: u64, trouble: &CliError) {
        let log = self.log.new(slog::o!("generation" => number, "error" => trouble.to_string()));
        match trouble {
            CliError::NotListening { .. } => {
                // It is ending, or drains since somebody else has told it to: then its connections go on.
                warn!(log, "haproxy listens no more, it is replaced");
                self.generations.turn(number, Role::Draining);
            }
            CliError::Io { .. } | CliError::TimedOut { .. } => {
                error!(log, "haproxy does not answer, it is killed and replaced");
                self.end(number, Signal::KILL);
            }
            CliError::Refused { .. } => {
                error!(log, "ports may not be as they should until the next handover");
            }
        }
    }

    fn go_on(&mut self, ctx: &mut Context<Self>) {
        self.activity = Activity::Idle;
        self.advance(ctx);
    }

    fn try_again_later(&mut self, failed: &FailedStep, ctx: &mut Context<Self>) {
        let retry = self.back_off(ctx);
        self.say_failed(failed, retry);
    }

    fn say_failed(&self, failed: &FailedStep, retry: Duration) {
        error!(self.log, "haproxy did not get to serve";
            "generation" => failed.generation, "error" => &failed.reason,
            "revision" => self.on_disk.as_ref().map(|on_disk| on_disk.config.revision),
            "old_one_serves" => self.generations.live().is_some(), "retry_ms" => retry.as_millis() as u64);
    }
}

/// Opens what is used and closes what is free. Only an enable makes HAProxy look at a socket that it takes for
/// closed already.
fn commands(config: &HaproxyConfig) -> Vec<Command> {
    let used = config.servers.keys().map(|port| Command::EnableFrontend(*port));
    let free =
        config.free.iter().flat_map(|port| [Command::EnableFrontend(*port), Command::DisableFrontend(*port)]);
    used.chain(free).collect()
}
