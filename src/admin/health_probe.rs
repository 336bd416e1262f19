//! Asks every actor for its state.

use std::time::Duration;

use actix::{MailboxError, Message, Recipient};
use stalls_actors::messages::{
    AllocationReport, ConfigReport, HaproxyReport, MetadataReport, ReportAllocation, ReportConfig,
    ReportHaproxy, ReportMetadata,
};
use tokio::{join, time::Instant};

/// A working actor answers within a millisecond: none waits in a handler.
pub(super) const TIMEOUT: Duration = Duration::from_secs(1);

/// The actors to ask.
#[derive(Clone)]
pub(crate) struct HealthProbe {
    pub(crate) poller: Recipient<ReportMetadata>,
    pub(crate) allocator: Recipient<ReportAllocation>,
    pub(crate) writer: Recipient<ReportConfig>,
    pub(crate) supervisor: Recipient<ReportHaproxy>,
}

/// What each actor answered.
#[derive(Clone, Debug)]
pub(crate) struct ActorReports {
    pub(crate) poller: Result<MetadataReport, ActorError>,
    pub(crate) allocator: Result<AllocationReport, ActorError>,
    pub(crate) writer: Result<ConfigReport, ActorError>,
    pub(crate) supervisor: Result<HaproxyReport, ActorError>,
    /// When they were asked.
    pub(crate) at: Instant,
}

/// Why an actor did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActorError {
    /// It did not answer in time.
    Timeout,
    /// It has stopped.
    Stopped,
}

impl HealthProbe {
    /// Asks all actors at once.
    pub(crate) async fn ask(&self) -> ActorReports {
        let at = Instant::now();
        let (poller, allocator, writer, supervisor) = join!(
            ask(&self.poller, ReportMetadata),
            ask(&self.allocator, ReportAllocation),
            ask(&self.writer, ReportConfig),
            ask(&self.supervisor, ReportHaproxy),
        );
        ActorReports { poller, allocator, writer, supervisor, at }
    }
}

async fn ask<M: Message<Result: Send> + Send>(
    actor: &Recipient<M>,
    request: M,
) -> Result<M::Result, ActorError> {
    actor.send(request).timeout(TIMEOUT).await.map_err(|error| match error {
        MailboxError::Timeout => ActorError::Timeout,
        MailboxError::Closed => ActorError::Stopped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::{Actor, ActorContext, AsyncContext, Context, Handler};

    /// Answers, unless it stops first.
    struct Stage {
        is_running: bool,
    }

    impl Actor for Stage {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Context<Self>) {
            if !self.is_running {
                ctx.stop();
            }
        }
    }

    impl Handler<ReportConfig> for Stage {
        type Result = ConfigReport;

        fn handle(&mut self, _: ReportConfig, _: &mut Context<Self>) -> ConfigReport {
            ConfigReport::default()
        }
    }

    #[actix_rt::test]
    async fn a_running_actor_answers() {
        let stage = Stage { is_running: true }.start();
        assert_eq!(ask(&stage.recipient(), ReportConfig).await, Ok(ConfigReport::default()));
    }

    #[actix_rt::test]
    async fn a_stopped_actor_differs_from_one_that_hangs() {
        tokio::time::pause();
        let stopped = Stage { is_running: false }.start();
        assert_eq!(ask(&stopped.recipient(), ReportConfig).await, Err(ActorError::Stopped));
        // This one never runs.
        let hangs = Context::<Stage>::new();
        let began = Instant::now();
        assert_eq!(ask(&hangs.address().recipient(), ReportConfig).await, Err(ActorError::Timeout));
        assert_eq!(began.elapsed().as_secs(), TIMEOUT.as_secs());
    }
}
