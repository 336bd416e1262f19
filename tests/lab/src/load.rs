//! Many clients that connect all the time and check where they land.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::JoinSet, time};

use crate::client::{ConnectError, Landing, landing};

/// How many of the failures a report describes in words.
const EXAMPLES: usize = 10;

/// Where a port may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// To the container with this uuid.
    Container(String),
    /// To one of these containers, as while a port moves from one to the other.
    AnyOf(Vec<String>),
    /// To one of these containers or nowhere, as while it changes from one to another.
    Changing(Vec<String>),
    /// To any container.
    Anyone,
    /// Nowhere: it refuses.
    Refused,
}

impl Expect {
    fn allows(&self, met: &Result<Landing, ConnectError>) -> bool {
        match (self, met) {
            (Self::Container(expected), Ok(landing)) => *expected == landing.uuid,
            (Self::AnyOf(expected) | Self::Changing(expected), Ok(landing)) => {
                expected.contains(&landing.uuid)
            }
            (Self::Anyone, Ok(_)) => true,
            (Self::Changing(_), Err(error)) => !matches!(error, ConnectError::Garbled(_)),
            (Self::Refused, met) => *met == Err(ConnectError::Refused),
            (_, Err(_)) => false,
        }
    }
}

/// The ports that the clients connect to; the test and its load share it.
///
/// A connection may meet whatever was expected at any time while it lasted: widen what is expected before
/// the world changes, and narrow it when the change has arrived.
#[derive(Clone, Debug, Default)]
pub struct Targets(Arc<Mutex<BTreeMap<SocketAddr, History>>>);

/// All that has been expected of a port; `None` while no client is to connect to it.
type History = Vec<Option<Expect>>;

/// A port to connect to, and what of its history was over before.
type Choice = (SocketAddr, usize);

impl Targets {
    /// No ports yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a port, or says anew where it may lead to.
    pub fn set(&self, address: SocketAddr, expect: Expect) {
        self.table().entry(address).or_default().push(Some(expect));
    }

    /// No client connects to this port any more.
    pub fn remove(&self, address: SocketAddr) {
        self.table().entry(address).or_default().push(None);
    }

    fn choose(&self, random: &mut fastrand::Rng) -> Option<Choice> {
        let table = self.table();
        let wanted: Vec<_> =
            table.iter().filter(|(_, history)| matches!(history.last(), Some(Some(_)))).collect();
        let (address, history) = random.choice(wanted)?;
        Some((*address, history.len() - 1))
    }

    /// What has been expected since the choice was made.
    fn expected_since(&self, (address, over): Choice) -> Vec<Expect> {
        let table = self.table();
        let history = table.get(&address).map_or(&[][..], |history| &history[over..]);
        history.iter().flatten().cloned().collect()
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, History>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the connections met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Led to a container that was expected.
    pub ok: u64,
    /// Refused.
    pub refused: u64,
    /// Accepted, then reset.
    pub reset: u64,
    /// Accepted, then closed.
    pub closed: u64,
    /// Nothing happened for 2 s.
    pub timed_out: u64,
    /// Led to a container, or to something else, that was not expected.
    pub wrong: u64,
    /// The operating system could not connect, for any other reason.
    pub other: u64,
    /// The first few failures in words.
    pub examples: Vec<String>,
}

impl LoadReport {
    /// How many connections were not as they should be.
    pub fn failures(&self) -> u64 {
        self.refused + self.reset + self.closed + self.timed_out + self.wrong + self.other
    }

    fn count(&mut self, address: SocketAddr, expected: &[Expect], met: Result<Landing, ConnectError>) {
        if expected.iter().any(|expect| expect.allows(&met)) {
            self.ok += u64::from(met.is_ok());
            return;
        }
        let counter = match &met {
            Ok(_) | Err(ConnectError::Garbled(_)) => &mut self.wrong,
            Err(ConnectError::Refused) => &mut self.refused,
            Err(ConnectError::Reset) => &mut self.reset,
            Err(ConnectError::Closed) => &mut self.closed,
            Err(ConnectError::TimedOut) => &mut self.timed_out,
            Err(ConnectError::Other(_)) => &mut self.other,
        };
        *counter += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{address}: {met:?} instead of {expected:?}"));
        }
    }
}

