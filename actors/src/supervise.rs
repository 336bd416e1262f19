//! Actors that cannot end unnoticed.
//!
//! actix isolates a panic: the actor's mailbox closes and the process lives on without it. Here each actor's
//! context is a task of a set, and the end of any of them is an event of the whole system.

use std::{any::Any, collections::HashMap};

use actix::{Actor, Addr, AsyncContext, Context};
use tokio::task::{Id, JoinError, JoinSet};

/// An actor that has an address, but does not run yet. So two actors can know each other's address.
pub struct Prepared<A: Actor<Context = Context<A>>> {
    name: &'static str,
    context: Context<A>,
}

impl<A: Actor<Context = Context<A>>> Prepared<A> {
    /// An actor that is to run; `name` is its name in the log.
    pub fn new(name: &'static str) -> Self {
        Self { name, context: Context::new() }
    }

    /// Its address.
    pub fn addr(&self) -> Addr<A> {
        self.context.address()
    }
}

/// How an actor ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It stopped by itself.
    Stopped,
    /// It panicked, with this message.
    Panicked(String),
}

/// Running actors. To drop the set ends them at once.
#[derive(Default)]
pub struct ActorSet {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl ActorSet {
    /// Runs an actor on this thread.
    pub fn run<A: Actor<Context = Context<A>>>(&mut self, prepared: Prepared<A>, actor: A) {
        let task = self.tasks.spawn_local(prepared.context.into_future(actor));
        self.names.insert(task.id(), prepared.name);
    }

    /// Waits until any actor ends, and takes it out of the set. Waits for ever when the set is empty. To drop the
    /// future loses nothing.
    pub async fn first_end(&mut self) -> (&'static str, End) {
        let (id, end) = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => (id, End::Stopped),
            Some(Err(error)) => (error.id(), End::Panicked(panic_message(error))),
            None => std::future::pending().await,
        };
        (self.names.remove(&id).unwrap_or_default(), end)
    }

    /// Whether every actor has ended.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

fn panic_message(error: JoinError) -> String {
    let payload: Box<dyn Any + Send> = match error.try_into_panic() {
        Ok(payload) => payload,
        Err(error) => return error.to_string(),
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().map_or_else(|| "(no message)".into(), |s| (*s).into()),
    }
}

#[cfg(test)]
mod tests {
    use actix::{Handler, Message};

    use super::*;

    struct Fragile;

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Break;

    impl Handler<Break> for Fragile {
        type Result = ();
        fn handle(&mut self, _: Break, _: &mut Context<Self>) {
            panic!("broken invariant {}", 7);
        }
    }

    #[actix_rt::test]
    async fn each_end_comes_with_the_actors_name_and_a_panic_with_its_message() {
        let mut actors = ActorSet::default();
        let (sturdy, fragile) = (Prepared::new("Sturdy"), Prepared::new("Fragile"));
        let (to_sturdy, to_fragile) = (sturdy.addr(), fragile.addr());
        actors.run(sturdy, Fragile);
        actors.run(fragile, Fragile);
        to_fragile.do_send(Break);
        assert_eq!(actors.first_end().await, ("Fragile", End::Panicked("broken invariant 7".into())));
        assert!(!actors.is_empty());
        drop(to_sturdy);
        assert_eq!(actors.first_end().await, ("Sturdy", End::Stopped), "no address is left");
        assert!(actors.is_empty());
    }
}
