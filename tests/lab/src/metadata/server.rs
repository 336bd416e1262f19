//! The server's handle: starting, changing, breaking and stopping it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time};

use super::{
    World,
    fault::{Fault, Scope},
    serve::serve,
    state::State,
};
use crate::listening::Listening;

/// How the server is to behave.
#[derive(Clone, Debug)]
pub struct MetadataOptions {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// What it tells about.
    pub world: World,
    /// Whether it has its first data: before that, every path is an "Invalid version".
    pub first_data: bool,
    /// Decides versions and the random orders.
    pub seed: u64,
    /// How often the server looks whether a long poll has waited for long enough.
    pub deadline_grid: Duration,
    /// Changes wake no long poll: each is noticed at the next look only, as after a lost wake-up.
    pub lose_wake_ups: bool,
}

impl MetadataOptions {
    /// A server of this world at any free port of 127.0.0.1, which looks for deadlines every 5 s as
    /// the real one does.
    pub fn new(world: World) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            world,
            first_data: true,
            seed: 1,
            deadline_grid: Duration::from_secs(5),
            lose_wake_ups: false,
        }
    }
}

/// How many requests there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Of `…/version`, with and without a wait.
    pub version: u64,
    /// Of anything else.
    pub documents: u64,
}

/// What a server tells about at one time.
#[derive(Clone, Debug)]
pub struct Saved {
    pub(super) world: World,
    pub(super) version: String,
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct MetadataServer {
    state: Arc<State>,
    address: SocketAddr,
    /// `None` while it is stopped or refuses connections.
    listening: Mutex<Option<Listening>>,
}

impl MetadataServer {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// When it cannot listen where it should.
    pub async fn start(options: MetadataOptions) -> Self {
        let listen = options.listen;
        let state = Arc::new(State::new(options));
        let listening = open(&state, listen).await;
        Self { state, address: listening.address(), listening: Mutex::new(Some(listening)) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the version that the original program used.
    pub fn base_url(&self) -> String {
        self.url("2015-12-19")
    }

    /// The base URL of a version, such as `latest`.
    pub fn url(&self, version: &str) -> String {
        format!("http://{}/{version}", self.address)
    }

    /// The current version of the data.
    pub fn version(&self) -> String {
        self.state.version()
    }

    /// Looks at the world.
    pub fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        self.state.read(read)
    }

    /// Changes the world: the version becomes another one, the lists at the top get another order,
    /// the long polls wake up.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.state.change(change)
    }

    /// What it tells about now, and as which version.
    pub fn saved(&self) -> Saved {
        self.state.saved()
    }

    /// Jumps back, or forth, to what it has told about: version and world are those of that time.
    pub fn restore(&self, saved: &Saved) {
        self.state.restore(saved);
    }

    /// Changes something that does not concern stalls.
    pub fn change_foreign(&self) {
        self.change(World::change_something_foreign);
    }

    /// Ends the time before the first data ([`MetadataOptions::first_data`]).
    pub fn deliver_first_data(&self) {
        self.state.deliver_first_data();
    }

    /// Breaks every answer in this way, and returns when that is in force.
    pub async fn fault(&self, fault: Fault) {
        self.fault_only(Scope::Everything, fault).await;
    }

    /// Breaks the answers in this scope in this way, and returns when that is in force.
    ///
    /// # Panics
    ///
    /// For [`Fault::Refuse`] in a narrower scope: a refused connection has no path yet.
    pub async fn fault_only(&self, scope: Scope, fault: Fault) {
        let refuses = fault == Fault::Refuse;
        assert!(!refuses || scope == Scope::Everything, "connections are refused for every path");
        self.state.fault.send_replace(Some((scope, fault)));
        if refuses {
            self.close().await;
        } else {
            self.reopen().await;
        }
    }

    /// Mends whatever fault there is, and returns when the server answers well again.
    pub async fn clear_fault(&self) {
        self.state.fault.send_replace(None);
        self.reopen().await;
    }

    /// The requests so far.
    pub fn requests(&self) -> Requests {
        *self.state.requests.borrow()
    }

    /// Waits until the requests so far are enough.
    ///
    /// # Panics
    ///
    /// When that takes longer than `within`.
    pub async fn await_requests(&self, mut enough: impl FnMut(&Requests) -> bool, within: Duration) {
        let mut requests = self.state.requests.subscribe();
        let result = time::timeout(within, requests.wait_for(|requests| enough(requests))).await.map(drop);
        assert!(result.is_ok(), "within {within:?} there were only these requests: {:?}", self.requests());
    }

    /// Waits until a client is in a long poll from the current version: it has seen the last change, and has read
    /// all that it needs of it.
    ///
    /// # Panics
    ///
    /// When that takes longer than `within`.
    pub async fn await_caught_up(&self, within: Duration) {
        let caught_up = self.state.until_a_client_waits_from_the_current_version();
        let result = time::timeout(within, caught_up).await;
        assert!(result.is_ok(), "within {within:?} no client waited from the current version");
    }

    /// Stops it: its port refuses, its connections are closed. The world stays.
    pub async fn stop(&self) {
        self.close().await;
    }

    /// Starts it again, at the same address.
    ///
    /// # Panics
    ///
    /// When another program has taken its port in the meantime.
    pub async fn restart(&self) {
        self.reopen().await;
    }

    async fn close(&self) {
        if let Some(listening) = self.listening.lock().await.take() {
            listening.close().await;
        }
    }

    async fn reopen(&self) {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            *listening = Some(open(&self.state, self.address).await);
        }
    }
}

async fn open(state: &Arc<State>, address: SocketAddr) -> Listening {
    let state = Arc::clone(state);
    let listening = Listening::open(address, move |stream, client| {
        let state = Arc::clone(&state);
        async move { serve(&state, stream, client).await }
    });
    listening.await.unwrap_or_else(|error| panic!("the metadata server cannot listen on {address}: {error}"))
}
