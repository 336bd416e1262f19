//! A live HAProxy that stalls cannot ask, for want of descriptors or memory of its own, is left as it is.

use std::time::Duration;

use actix::{AsyncContext, Context};
use slog::{error, info};
use tokio::time::Instant;

use super::{
    super::{
        process::HaproxyHost,
        runtime_api::{NoAnswer, RuntimeApi},
    },
    Activity, HaproxySupervisor,
};

/// What has run out here comes back without notice, and to try costs nothing.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    pub(super) fn note_unasked(&mut self, live: u64, trouble: &NoAnswer) {
        if self.unasked.failed("unasked", Instant::now()) {
            error!(self.log, "haproxy cannot be asked for want of descriptors or memory, it serves on";
                "generation" => live, "error" => trouble.to_string());
        }
    }

    /// Takes the next step later. What HAProxy was told just now may have been carried out in part, so first it is
    /// asked what it does.
    pub(super) fn ask_again_later(&mut self, ctx: &mut Context<Self>) {
        let until = ctx.run_later(ASK_AGAIN, |supervisor, ctx| {
            if matches!(supervisor.activity, Activity::BackingOff { .. }) {
                supervisor.repair(None, ctx);
            }
        });
        self.activity = Activity::BackingOff { until };
    }

    /// HAProxy could be asked, whatever it answered.
    pub(super) fn note_asked(&mut self) {
        if let Some(ended) = self.unasked.succeeded(Instant::now()) {
            info!(self.log, "haproxy can be asked again"; "lasted_ms" => ended.lasted.as_millis() as u64);
        }
    }
}
