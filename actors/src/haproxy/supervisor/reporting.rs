//! Whether HAProxy is at work, for whoever asks.

use actix::{Context, Handler};

use super::{
    super::{process::HaproxyHost, runtime_api::RuntimeApi},
    HaproxySupervisor,
};
use crate::messages::{HaproxyReport, ReportHaproxy};

impl<H: HaproxyHost, A: RuntimeApi> Handler<ReportHaproxy> for HaproxySupervisor<H, A> {
    type Result = HaproxyReport;

    fn handle(&mut self, _: ReportHaproxy, _: &mut Context<Self>) -> HaproxyReport {
        match self.generations.live() {
            Some((_, live)) => {
                HaproxyReport::Running { pid: live.pid, revision: Some(self.applied).filter(|it| *it > 0) }
            }
            None if self.on_disk.is_some() => HaproxyReport::Down { failure: self.failure.clone() },
            None => HaproxyReport::NoPlan,
        }
    }
}
