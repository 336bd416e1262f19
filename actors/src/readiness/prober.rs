//! Which containers are probed, how often, and how many at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, SpawnHandle, fut::wrap_future};
use tokio::sync::Semaphore;

use super::Probe;

/// How soon a container that did not accept is probed again: most accept within a second of their start.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// How many are probed at the same time: each takes a descriptor, and up to a second.
const MAX_PROBES: usize = 64;

/// A container that takes over a slot once it accepts a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Successor {
    /// The container.
    pub(crate) uuid: Arc<str>,
    /// Where it is to accept a connection.
    pub(crate) backend: SocketAddr,
}

/// Probes successors until they are ready, or are none any more.
pub(crate) struct Prober<P> {
    probe: Rc<P>,
    permits: Rc<Semaphore>,
    under_way: BTreeMap<Successor, SpawnHandle>,
}

impl<P: Probe> Prober<P> {
    /// Probes nothing yet.
    pub(crate) fn new(probe: P) -> Self {
        let permits = Rc::new(Semaphore::new(MAX_PROBES));
        Self { probe: Rc::new(probe), permits, under_way: BTreeMap::new() }
    }

    /// Probes these from now on, and no others. The actor is told by `on_ready` once a successor is ready, and is to
    /// hand that on to [`Self::note_ready`].
    pub(crate) fn follow<A: Actor<Context = Context<A>>>(
        &mut self,
        successors: BTreeSet<Successor>,
        ctx: &mut Context<A>,
        on_ready: fn(&mut A, Successor, &mut Context<A>),
    ) {
        for (_, probing) in self.under_way.extract_if(.., |successor, _| !successors.contains(successor)) {
            ctx.cancel_future(probing);
        }
        for successor in successors {
            if self.under_way.contains_key(&successor) {
                continue;
            }
            let ready = until_ready(Rc::clone(&self.probe), Rc::clone(&self.permits), successor.backend);
            let probed = successor.clone();
            let probing = wrap_future::<_, A>(ready).map(move |(), actor, ctx| on_ready(actor, probed, ctx));
            self.under_way.insert(successor, ctx.spawn(probing));
        }
    }

    /// The probing of this successor is over. If it does not take over, it has to show that it is ready anew.
    pub(crate) fn note_ready(&mut self, successor: &Successor) {
        self.under_way.remove(successor);
    }
}

async fn until_ready<P: Probe>(probe: Rc<P>, permits: Rc<Semaphore>, backend: SocketAddr) {
    let mut pause = FIRST_PAUSE;
    while !accepts(probe.as_ref(), &permits, backend).await {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Probes once, when there is a permit.
async fn accepts<P: Probe>(probe: &P, permits: &Semaphore, backend: SocketAddr) -> bool {
    let _permit = permits.acquire().await;
    probe.accepts(backend).await
}