/// A number of clients, each of which connects again and again.
#[derive(Debug)]
pub struct Load {
    report: Arc<Mutex<LoadReport>>,
    clients: JoinSet<()>,
}

impl Load {
    /// Starts clients that connect again as soon as they have landed.
    pub fn start(clients: usize, targets: &Targets) -> Self {
        Self::with_pause(clients, targets, Duration::ZERO)
    }

    /// Starts clients that wait between two connections.
    ///
    /// A kernel that tracks connections, as one with Docker does, remembers each for two minutes, and loses packets
    /// when there are too many: this is for what runs beside much else.
    pub fn with_pause(clients: usize, targets: &Targets, pause: Duration) -> Self {
        let report = Arc::new(Mutex::new(LoadReport::default()));
        let connect = |_| connect_for_ever(targets.clone(), Arc::clone(&report), pause);
        Self { clients: (0..clients).map(connect).collect(), report }
    }

    /// What the connections have met so far.
    pub fn so_far(&self) -> LoadReport {
        lock(&self.report).clone()
    }

    /// Stops the clients; connections that are being made then are not counted.
    pub async fn stop(mut self) -> LoadReport {
        self.clients.shutdown().await;
        self.so_far()
    }
}

async fn connect_for_ever(targets: Targets, report: Arc<Mutex<LoadReport>>, pause: Duration) {
    let mut random = fastrand::Rng::new();
    loop {
        if let Some(choice) = targets.choose(&mut random) {
            let met = landing(choice.0).await;
            lock(&report).count(choice.0, &targets.expected_since(choice), met);
        }
        // A refusal may come without any waiting, and then no other task on this thread would run.
        tokio::task::yield_now().await;
        if !pause.is_zero() {
            time::sleep(pause).await;
        }
    }
}

fn lock(report: &Mutex<LoadReport>) -> MutexGuard<'_, LoadReport> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backend::{Backends, Identity},
        block::Block,
    };

    async fn until(load: &Load, enough: impl Fn(&LoadReport) -> bool) {
        while !enough(&load.so_far()) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn landings_are_checked_against_a_table_that_may_change() {
        let (block, mut backends, targets) = (Block::reserve(), Backends::new(), Targets::new());
        let ip = block.container_ip(1);
        let identity = Identity { uuid: "u1".to_owned(), name: "app-web-1".to_owned() };
        backends.start(ip, 8080, identity).await;
        targets.set((ip, 8080).into(), Expect::AnyOf(vec!["u0".to_owned(), "u1".to_owned()]));
        let load = Load::start(4, &targets);
        until(&load, |report| report.ok >= 100).await;
        assert_eq!(load.so_far().failures(), 0);
        targets.set((ip, 8080).into(), Expect::Changing(vec!["u2".to_owned()]));
        targets.set((ip, 8081).into(), Expect::Changing(vec!["u2".to_owned()]));
        until(&load, |report| report.wrong > 0).await;
        targets.remove((ip, 8080).into());
        targets.set((ip, 8081).into(), Expect::Anyone);
        until(&load, |report| report.refused > 0).await;
        let report = load.stop().await;
        assert_eq!(report.failures(), report.wrong + report.refused, "{report:?}");
        assert!(report.examples[0].contains("u1"), "{report:?}");
    }

    #[tokio::test]
    async fn a_port_without_a_container_has_to_refuse() {
        let (block, mut backends, targets) = (Block::reserve(), Backends::new(), Targets::new());
        let ip = block.container_ip(1);
        let identity = Identity { uuid: "u1".to_owned(), name: "app-web-1".to_owned() };
        backends.start(ip, 8080, identity).await;
        targets.set((ip, 8080).into(), Expect::Anyone);
        targets.set((ip, 8081).into(), Expect::Refused);
        let load = Load::start(4, &targets);
        until(&load, |report| report.ok >= 100).await;
        assert_eq!(load.so_far().failures(), 0);
        targets.set((ip, 8080).into(), Expect::Refused);
        until(&load, |report| report.wrong > 0).await;
        let report = load.stop().await;
        assert_eq!(report.failures(), report.wrong, "{report:?}");
    }
}
