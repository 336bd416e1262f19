//! Actors that cannot end unnoticed.
//!
//! actix isolates a panic: the actor's mailbox closes and the process lives on without it. Here each actor's
//! context is spawned so that a handle remains, and the end of any of them is an event of the whole system.

use std::any::Any;

use actix::{Actor, Addr, AsyncContext, Context};
use futures_util::future::select_all;
use tokio::task::{JoinError, JoinHandle};

/// An actor that has an address, but does not run yet: so two actors can know each other.
pub struct Prepared<A: Actor<Context = Context<A>>> {
    name: &'static str,
    context: Context<A>,
}

/// The end of one actor, to be awaited.
pub struct Ended {
    actor: &'static str,
    handle: JoinHandle<()>,
}

/// How an actor ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It stopped of itself.
    Stopped,
    /// It panicked, with this message.
    Panicked(String),
}

impl<A: Actor<Context = Context<A>>> Prepared<A> {
    /// An actor to be; `name` is what the log calls it.
    pub fn new(name: &'static str) -> Self {
        Self { name, context: Context::new() }
    }

    /// Where to send.
    pub fn addr(&self) -> Addr<A> {
        self.context.address()
    }

    /// Runs the actor on this thread.
    pub fn run(self, actor: A) -> Ended {
        Ended { actor: self.name, handle: tokio::task::spawn_local(self.context.into_future(actor)) }
    }
}

impl Ended {
    /// Waits for the end. May be dropped and called again.
    pub async fn wait(&mut self) -> End {
        match (&mut self.handle).await {
            Ok(()) => End::Stopped,
            Err(error) => End::Panicked(panic_message(error)),
        }
    }
}

/// All actors of a system: the end of the first, and of the last.
#[derive(Default)]
pub struct Crew(Vec<Ended>);

impl Crew {
    /// Adds an actor.
    pub fn add(&mut self, ended: Ended) {
        self.0.push(ended);
    }

    /// Waits until any actor ends; it is no longer one of the crew then. Waits for ever when there is none.
    /// May be dropped and called again.
    pub async fn first_end(&mut self) -> (&'static str, End) {
        if self.0.is_empty() {
            std::future::pending::<()>().await;
        }
        let waits = self.0.iter_mut().map(|ended| Box::pin(ended.wait()));
        let (end, position, _) = select_all(waits).await;
        (self.0.swap_remove(position).actor, end)
    }

    /// Whether every actor has ended.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
    async fn a_panic_in_a_handler_is_the_actors_end_with_its_message() {
        let fragile = Prepared::new("Fragile");
        fragile.addr().do_send(Break);
        let mut ended = fragile.run(Fragile);
        assert_eq!(ended.wait().await, End::Panicked("broken invariant 7".into()));
    }

    #[actix_rt::test]
    async fn an_actor_without_addresses_left_is_seen_to_stop() {
        let mut ended = Prepared::new("Fragile").run(Fragile);
        assert_eq!(ended.wait().await, End::Stopped);
    }

    #[actix_rt::test]
    async fn a_crew_tells_which_one_ended_and_keeps_the_others() {
        let mut crew = Crew::default();
        let (sturdy, fragile) = (Prepared::new("Sturdy"), Prepared::new("Fragile"));
        let (to_sturdy, to_fragile) = (sturdy.addr(), fragile.addr());
        crew.add(sturdy.run(Fragile));
        crew.add(fragile.run(Fragile));
        to_fragile.do_send(Break);
        assert_eq!(crew.first_end().await, ("Fragile", End::Panicked("broken invariant 7".into())));
        assert!(!crew.is_empty());
        drop(to_sturdy);
        assert_eq!(crew.first_end().await, ("Sturdy", End::Stopped));
        assert!(crew.is_empty());
    }
}
