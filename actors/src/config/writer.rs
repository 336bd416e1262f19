//! The actor that keeps the configuration file at the newest plan.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture,
};
use slog::{Logger, error, info};
use tokio::time::Instant;

use super::{ConfigStore, HaproxyConfig, ListenSettings, Template, WriteError, render};
use crate::{
    allocation::Plan,
    backoff::{Backoff, FirstRetry},
    episode::Episode,
    in_flight::InFlight,
    messages::{ConfigWritten, PlanChanged, Shutdown, WithholdPorts},
    outbox::Outbox,
};

/// A disk may be full for long, and a person who has made room should not have to wait.
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// What the writer renders with.
#[derive(Debug)]
pub struct WriterSettings {
    /// The built-in template or the user's.
    pub template: Template,
    /// Where to listen and how many descriptors there are.
    pub listen: ListenSettings,
    /// Seeds the jitter of retries.
    pub seed: u64,
}

/// Renders the newest plan, has it checked and written, and tells the supervisor.
///
/// One write is under way at most; plans that come meanwhile are skipped but for the newest.
pub struct ConfigWriter<S> {
    settings: WriterSettings,
    store: Rc<S>,
    outbox: Outbox<ConfigWritten>,
    plan: Option<Arc<Plan>>,
    withheld: BTreeSet<u16>,
    writing: InFlight,
    retry: Option<SpawnHandle>,
    stopping: bool,
    last_good: Option<Arc<HaproxyConfig>>,
    file_is_uncertain: bool,
    backoff: Backoff,
    trouble: Episode,
    rng: fastrand::Rng,
    log: Logger,
}

impl<S: ConfigStore> ConfigWriter<S> {
    /// A writer to `store` that tells `supervisor`.
    pub fn new(
        settings: WriterSettings,
        store: S,
        supervisor: Recipient<ConfigWritten>,
        log: Logger,
    ) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(settings.seed),
            settings,
            store: Rc::new(store),
            outbox: Outbox::new(supervisor),
            plan: None,
            withheld: BTreeSet::new(),
            writing: InFlight::default(),
            retry: None,
            stopping: false,
            last_good: None,
            file_is_uncertain: false,
            backoff: Backoff::new(FirstRetry::Delayed, LONGEST_RETRY),
            trouble: Episode::default(),
            log,
        }
    }

    /// Brings the file to the newest plan, now or when the write under way has ended.
    fn write(&mut self, ctx: &mut Context<Self>) {
        // This is the retry. Were another one left waiting, each plan would add its own to a lasting trouble.
        if let Some(retry) = self.retry.take() {
            ctx.cancel_future(retry);
        }
        if !self.writing.is_idle() {
            self.writing.begin();
            return;
        }
        let Some(plan) = self.plan.clone() else { return };
        let config = match render(&plan, &self.withheld, &self.settings.template, self.settings.listen) {
            Ok(config) => Arc::new(config),
            Err(reason) => {
                error!(self.log, "configuration cannot be rendered, the last good one stays";
                    "revision" => plan.revision, "error" => %reason);
                return self.tell_last_good(plan.revision);
            }
        };
        if self.is_on_disk(&config) {
            return self.accept(config);
        }
        self.writing.begin();
        let asked = Instant::now();
        let written = self.store.replace(config.text.clone());
        ctx.spawn(written.into_actor(self).map(move |written, writer, ctx| {
            let outdated = writer.writing.end();
            match written {
                Ok(()) => writer.note_written(config, asked),
                Err(trouble) => writer.note_trouble(&config, &trouble, ctx),
            }
            if writer.stopping {
                ctx.stop();
            } else if outdated {
                writer.write(ctx);
            }
        }));
    }

    /// After a trouble of the file system the file may be the old one or the new one.
    fn is_on_disk(&self, config: &HaproxyConfig) -> bool {
        !self.file_is_uncertain && self.last_good.as_ref().is_some_and(|good| good.text == config.text)
    }

    fn note_written(&mut self, config: Arc<HaproxyConfig>, asked: Instant) {
        self.file_is_uncertain = false;
        if self.last_good.as_ref().is_none_or(|good| good.maxconn != config.maxconn) {
            info!(self.log, "connection limit follows the descriptor limit"; "maxconn" => config.maxconn,
                "descriptor_limit" => self.settings.listen.descriptor_limit);
        }
        info!(self.log, "configuration written"; "revision" => config.revision,
            "mapped" => config.servers.len(), "free" => config.free.len(), "withheld" => config.withheld.len(),
            "took_ms" => asked.elapsed().as_millis() as u64);
        self.accept(config);
    }

    /// The file says what the newest plan wants.
    fn accept(&mut self, config: Arc<HaproxyConfig>) {
        self.backoff.reset();
        if let Some(ended) = self.trouble.succeeded(Instant::now()) {
            info!(self.log, "configuration is up to date again"; "lasted_ms" => ended.lasted.as_millis() as u64);
        }
        let covers = config.revision;
        self.last_good = Some(config);
        self.tell_last_good(covers);
    }

    fn note_trouble(&mut self, config: &HaproxyConfig, trouble: &WriteError, ctx: &mut Context<Self>) {
        let is_rejected = matches!(trouble, WriteError::Rejected { .. });
        if self.trouble.failed(trouble.kind(), Instant::now()) || is_rejected {
            error!(self.log, "configuration not written, the last good one stays";
                "revision" => config.revision, "kind" => trouble.kind(), "error" => %trouble);
        }
        // What HAProxy rejects it would reject again; the next plan is another matter.
        if !is_rejected {
            self.file_is_uncertain = true;
            self.retry = Some(ctx.run_later(self.backoff.next_pause(&mut self.rng), Self::write));
        }
        self.tell_last_good(config.revision);
    }

    fn tell_last_good(&self, covers: u64) {
        if let Some(config) = self.last_good.clone() {
            self.outbox.post(ConfigWritten { config, covers });
        }
    }
}

impl<S: ConfigStore> Actor for ConfigWriter<S> {
    type Context = Context<Self>;
}

impl<S: ConfigStore> Handler<PlanChanged> for ConfigWriter<S> {
    type Result = ();

    fn handle(&mut self, PlanChanged(plan): PlanChanged, ctx: &mut Context<Self>) {
        self.plan = Some(plan);
        self.write(ctx);
    }
}

impl<S: ConfigStore> Handler<WithholdPorts> for ConfigWriter<S> {
    type Result = ();

    fn handle(&mut self, WithholdPorts(ports): WithholdPorts, ctx: &mut Context<Self>) {
        self.withheld = ports;
        self.write(ctx);
    }
}

impl<S: ConfigStore> Handler<Shutdown> for ConfigWriter<S> {
    type Result = ();

    /// What is being written is written to its end.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.stopping = true;
        if self.writing.is_idle() {
            ctx.stop();
        }
    }
}
