//! What earlier rounds have brought. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::domain::{Container, PublishedPorts, ServiceRef, Snapshot};

/// A server may not know a service that exists for a moment (rancher/rancher issues 7060 and 13120). What it does not
/// know for so long, while it answers otherwise, counts as a service without containers.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// What has been applied so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Followed {
    pub(super) version: Option<String>,
    /// Asked for until it is known: Rancher replaces stalls' own container when its ports change.
    pub(super) published: Option<PublishedPorts>,
    pub(super) services: BTreeMap<ServiceRef, Known>,
}

/// One service.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The hash of its document. One that is as it was is not parsed again, since the version changes with every
    /// change of the whole environment. `None` if there is none, or if addresses depend on other documents, too.
    pub(super) document: Option<u64>,
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// When the server last said what the snapshot says.
    confirmed: Option<Instant>,
    presence: Presence,
}

/// Whether the server knows a service.
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

/// A service's document, with the addresses that its containers have from others.
#[derive(Debug, Default)]
pub(super) struct ServiceRead {
    pub(super) document: Option<u64>,
    pub(super) containers: Vec<Arc<Container>>,
    /// What it and its containers publish over UDP.
    pub(super) udp: BTreeSet<String>,
    /// The other services that have containers in it, with indexes that do not count here.
    pub(super) other_services: BTreeSet<String>,
    /// Why it has no containers, if that is known.
    pub(super) why_empty: Option<Arc<str>>,
}

/// What a service is that the server does not know.
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
    /// A round has failed: nothing shows any more that the server answers all but what is missing.
    pub(super) fn note_fault(&mut self) {
        for known in self.services.values_mut() {
            if let Presence::Missing { since } = &mut known.presence {
                *since = None;
            }
        }
    }

    /// The version is the known one at `now`, so what was found is as it was.
    pub(super) fn confirm(&mut self, now: Instant) {
        self.services.values_mut().filter(|known| !known.is_missing()).for_each(|known| known.confirm(now));
    }

    /// How long ago the server last said what the snapshot of this service says; zero if there is none.
    pub(super) fn proof_age(&self, service: &ServiceRef, now: Instant) -> Duration {
        let confirmed = self.services.get(service).and_then(|known| known.confirmed);
        confirmed.map_or(Duration::ZERO, |confirmed| now - confirmed)
    }

    /// The snapshot that follows from `read`, if it is news; without `read` the document is as before.
    pub(super) fn update(
        &mut self,
        service: &ServiceRef,
        read: Option<ServiceRead>,
    ) -> Option<Arc<Snapshot>> {
        let published = self.published.clone().unwrap_or_default();
        let known = self.services.entry(service.clone()).or_default();
        let older = known.snapshot.as_ref();
        let (containers, why_empty) = match read {
            Some(read) => {
                known.document = read.document;
                (read.containers, read.why_empty)
            }
            None => {
                let older = older.filter(|older| older.published != published)?;
                (older.containers.clone(), older.why_empty.clone())
            }
        };
        let snapshot = Arc::new(Snapshot { containers, published, why_empty });
        if older == Some(&snapshot) {
            return None;
        }
        known.snapshot = Some(Arc::clone(&snapshot));
        Some(snapshot)
    }
}

impl Known {
    /// The server says at `now` what the snapshot says.
    pub(super) fn confirm(&mut self, now: Instant) {
        self.confirmed = Some(now);
    }

    /// Whether the server did not know it when it was last asked.
    pub(super) fn is_missing(&self) -> bool {
        !matches!(self.presence, Presence::Found)
    }

    /// The server does not know it at `now`.
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

    /// The server knows it; whether it was gone.
    pub(super) fn note_found(&mut self) -> bool {
        matches!(mem::take(&mut self.presence), Presence::Gone)
    }
}
