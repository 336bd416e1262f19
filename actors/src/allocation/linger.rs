//! Rule 6: a container that is gone without a word lingers: it keeps its slot while the container itself shows that it
//! is there. Pure.

mod absence;
mod news;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use self::absence::{Absence, Lingering, REMEMBERED};
pub(super) use self::news::{Affected, LingerNews};
use super::{
    Assignment, Unmapped,
    eligibility::{Candidates, Eligible, can_serve},
};
use crate::{
    domain::{Change, Container, Snapshot},
    probing::Verdict,
};

/// A container that was listed longer ago may have lost its address to another one by now.
const MAX_PROOF_AGE: Duration = Duration::from_secs(30);
/// A container that has been listed for so long may linger for the whole time again.
const LISTED_AGAIN: Duration = Duration::from_secs(30);

/// What a snapshot says that is not the first one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// What has changed since the one before it.
    pub(super) changes: &'a [Change],
    /// How long ago the source was last known to say what the one before it says.
    pub(super) proof_age: Duration,
}

/// The backends that are listed for any mapping, each with the newest container there.
pub(super) type Listed = FxHashMap<SocketAddr, Arc<str>>;

/// The containers that had a slot when they were missing in a snapshot, by uuid.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Absences {
    by_uuid: BTreeMap<Arc<str>, Absence>,
    /// Taken after each decision.
    #[serde(skip)]
    news: BTreeMap<LingerNews, Vec<Affected>>,
}

impl Absences {
    /// The containers that lingered when they were saved, each with what was left of its time. A port never leads to
    /// one of them on the strength of that, but their connections drain.
    pub(super) fn restored(saved: impl IntoIterator<Item = (Arc<str>, SocketAddr, Duration)>) -> Self {
        let lost = |(uuid, backend, left)| (uuid, Absence::Lost { backend, left, forgotten: REMEMBERED });
        Self { by_uuid: saved.into_iter().map(lost).collect(), news: BTreeMap::new() }
    }

    /// Takes note of a snapshot: the containers of `slots` that are missing now linger, unless that proves that they are
    /// gone.
    pub(super) fn follow(
        &mut self,
        Heard { snapshot, changes, proof_age }: Heard<'_>,
        slots: &BTreeMap<u16, Assignment>,
        linger: Duration,
        now: Duration,
    ) {
        self.expire(now);
        self.end_what_is_gone(snapshot);
        let of_absence = snapshot.absence_is_proof;
        let listed: BTreeMap<&str, &Container> =
            changes.iter().filter_map(|change| change.is.as_deref()).map(|is| (&*is.uuid, is)).collect();
        for is in listed.values().filter(|is| !is_missing(is)) {
            self.note_listed(is, now);
        }
        let missing: BTreeMap<&str, &Arc<Container>> = changes
            .iter()
            .filter_map(|change| change.was.as_ref())
            .filter(|was| listed.get(&*was.uuid).map_or(!of_absence, |is| is_missing(is)))
            .map(|was| (&*was.uuid, was))
            .collect();
        if missing.is_empty() || linger.is_zero() {
            return;
        }
        for (slot, assignment) in slots {
            if let Some(was) = missing.get(&*assignment.uuid) {
                let container = (proof_age <= MAX_PROOF_AGE).then_some(*was);
                self.note_missing(*slot, assignment, container, linger, now);
            }
        }
    }

    /// Takes note of the first snapshot: nobody knows for how long the others of the saved `slots` have been missing.
    pub(super) fn begin(
        &mut self,
        snapshot: &Snapshot,
        slots: &BTreeMap<u16, Assignment>,
        linger: Duration,
        now: Duration,
    ) {
        self.end_what_is_gone(snapshot);
        let Snapshot { containers, absence_is_proof, .. } = snapshot;
        let listed: BTreeMap<&str, &Arc<Container>> = containers.iter().map(|it| (&*it.uuid, it)).collect();
        let is_there = |container: &Container| !is_missing(container);
        listed.values().filter(|it| is_there(it)).for_each(|it| self.note_listed(it, now));
        let may_run_on = |uuid: &str| listed.get(uuid).map_or(!absence_is_proof, |it| !is_there(it));
        let missing = slots.iter().filter(|(_, assignment)| may_run_on(&assignment.uuid));
        for (slot, assignment) in missing.filter(|_| !linger.is_zero()) {
            self.note_missing(*slot, assignment, None, linger, now);
        }
    }

