//! The actor that keeps the configuration file at the newest plan.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture,
};
use futures_util::FutureExt;
use slog::{Logger, error, info, warn};
use tokio::time::Instant;

use super::{ConfigStore, HaproxyConfig, Renderer, WriteError, vetted::Vetted};
use crate::{
    allocation::Plan,
    backoff::{Backoff, FirstRetry},
    coalescer::Coalescer,
    in_ms::in_ms,
    messages::{ConfigWritten, Ping, PlanChanged, Shutdown, WithholdPorts},
    outage::Outage,
};

/// A disk may be full for long, and a person who has made room should not have to wait.
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// What the writer renders with.
#[derive(Debug)]
pub struct WriterSettings {
    /// Knows the template, where to listen, and how many descriptors there are.
    pub renderer: Renderer,
    /// Seeds the jitter of retries.
    pub seed: u64,
}

/// Renders the newest plan, has it checked and written, and tells the supervisor.
///
/// One write is under way at most; plans that come meanwhile are skipped but for the newest.
pub struct ConfigWriter<S> {
    renderer: Renderer,
    store: Rc<S>,
    supervisor: Recipient<ConfigWritten>,
    plan: Option<Arc<Plan>>,
    withheld: BTreeSet<u16>,
    writing: Coalescer,
    retry: Option<SpawnHandle>,
    stopping: bool,
    last_good: Option<Arc<HaproxyConfig>>,
    vetted: Vetted,
    file_is_uncertain: bool,
    backoff: Backoff,
    trouble: Outage,
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
            renderer: settings.renderer,
            store: Rc::new(store),
            supervisor,
            plan: None,
            withheld: BTreeSet::new(),
            writing: Coalescer::default(),
            retry: None,
            stopping: false,
            last_good: None,
            vetted: Vetted::default(),
            file_is_uncertain: false,
            backoff: Backoff::new(FirstRetry::Delayed, LONGEST_RETRY),
            trouble: Outage::default(),
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
        let config = match self.renderer.render(&plan, &self.withheld) {
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
        let text = config.text.clone();
        // The check is a process of its own, and takes longer than all the rest of a change.
        let written = if self.vetted.covers(&config) {
            self.store.replace(text).left_future()
        } else {
            self.store.check_and_replace(text).right_future()
        };
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
        self.vetted.add(&config);
        if self.last_good.as_ref().is_none_or(|good| good.maxconn != config.maxconn) {
            info!(self.log, "connection limit follows the descriptor limit"; "maxconn" => config.maxconn,
                "descriptor_limit" => self.renderer.settings().descriptor_limit);
        }
        info!(self.log, "configuration written"; "revision" => config.revision,
            "mapped" => config.mapped, "free" => config.free(), "withheld" => config.withheld.len(),
            "took_ms" => in_ms(asked.elapsed()));
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
            self.supervisor.do_send(ConfigWritten { config, covers });
        }
    }
}

impl<S: ConfigStore> Actor for ConfigWriter<S> {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        if !self.renderer.keeps_frames() {
            warn!(self.log, "the template makes every change a handover";
                "reason" => "a used port differs from a free one in more than its server's address and the word \
                    disabled, and HAProxy cannot be told of that while it runs");
        }
    }
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

impl<S: ConfigStore> Handler<Ping> for ConfigWriter<S> {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Context<Self>) {}
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
