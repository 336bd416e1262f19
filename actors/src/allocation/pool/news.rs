//! What the log is to say of a pool, once.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use super::Pool;
use crate::allocation::{
    flapping::FlapNews,
    linger::{Affected, LingerNews},
    nothing_mapped::{self, NothingMapped},
};

/// What the log has said already.
#[derive(Debug, Default)]
pub(super) struct Logged {
    pub(super) unpublished: Option<RangeInclusive<u16>>,
    pub(super) nothing_mapped: Option<&'static str>,
}

impl Pool {
    /// The containers that began to flap, or are steady again.
    pub(in crate::allocation) fn flap_news(&mut self) -> Vec<FlapNews> {
        self.damper.take_news()
    }

    /// The ports behind those that stalls' own service publishes, if there are any that have not been logged yet.
    pub(in crate::allocation) fn newly_unpublished(&mut self) -> Option<RangeInclusive<u16>> {
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

    /// Why no container has been mapped for a while, if that has not been logged yet; or that one is again.
    pub(in crate::allocation) fn nothing_mapped_news(
        &mut self,
        now: Duration,
    ) -> Option<Result<(), NothingMapped>> {
        match self.nothing_mapped() {
            None => self.logged.nothing_mapped.take().map(|_| Ok(())),
            Some(_) if self.empty_since.is_none_or(|since| now < since + nothing_mapped::GRACE) => None,
            Some(nothing) => {
                let said = self.logged.nothing_mapped.replace(nothing.kind);
                (said != Some(nothing.kind)).then_some(Err(nothing))
            }
        }
    }

    /// What has happened to containers that were missing.
    pub(in crate::allocation) fn linger_news(&mut self) -> BTreeMap<LingerNews, Affected> {
        self.absences.take_news()
    }
}