    /// Whatever a list does not have that is proof is gone, even if the one before it did not have it either and was none.
    fn end_what_is_gone(&mut self, Snapshot { containers, absence_is_proof, .. }: &Snapshot) {
        if !absence_is_proof || self.by_uuid.is_empty() {
            return;
        }
        let listed: BTreeSet<&str> = containers.iter().map(|container| &*container.uuid).collect();
        let gone: Vec<_> = self.by_uuid.keys().filter(|uuid| !listed.contains(&***uuid)).cloned().collect();
        for uuid in gone {
            self.end(&uuid, LingerNews::Gone);
            self.by_uuid.remove(&uuid);
        }
    }

    /// The container of this slot is missing; if it was listed a moment ago, as `container`.
    fn note_missing(
        &mut self,
        slot: u16,
        assignment: &Assignment,
        container: Option<&Arc<Container>>,
        linger: Duration,
        now: Duration,
    ) {
        let Assignment { uuid, backend, .. } = assignment;
        let left = match self.by_uuid.get(uuid) {
            Some(Absence::Lingers(_)) => return,
            Some(Absence::Lost { left, .. } | Absence::Listed { left, .. }) => *left,
            None => linger,
        };
        let (absence, news) = match container {
            None => (Absence::lost(*backend, left, now), LingerNews::Unproven),
            Some(_) if left.is_zero() => (Absence::lost(*backend, left, now), LingerNews::Expired),
            Some(container) => {
                let container = Arc::clone(container);
                let lingering =
                    Lingering { container, slot, backend: *backend, since: now, until: now + left };
                (Absence::Lingers(lingering), LingerNews::Begun)
            }
        };
        self.by_uuid.insert(Arc::clone(uuid), absence);
        self.tell(news, uuid, slot);
    }

    /// A container is listed.
    fn note_listed(&mut self, container: &Container, now: Duration) {
        let uuid = &container.uuid;
        let left = match self.by_uuid.get(uuid) {
            Some(Absence::Lingers(lingering)) => {
                let Lingering { slot, until, .. } = *lingering;
                self.tell(LingerNews::of_listed(can_serve(container)), uuid, slot);
                until.saturating_sub(now)
            }
            Some(Absence::Lost { left, .. }) => *left,
            Some(Absence::Listed { .. }) | None => return,
        };
        self.by_uuid.insert(Arc::clone(uuid), Absence::Listed { since: now, left });
    }

    /// A lingering container no longer shows that it is there.
    pub(super) fn note_verdict(&mut self, uuid: &Arc<str>, verdict: Verdict, now: Duration) {
        match verdict {
            Verdict::Gone => self.end(uuid, LingerNews::Gone),
            Verdict::Unknown => self.lose(uuid, LingerNews::Unknown, now),
        }
    }

    /// A person says that a container is to linger no longer. It may run on, so its connections drain.
    pub(super) fn release(&mut self, uuid: &Arc<str>, now: Duration) {
        self.lose(uuid, LingerNews::Released, now);
    }

    /// Ends what is over.
    pub(super) fn expire(&mut self, now: Duration) {
        let expired: Vec<_> =
            self.lingering().filter(|lingering| lingering.until <= now).map(Lingering::uuid).collect();
        expired.iter().for_each(|uuid| self.lose(uuid, LingerNews::Expired, now));
        self.by_uuid.retain(|_, absence| match absence {
            Absence::Lingers(_) => true,
            Absence::Lost { forgotten, .. } => now < *forgotten,
            Absence::Listed { since, .. } => now < *since + LISTED_AGAIN,
        });
    }

