//! Which containers are probed, and for what.

use std::{
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use actix::{Actor, Context};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{
    Connect, Verdict,
    presence::until_gone,
    readiness::{MAX_AT_ONCE, until_ready},
    running::Running,
};

/// A container, and where it is connected to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The container.
    pub(crate) uuid: Arc<str>,
    /// Its address and port.
    pub(crate) backend: SocketAddr,
}

/// Probes successors until they are ready, and lingering containers until they are gone.
pub(crate) struct Prober<C> {
    connect: Rc<C>,
    permits: Rc<Semaphore>,
    readiness: Running<Target>,
    presence: Running<Target>,
}

impl<C: Connect> Prober<C> {
    /// Probes nothing yet.
    pub(crate) fn new(connect: C) -> Self {
        let permits = Rc::new(Semaphore::new(MAX_AT_ONCE));
        let (readiness, presence) = (Running::default(), Running::default());
        Self { connect: Rc::new(connect), permits, readiness, presence }
    }

    /// Whether an address is one of this network namespace's own.
    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        self.connect.is_local(address)
    }

    /// Probes these successors from now on, and no others. The actor is told by `on_ready` once a successor is ready,
    /// and is to hand that on to [`Self::note_ready`].
    pub(crate) fn follow_successors<A: Actor<Context = Context<A>>>(
        &mut self,
        successors: impl IntoIterator<Item = Target>,
        ctx: &mut Context<A>,
        on_ready: fn(&mut A, Target, (), &mut Context<A>),
    ) {
        let (connect, permits) = (&self.connect, &self.permits);
        let start = |target: &Target| until_ready(Rc::clone(connect), Rc::clone(permits), target.backend);
        self.readiness.follow(successors, ctx, start, on_ready);
    }

    /// The probing of this successor is over. If it does not take over, it has to show that it is ready anew.
    pub(crate) fn note_ready(&mut self, successor: &Target) {
        self.readiness.note_end(successor);
    }

    /// Asks these lingering containers from now on whether they are there, and no others; all at once. The actor is
    /// told by `on_verdict` once one no longer shows it, and is to hand that on to [`Self::note_verdict`].
    pub(crate) fn follow_lingering<A: Actor<Context = Context<A>>>(
        &mut self,
        lingering: impl IntoIterator<Item = Target>,
        ctx: &mut Context<A>,
        on_verdict: fn(&mut A, Target, Verdict, &mut Context<A>),
    ) {
        let connect = &self.connect;
        let start = |target: &Target| until_gone(Rc::clone(connect), target.backend);
        self.presence.follow(lingering, ctx, start, on_verdict);
    }

    /// This container is not asked any more.
    pub(crate) fn note_verdict(&mut self, lingering: &Target) {
        self.presence.note_end(lingering);
    }
}
