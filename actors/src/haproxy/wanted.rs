//! What is wanted of HAProxy: the newest plan, and the frames that there are for it. Pure.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use crate::{
    allocation::Plan,
    config::{ConfigWritten, Frame, FrameDigest, HaproxyConfig, Routes, Verdict},
};

/// The newest plan, the frames that HAProxy may be started with, and the ports that cannot be bound.
#[derive(Debug)]
pub(super) struct Wanted {
    updates_at_runtime: bool,
    plan: Option<Arc<Plan>>,
    /// The plan's routes, without the excluded ports.
    routes: Routes,
    excluded: BTreeSet<u16>,
    /// The newest frame that HAProxy has accepted, or serves with.
    accepted: Option<Arc<Frame>>,
    /// A newer one that it has not been asked about.
    candidate: Option<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    frame: Arc<Frame>,
    /// Whether the writer has been asked to have it checked.
    is_being_checked: bool,
    /// Whether HAProxy has failed to start with it.
    has_failed: bool,
}

impl Wanted {
    /// Nothing yet. Whether a running HAProxy can be told of routes is a constant of the template.
    pub(super) fn new(updates_at_runtime: bool) -> Self {
        Self {
            updates_at_runtime,
            plan: None,
            routes: Routes::new(),
            excluded: BTreeSet::new(),
            accepted: None,
            candidate: None,
        }
    }

    pub(super) fn updates_at_runtime(&self) -> bool {
        self.updates_at_runtime
    }

    /// Whether the `live` frame has all of the wanted routes in it. A HAProxy that was started with them can be told of
    /// them whatever the template.
    pub(super) fn is_in_frame(&self, live: Option<&FrameDigest>) -> bool {
        let mut frames = self.candidate.iter().map(|candidate| &candidate.frame).chain(&self.accepted);
        frames.any(|frame| live == Some(&frame.digest) && frame.fixed_routes.as_ref() == Some(&self.routes))
    }

    pub(super) fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// The revision of the newest plan; 0 before the first.
    pub(super) fn revision(&self) -> u64 {
        self.plan.as_ref().map_or(0, |plan| plan.revision)
    }

    /// Where the plan leads each port, but for the excluded ones.
    pub(super) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The servers that no port leads to, but which still run.
    pub(super) fn still_running(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.plan.iter().flat_map(|plan| plan.still_running())
    }

    pub(super) fn excluded(&self) -> &BTreeSet<u16> {
        &self.excluded
    }

    /// How many of the plan's ports are excluded.
    pub(super) fn excluded_of_plan(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| self.excluded.iter().filter(|port| plan.has_port(**port)).count())
    }

    /// The excluded ports that the plan leads to a container; all of them, if no other port is left.
    pub(super) fn needed_excluded(&self) -> BTreeSet<u16> {
        if self.excluded.is_empty() {
            return BTreeSet::new();
        }
        let planned = self.plan.iter().flat_map(|plan| plan.routes());
        let is_needed = |route: Option<SocketAddr>| route.is_some() || self.routes.is_empty();
        planned
            .filter(|(port, route)| self.excluded.contains(port) && is_needed(*route))
            .map(|(port, _)| port)
            .collect()
    }

    pub(super) fn set_plan(&mut self, plan: Arc<Plan>) {
        self.plan = Some(plan);
        self.update_routes();
    }

    pub(super) fn set_excluded(&mut self, excluded: BTreeSet<u16>) {
        self.excluded = excluded;
        self.update_routes();
    }

    fn update_routes(&mut self) {
        let routes = self.plan.iter().flat_map(|plan| plan.routes());
        self.routes = routes.filter(|(port, _)| !self.excluded.contains(port)).collect();
    }

    /// The writer has a frame, or HAProxy's verdict on it. Of the frame that is `live` none is needed.
    pub(super) fn take(&mut self, written: ConfigWritten, live: Option<&FrameDigest>) {
        let ConfigWritten { frame, verdict } = written;
        let is_known = |known: Option<&FrameDigest>| known == Some(&frame.digest);
        match verdict {
            Verdict::Accepted => self.accept(frame),
            Verdict::Unchecked if is_known(live) || is_known(self.accepted_digest()) => {
                self.candidate = None;
                self.accepted = Some(frame);
            }
            Verdict::Unchecked => {
                self.candidate = Some(Candidate { frame, is_being_checked: false, has_failed: false });
            }
            Verdict::Rejected => {
                self.candidate.take_if(|candidate| candidate.frame.digest == frame.digest);
            }
        }
    }

    /// HAProxy finds no fault with it. If that is said late, a newer one may have been accepted meanwhile.
    pub(super) fn accept(&mut self, frame: Arc<Frame>) {
        self.candidate.take_if(|candidate| candidate.frame.digest == frame.digest);
        if self.accepted.as_ref().is_none_or(|accepted| accepted.proposal <= frame.proposal) {
            self.accepted = Some(frame);
        }
    }

    /// HAProxy has failed to start with it, for whatever reason.
    pub(super) fn note_failed(&mut self, frame: &FrameDigest) {
        for candidate in self.candidate.iter_mut().filter(|candidate| candidate.frame.digest == *frame) {
            candidate.has_failed = true;
        }
    }

    /// What HAProxy is to be started with where none runs: a start is a check, too, so the newest frame needs none as
    /// long as no start with it has failed.
    pub(super) fn startable(&self) -> Option<Arc<HaproxyConfig>> {
        let candidate = self.candidate.as_ref().filter(|candidate| self.can_bind_all(&candidate.frame));
        let untried = candidate.filter(|candidate| !candidate.has_failed).map(|candidate| &candidate.frame);
        self.config(untried.or(self.bindable()).or(candidate.map(|candidate| &candidate.frame))?)
    }

    /// What a HAProxy that runs may be replaced with.
    pub(super) fn reloadable(&self) -> Option<Arc<HaproxyConfig>> {
        self.config(self.bindable()?)
    }

    /// The frame that HAProxy has not been asked about, and is to be.
    pub(super) fn unchecked(&self) -> Option<&Arc<Frame>> {
        self.candidate.as_ref().filter(|it| !it.is_being_checked).map(|candidate| &candidate.frame)
    }

    /// The frame that a start has failed with, and whose check nobody has asked for.
    pub(super) fn is_failed_unchecked(&self) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| candidate.has_failed && !candidate.is_being_checked)
    }

    /// The writer is asked to have the newest frame checked.
    pub(super) fn note_being_checked(&mut self) {
        self.candidate.iter_mut().for_each(|candidate| candidate.is_being_checked = true);
    }

    /// How many ports lead to a container, and how many refuse.
    pub(super) fn mapped_and_free(&self) -> (usize, usize) {
        let mapped = self.routes.values().flatten().count();
        (mapped, self.routes.len() - mapped)
    }

    fn accepted_digest(&self) -> Option<&FrameDigest> {
        self.accepted.as_ref().map(|frame| &frame.digest)
    }

    fn bindable(&self) -> Option<&Arc<Frame>> {
        self.accepted.as_ref().filter(|frame| self.can_bind_all(frame))
    }

    /// A frame with a port that cannot be bound is of no use; the writer makes another one.
    fn can_bind_all(&self, frame: &Frame) -> bool {
        self.excluded.is_disjoint(&frame.ports)
    }

    /// HAProxy refuses to start without any listener.
    fn config(&self, frame: &Arc<Frame>) -> Option<Arc<HaproxyConfig>> {
        let config = HaproxyConfig::new(Arc::clone(frame), self.plan.as_deref()?);
        (!config.routes.is_empty()).then(|| Arc::new(config))
    }
}
