//! What the log is to say of a pool, once.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use super::{Growth, Pool};
use crate::allocation::{
    flapping::FlapNews,
    linger::{Affected, LingerNews},
    nothing_mapped::{self, NothingMapped},
};

/// What the log has said already.
#[derive(Clone, Debug, Default)]
pub(super) struct Logged {
    pub(super) unpublished: Option<RangeInclusive<u16>>,
    pub(super) nothing_mapped: Option<&'static str>,
}

/// What is new of a pool beside its plan; each thing once.
#[derive(Debug)]
pub(in crate::allocation) struct PoolNews {
    /// It is larger than before.
    pub(in crate::allocation) growth: Option<Growth>,
    /// The ports behind those that stalls' own service publishes.
    pub(in crate::allocation) unpublished: Option<RangeInclusive<u16>>,
    /// What has happened to containers that were missing.
    pub(in crate::allocation) lingering: BTreeMap<LingerNews, Vec<Affected>>,
    /// Why no container has been mapped for a while; or that one is again.
    pub(in crate::allocation) nothing_mapped: Option<Result<(), NothingMapped>>,
    /// The containers that began to flap, or are steady again.
    pub(in crate::allocation) flapping: Vec<FlapNews>,
}

impl Pool {
    /// What is new since this was asked last, of a pool that has had this `growth`.
    pub(in crate::allocation) fn news(&mut self, growth: Option<Growth>, now: Duration) -> PoolNews {
        PoolNews {
            growth,
            unpublished: self.newly_unpublished(),
            lingering: self.absences.take_news(),
            nothing_mapped: self.nothing_mapped_news(now),
            flapping: self.damper.take_news(),
        }
    }

    fn newly_unpublished(&mut self) -> Option<RangeInclusive<u16>> {
        let ports = self.ports();
        let published = self.published.filter(|published| *published < self.size());
        let unpublished = published.map(|published| ports.start() + published..=*ports.end());
        let is_new = self.logged.unpublished != unpublished;
        self.logged.unpublished.clone_from(&unpublished);
        unpublished.filter(|_| is_new)
    }

    /// Why no container is mapped; `None` if one is, or if there is no snapshot.
    pub(in crate::allocation) fn nothing_mapped(&self) -> Option<NothingMapped> {
        let snapshot = self.snapshot.as_ref().filter(|_| self.is_empty())?;
        Some(nothing_mapped::nothing_mapped(snapshot, &self.assignments.unmapped))
    }

    fn nothing_mapped_news(&mut self, now: Duration) -> Option<Result<(), NothingMapped>> {
        match self.nothing_mapped() {
            None => self.logged.nothing_mapped.take().map(|_| Ok(())),
            Some(_) if self.empty_since.is_none_or(|since| now < since + nothing_mapped::GRACE) => None,
            Some(nothing) => {
                let said = self.logged.nothing_mapped.replace(nothing.kind);
                (said != Some(nothing.kind)).then_some(Err(nothing))
            }
        }
    }
}
