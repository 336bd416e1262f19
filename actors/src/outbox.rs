//! Sending full state to another actor without blocking, losing the newest, or filling its mailbox.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use actix::{Message, Recipient, prelude::SendError};

/// How long to wait when the receiver's mailbox is full.
const RETRY: Duration = Duration::from_millis(5);

/// The newest message for one receiver. A message that finds the mailbox full waits here, and a newer one
/// takes its place.
///
/// A closed mailbox means that the receiver's actor has ended. That is noticed by whoever linked the actors
/// (see [`crate::link`]), and everything stops; so the message is dropped here.
pub(crate) struct Outbox<M>(Rc<Inner<M>>)
where
    M: Message + Send,
    M::Result: Send;

struct Inner<M>
where
    M: Message + Send,
    M::Result: Send,
{
    to: Recipient<M>,
    waiting: RefCell<Option<M>>,
    retrying: Cell<bool>,
}

impl<M> Outbox<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    pub(crate) fn new(to: Recipient<M>) -> Self {
        Self(Rc::new(Inner { to, waiting: RefCell::new(None), retrying: Cell::new(false) }))
    }

    /// Sends `message`, or keeps it for later in place of what waits.
    pub(crate) fn post(&self, message: M) {
        self.0.send(message);
        if self.0.waiting.borrow().is_some() && !self.0.retrying.replace(true) {
            let outbox = Rc::downgrade(&self.0);
            tokio::task::spawn_local(async move {
                loop {
                    tokio::time::sleep(RETRY).await;
                    let Some(outbox) = outbox.upgrade() else { return };
                    let waiting = outbox.waiting.take();
                    waiting.into_iter().for_each(|message| outbox.send(message));
                    if outbox.waiting.borrow().is_none() {
                        outbox.retrying.set(false);
                        return;
                    }
                }
            });
        }
    }
}

impl<M> Inner<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn send(&self, message: M) {
        let unsent = match self.to.try_send(message) {
            Err(SendError::Full(message)) => Some(message),
            Ok(()) | Err(SendError::Closed(_)) => None,
        };
        self.waiting.replace(unsent);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use actix::{Actor, Context, Handler};

    use super::*;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct State(u32);

    struct Receiver(Arc<Mutex<Vec<u32>>>);

    impl Actor for Receiver {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Context<Self>) {
            ctx.set_mailbox_capacity(1);
        }
    }

    impl Handler<State> for Receiver {
        type Result = ();
        fn handle(&mut self, State(state): State, _: &mut Context<Self>) {
            self.0.lock().unwrap().push(state);
        }
    }

    #[actix_rt::test]
    async fn the_newest_arrives_last_however_full_the_mailbox() {
        tokio::time::pause();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let receiver = Receiver(Arc::clone(&seen)).start();
        tokio::task::yield_now().await;
        let outbox = Outbox::new(receiver.recipient());
        (1..=100).for_each(|state| outbox.post(State(state)));
        while seen.lock().unwrap().last() != Some(&100) {
            tokio::time::sleep(RETRY).await;
        }
        let seen = seen.lock().unwrap();
        assert!(seen.is_sorted() && seen.len() < 100, "{seen:?}");
    }
}
