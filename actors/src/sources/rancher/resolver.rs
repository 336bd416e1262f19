//! The name of the metadata server, which may be known while nobody resolves it.

use std::{cell::RefCell, error::Error, future::Future, io, net::SocketAddr, rc::Rc, time::Duration};

use actix_tls::connect::Resolve;
use futures_util::{FutureExt, future::LocalBoxFuture};
use slog::{Logger, info, warn};
use tokio::{
    net::lookup_host,
    time::{Instant, timeout},
};

use crate::outage::Outage;

/// How long a lookup may take if there is an address that has answered. Without a name server the system's resolver
/// tries for longer than a request may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where names are looked up.
pub(super) trait Lookup: 'static {
    /// The addresses of a host, in the order in which they are to be tried.
    fn lookup(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + 'static;
}

/// The system's resolver, with all that it is configured to ask.
pub(super) struct System;

impl Lookup for System {
    fn lookup(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + 'static {
        let found = (host.to_owned(), port);
        async move { lookup_host(found).await.map(Iterator::collect) }
    }
}

/// Resolves the name of one server. While that fails, the addresses go on being used that have answered last.
/// Copies share what they know.
pub(super) struct Resolver<L>(Rc<Shared<L>>);

struct Shared<L> {
    lookup: L,
    known: RefCell<Known>,
    log: Logger,
}

#[derive(Default)]
struct Known {
    /// What was found last.
    found: Vec<SocketAddr>,
    /// What was found before the server answered last.
    answered: Vec<SocketAddr>,
    outage: Outage,
}

impl<L> Clone for Resolver<L> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<L: Lookup> Resolver<L> {
    pub(super) fn new(lookup: L, log: Logger) -> Self {
        Self(Rc::new(Shared { lookup, known: RefCell::default(), log }))
    }

    /// The server has answered at an address that was found last.
    pub(super) fn note_answer(&self) {
        let mut known = self.0.known.borrow_mut();
        if known.answered != known.found {
            known.answered = known.found.clone();
        }
    }

    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let lookup = self.0.lookup.lookup(host, port);
        let has_answered = !self.0.known.borrow().answered.is_empty();
        let found = if has_answered {
            timeout(PATIENCE, lookup).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            lookup.await
        };
        let found = found.and_then(|found| match found.is_empty() {
            true => Err(io::Error::other("the name has no address")),
            false => Ok(found),
        });
        match found {
            Ok(found) => Ok(self.note_found(found)),
            Err(error) => self.last_answered(error),
        }
    }

    fn note_found(&self, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let mut known = self.0.known.borrow_mut();
        known.found.clone_from(&found);
        if let Some(ended) = known.outage.succeeded(Instant::now()) {
            info!(self.0.log, "name of the metadata server is resolved again";
                "lasted_ms" => ended.lasted.as_millis() as u64, "failures" => ended.failures);
        }
        found
    }

    fn last_answered(&self, error: io::Error) -> io::Result<Vec<SocketAddr>> {
        let mut known = self.0.known.borrow_mut();
        let Some(address) = known.answered.first().copied() else { return Err(error) };
        if known.outage.failed("unresolved", Instant::now()) {
            warn!(self.0.log, "name of the metadata server cannot be resolved, using the address that answered last";
                "address" => %address, "error" => %error);
        }
        let answered = known.answered.clone();
        known.found.clone_from(&answered);
        Ok(answered)
    }
}

impl<L: Lookup> Resolve for Resolver<L> {
    fn lookup<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> LocalBoxFuture<'a, Result<Vec<SocketAddr>, Box<dyn Error>>> {
        self.addresses(host, port).map(|found| found.map_err(Into::into)).boxed_local()
    }
}

#[cfg(test)]
mod tests;
