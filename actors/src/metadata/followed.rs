//! What the source has said of one service so far. Pure.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Fault, Listing, SourceFault};
use crate::{
    domain::{PublishedPorts, Reason, Snapshot},
    outage::{Ended, Outage},
};

/// A source may not know a service that exists for a moment (rancher/rancher issues 7060 and 13120). What it does not
/// know for so long, while it answers otherwise, counts as a service without containers.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// One service.
#[derive(Debug, Default)]
pub(super) struct Followed {
    snapshot: Option<Arc<Snapshot>>,
    /// When the source last said what the snapshot says.
    confirmed: Option<Instant>,
    presence: Presence,
    outage: Outage,
    /// The newest kind of it.
    reason: Option<Reason>,
}

/// Whether the source knows the service.
#[derive(Clone, Copy, Debug, Default)]
enum Presence {
    /// It does, or has not been asked.
    #[default]
    Found,
    /// It does not, while it answers otherwise; `None` if it has failed since.
    Missing { since: Option<Instant> },
    /// It has not for long enough.
    Gone,
}

/// What a service is that the source does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// A fault of the moment.
    ForNow,
    /// Gone, from now on.
    GoneNow,
    /// Gone, as before.
    Gone,
}

impl Followed {
    /// The snapshot that follows from this listing at `now`, if it is news, with how long ago the source was last known
    /// to say what the snapshot before it says; zero if there is none.
    pub(super) fn take(
        &mut self,
        listing: Listing,
        published: PublishedPorts,
        now: Instant,
    ) -> Option<(Arc<Snapshot>, Duration)> {
        let proof_age = self.confirmed.map_or(Duration::ZERO, |confirmed| now - confirmed);
        self.confirmed = Some(now - listing.age);
        let snapshot = listing.snapshot(published);
        if self.snapshot.as_deref() == Some(&snapshot) {
            return None;
        }
        let snapshot = Arc::new(snapshot);
        self.snapshot = Some(Arc::clone(&snapshot));
        Some((snapshot, proof_age))
    }

    /// The source does not know it at `now`.
    pub(super) fn note_missing(&mut self, now: Instant) -> Missing {
        let since = match self.presence {
            Presence::Gone => return Missing::Gone,
            Presence::Missing { since: Some(since) } => since,
            Presence::Missing { since: None } | Presence::Found => now,
        };
        if now - since >= GONE_AFTER {
            self.presence = Presence::Gone;
            return Missing::GoneNow;
        }
        self.presence = Presence::Missing { since: Some(since) };
        Missing::ForNow
    }

    /// The source knows it; whether it was gone.
    pub(super) fn note_found(&mut self) -> bool {
        matches!(mem::take(&mut self.presence), Presence::Gone)
    }

    /// Something has failed: nothing shows any more that the source answers all but what is missing.
    pub(super) fn forget_missing(&mut self) {
        if let Presence::Missing { since } = &mut self.presence {
            *since = None;
        }
    }

    /// Nothing can be said of it at `now`; whether that is to be logged.
    pub(super) fn note_fault(&mut self, fault: &Fault, now: Instant) -> bool {
        let is_news = self.outage.failed(fault.kind, now);
        if is_news {
            self.reason = Some(Reason::new(fault.kind, fault));
        }
        is_news
    }

    /// Something could be said of it at `now`; the fault that this ends.
    pub(super) fn note_answer(&mut self, now: Instant) -> Option<Ended> {
        self.outage.succeeded(now)
    }

    /// The fault that lasts, if it is of this kind; from now on it is no fault of this service alone.
    pub(super) fn give_up_fault(&mut self, kind: &str) -> Option<(Outage, Reason)> {
        let reason = self.reason.take_if(|reason| self.outage.lasts() && reason.kind == kind)?;
        Some((mem::take(&mut self.outage), reason))
    }

    /// The fault that lasts.
    pub(super) fn fault(&self) -> Option<SourceFault> {
        let (since, reason) = self.outage.since().zip(self.reason.clone())?;
        Some(SourceFault { since, reason })
    }
}
