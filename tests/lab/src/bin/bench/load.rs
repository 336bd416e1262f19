//! Clients that connect all the time, each on a thread of its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::Context;
use tokio::sync::oneshot;

use crate::client::{Lost, landing};

/// How many of its failures a client describes in words.
const EXAMPLES: usize = 3;

/// Where each port leads to.
pub(crate) type Targets = Vec<(SocketAddr, Ipv4Addr)>;

/// What connections met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) connections: u64,
    /// Those that led nowhere.
    pub(crate) lost: Lost,
    /// Those that led to another container.
    pub(crate) wrong: u64,
    /// The first few of both in words.
    pub(crate) examples: Vec<String>,
}

/// Running clients; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tallies: Vec<oneshot::Receiver<Tally>>,
}

impl Load {
    /// Starts the clients; each connects to one of the targets, then to another.
    pub(crate) fn start(clients: usize, targets: &Targets) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let (targets, stop, (done, tally)) = (targets.clone(), Arc::clone(&stop), oneshot::channel());
            thread::spawn(move || done.send(connect_until(&stop, &targets)));
            tally
        };
        let tallies = (0..clients).map(start).collect();
        Self { stop, tallies }
    }

    /// Stops the clients; tells what all of them met.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Tally> {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        for tally in self.tallies.drain(..) {
            let tally = tally.await.context("a client")?;
            sum.connections += tally.connections;
            sum.lost += tally.lost;
            sum.wrong += tally.wrong;
            sum.examples.extend(tally.examples);
        }
        Ok(sum)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn connect_until(stop: &AtomicBool, targets: &Targets) -> Tally {
    let mut tally = Tally::default();
    while !stop.load(Ordering::Relaxed) {
        let Some((port, container)) = fastrand::choice(targets) else { break };
        tally.connections += 1;
        let met = match landing(*port) {
            Ok(landed) if landed == *container => continue,
            Ok(landed) => {
                tally.wrong += 1;
                format!("{landed} instead of {container}")
            }
            Err(error) => {
                tally.lost.count(&error);
                error.to_string()
            }
        };
        if tally.examples.len() < EXAMPLES {
            tally.examples.push(format!("{port}: {met}"));
        }
    }
    tally
}
