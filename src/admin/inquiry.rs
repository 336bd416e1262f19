//! Asking every actor how it is.

use std::time::Duration;

use actix::{MailboxError, Message, Recipient};
use stalls_actors::messages::{
    AllocationReport, HaproxyReport, MetadataReport, Ping, ReportAllocation, ReportHaproxy, ReportMetadata,
};
use tokio::join;

/// An actor that is at work answers within a millisecond; none ever waits in a handler.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Whom to ask.
#[derive(Clone)]
pub(crate) struct Inquiry {
    pub(crate) poller: Recipient<ReportMetadata>,
    pub(crate) allocator: Recipient<ReportAllocation>,
    pub(crate) writer: Recipient<Ping>,
    pub(crate) supervisor: Recipient<ReportHaproxy>,
}

/// What each of them said, if anything.
#[derive(Clone, Debug)]
pub(super) struct Findings {
    pub(super) poller: Result<MetadataReport, Silence>,
    pub(super) allocator: Result<AllocationReport, Silence>,
    pub(super) writer: Result<(), Silence>,
    pub(super) supervisor: Result<HaproxyReport, Silence>,
}

/// Why an actor did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Not in time.
    Late,
    /// Not any more.
    Ended,
}

impl Inquiry {
    /// Asks all of them at once.
    pub(super) async fn make(&self) -> Findings {
        let (poller, allocator, writer, supervisor) = join!(
            answer(&self.poller, ReportMetadata),
            answer(&self.allocator, ReportAllocation),
            answer(&self.writer, Ping),
            answer(&self.supervisor, ReportHaproxy),
        );
        Findings { poller, allocator, writer, supervisor }
    }
}

async fn answer<M: Message<Result: Send> + Send>(
    actor: &Recipient<M>,
    question: M,
) -> Result<M::Result, Silence> {
    actor.send(question).timeout(ANSWER_LIMIT).await.map_err(|error| match error {
        MailboxError::Timeout => Silence::Late,
        MailboxError::Closed => Silence::Ended,
    })
}

#[cfg(test)]
mod tests {
    use actix::{Actor, ActorContext, AsyncContext, Context, Handler};
    use tokio::time::Instant;

    use super::*;

    /// Answers to a `Ping`, unless it ends before.
    struct Stage {
        is_well: bool,
    }

    impl Actor for Stage {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Context<Self>) {
            if !self.is_well {
                ctx.stop();
            }
        }
    }

    impl Handler<Ping> for Stage {
        type Result = ();

        fn handle(&mut self, _: Ping, _: &mut Context<Self>) {}
    }

    #[actix_rt::test]
    async fn who_answers_is_not_silent() {
        let stage = Stage { is_well: true }.start();
        assert_eq!(answer(&stage.recipient(), Ping).await, Ok(()));
    }

    #[actix_rt::test]
    async fn who_has_ended_is_told_from_who_hangs() {
        tokio::time::pause();
        let ended = Stage { is_well: false }.start();
        assert_eq!(answer(&ended.recipient(), Ping).await, Err(Silence::Ended));
        // It never gets to run.
        let hangs = Context::<Stage>::new();
        let began = Instant::now();
        assert_eq!(answer(&hangs.address().recipient(), Ping).await, Err(Silence::Late));
        assert_eq!(began.elapsed().as_secs(), ANSWER_LIMIT.as_secs());
    }
}