    /// The containers whose backends are `listed` for another container are gone.
    pub(super) fn give_way(&mut self, listed: &Listed) {
        let is_taken =
            |uuid: &Arc<str>, backend: &SocketAddr| listed.get(backend).is_some_and(|by| by != uuid);
        let taken: Vec<_> = self
            .lingering()
            .filter(|lingering| is_taken(&lingering.container.uuid, &lingering.backend))
            .map(Lingering::uuid)
            .collect();
        taken.iter().for_each(|uuid| self.end(uuid, LingerNews::AddressTaken));
        self.by_uuid.retain(
            |uuid, absence| !matches!(absence, Absence::Lost { backend, .. } if is_taken(uuid, backend)),
        );
    }

    /// Adds the containers that linger to those that can be mapped. What is listed at one of their addresses is merely
    /// damped, since one that runs takes the address; it gives way.
    pub(super) fn join<'a>(&'a self, candidates: &mut Candidates<'a>) {
        let backends: BTreeSet<SocketAddr> = self.lingering().map(|lingering| lingering.backend).collect();
        if backends.is_empty() {
            return;
        }
        let Candidates { eligible, unmapped } = candidates;
        for damped in eligible.extract_if(.., |it| backends.contains(&it.backend)) {
            unmapped.insert(Arc::clone(&damped.container.uuid), Unmapped::Flapping);
        }
        for Lingering { container, backend, since, .. } in self.lingering() {
            unmapped.remove(&container.uuid);
            eligible.push(Eligible { container, backend: *backend, lingers_since: Some(*since) });
        }
        eligible.sort_by(|a, b| a.age().cmp(&b.age()));
    }

    /// The containers that linger without a slot from now on have lost it to others.
    pub(super) fn follow_slots(&mut self, slots: &BTreeMap<u16, Assignment>, now: Duration) {
        let has_slot = |l: &&Lingering| slots.get(&l.slot).is_some_and(|a| a.uuid == l.container.uuid);
        let lost: Vec<_> = self.lingering().filter(|l| !has_slot(l)).map(Lingering::uuid).collect();
        lost.iter().for_each(|uuid| self.lose(uuid, LingerNews::Superseded, now));
    }

    /// The containers that linger.
    pub(super) fn lingering(&self) -> impl Iterator<Item = &Lingering> {
        self.by_uuid.values().filter_map(|absence| match absence {
            Absence::Lingers(lingering) => Some(lingering),
            Absence::Lost { .. } | Absence::Listed { .. } => None,
        })
    }

    /// Where containers may run on that have lost their slots.
    pub(super) fn lost(&self) -> impl Iterator<Item = SocketAddr> {
        self.by_uuid.values().filter_map(|absence| match absence {
            Absence::Lost { backend, .. } => Some(*backend),
            Absence::Lingers(_) | Absence::Listed { .. } => None,
        })
    }

    /// Whether no container has been missing lately.
    pub(super) fn is_empty(&self) -> bool {
        self.by_uuid.is_empty()
    }

    /// When the first of those that linger loses its slot.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.lingering().map(|lingering| lingering.until).min()
    }

    /// What has happened since this was asked last.
    pub(super) fn take_news(&mut self) -> BTreeMap<LingerNews, Vec<Affected>> {
        std::mem::take(&mut self.news)
    }

    /// The container lingers no longer, and does not run on.
    fn end(&mut self, uuid: &Arc<str>, news: LingerNews) {
        if let Some(Absence::Lingers(lingering)) = self.by_uuid.get(uuid) {
            self.tell(news, uuid, lingering.slot);
            self.by_uuid.remove(uuid);
        }
    }

    /// The container lingers no longer, and may run on.
    fn lose(&mut self, uuid: &Arc<str>, news: LingerNews, now: Duration) {
        if let Some(Absence::Lingers(lingering)) = self.by_uuid.get(uuid) {
            let Lingering { slot, backend, until, .. } = *lingering;
            self.tell(news, uuid, slot);
            self.by_uuid.insert(Arc::clone(uuid), Absence::lost(backend, until.saturating_sub(now), now));
        }
    }

    fn tell(&mut self, news: LingerNews, uuid: &Arc<str>, slot: u16) {
        self.news.entry(news).or_default().push(Affected { uuid: Arc::clone(uuid), slot });
    }
}

/// Whether a listed container has lost its address without a word, which counts as not being listed.
fn is_missing(container: &Container) -> bool {
    can_serve(container) && container.address.is_none()
}
