//! Futures that are under way in an actor, by what they are about.

use std::{collections::BTreeMap, future::Future};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, SpawnHandle, fut::wrap_future};

/// Futures that are under way, one for each key.
#[derive(Debug)]
pub(super) struct Running<K>(BTreeMap<K, SpawnHandle>);

impl<K> Default for Running<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone + 'static> Running<K> {
    /// Has a future under way for each of these keys and for no other. The actor is told by `on_end` when one of them
    /// has ended, and is to hand that on to [`Self::note_end`].
    pub(super) fn follow<A, F>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
        ctx: &mut Context<A>,
        start: impl Fn(&K) -> F,
        on_end: fn(&mut A, K, F::Output, &mut Context<A>),
    ) where
        A: Actor<Context = Context<A>>,
        F: Future + 'static,
    {
        let mut before = std::mem::take(&mut self.0);
        for key in keys {
            let handle = before.remove(&key).unwrap_or_else(|| {
                let ended = key.clone();
                let future = wrap_future::<_, A>(start(&key));
                ctx.spawn(future.map(move |output, actor, ctx| on_end(actor, ended, output, ctx)))
            });
            self.0.insert(key, handle);
        }
        for handle in before.into_values() {
            ctx.cancel_future(handle);
        }
    }

    /// The future of this key has ended. It is started again if it is still wanted.
    pub(super) fn note_end(&mut self, key: &K) {
        self.0.remove(key);
    }
}
