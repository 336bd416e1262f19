//! Asking every actor how it is.

use std::time::Duration;

use actix::{MailboxError, Recipient};
use futures_util::future::{join, join_all};
use stalls_actors::messages::{HaproxyReport, Ping, ReportHaproxy};

/// An actor that is at work answers within a millisecond; none ever waits in a handler.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Whom to ask.
#[derive(Clone)]
pub(crate) struct Inquiry {
    /// Every actor but the supervisor, with its name.
    pub(crate) stages: Vec<(&'static str, Recipient<Ping>)>,
    /// The last one, who knows of HAProxy.
    pub(crate) supervisor: (&'static str, Recipient<ReportHaproxy>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Findings {
    /// Who did not answer, and why.
    pub(super) silent: Vec<(&'static str, Silence)>,
    /// What the supervisor said, unless it is silent too.
    pub(super) haproxy: Option<HaproxyReport>,
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
        let pings = self
            .stages
            .iter()
            .map(async |(name, stage)| (*name, stage.send(Ping).timeout(ANSWER_LIMIT).await));
        let (name, supervisor) = &self.supervisor;
        let (pings, report) =
            join(join_all(pings), supervisor.send(ReportHaproxy).timeout(ANSWER_LIMIT)).await;
        let silent = pings.into_iter().filter_map(|(name, answer)| Some((name, answer.err()?)));
        let silent = silent.chain(report.as_ref().err().map(|error| (*name, *error)));
        Findings { silent: silent.map(|(name, error)| (name, error.into())).collect(), haproxy: report.ok() }
    }
}

impl From<MailboxError> for Silence {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Timeout => Self::Late,
            MailboxError::Closed => Self::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, ActorContext, AsyncContext, Context, Handler};
    use tokio::time::Instant;

    use super::*;

    /// Answers whatever it is asked, or ends instead.
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

    impl Handler<ReportHaproxy> for Stage {
        type Result = HaproxyReport;

        fn handle(&mut self, _: ReportHaproxy, _: &mut Context<Self>) -> HaproxyReport {
            HaproxyReport::Down
        }
    }

    #[actix_rt::test]
    async fn who_answers_is_not_silent() {
        let stage = Stage { is_well: true }.start();
        let stages = vec![("a", stage.clone().recipient()), ("b", stage.clone().recipient())];
        let inquiry = Inquiry { stages, supervisor: ("c", stage.recipient()) };
        assert_eq!(inquiry.make().await, Findings { silent: vec![], haproxy: Some(HaproxyReport::Down) });
    }

    #[actix_rt::test]
    async fn who_has_ended_or_hangs_is_told_and_all_are_asked_at_once() {
        tokio::time::pause();
        let ended = Stage { is_well: false }.start();
        // It never gets to run.
        let stuck = Context::<Stage>::new();
        let stages = vec![("hangs", stuck.address().recipient()), ("ended", ended.recipient())];
        let inquiry = Inquiry { stages, supervisor: ("hangs too", stuck.address().recipient()) };
        let began = Instant::now();
        let silent = vec![("hangs", Silence::Late), ("ended", Silence::Ended), ("hangs too", Silence::Late)];
        assert_eq!(inquiry.make().await, Findings { silent, haproxy: None });
        assert_eq!(began.elapsed().as_secs(), ANSWER_LIMIT.as_secs());
    }
}
