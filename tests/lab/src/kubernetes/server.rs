//! The server's handle: starting, changing, breaking and stopping it.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time};

use super::{
    fault::{Disturbance, Fault, Scope},
    kubeconfig::kubeconfig,
    request::Asked,
    serve::serve,
    state::State,
    world::World,
};
use crate::listening::Listening;

/// How the server is to behave.
#[derive(Clone, Debug)]
pub struct KubernetesOptions {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// What it tells about.
    pub world: World,
    /// The token by which it knows its only client.
    pub token: String,
    /// A watch from a version that is too old is answered with the status 410, instead of 200 and an `ERROR` event.
    pub expires_by_status: bool,
}

impl KubernetesOptions {
    /// A server of this world at any free port of 127.0.0.1.
    pub fn new(world: World) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            world,
            token: "token-of-the-lab".to_owned(),
            expires_by_status: false,
        }
    }
}

/// What a server tells about at one time.
#[derive(Clone, Debug)]
pub struct Saved(World);

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct KubernetesServer {
    state: Arc<State>,
    address: SocketAddr,
    /// `None` while it is stopped.
    listening: Mutex<Option<Listening>>,
}

impl KubernetesServer {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// When it cannot listen where it should.
    pub async fn start(options: KubernetesOptions) -> Self {
        let listen = options.listen;
        let state = Arc::new(State::new(options));
        let listening = open(&state, listen).await;
        Self { state, address: listening.address(), listening: Mutex::new(Some(listening)) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes a file for `KUBECONFIG`, whose context has this namespace or none.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write_kubeconfig(&self, path: &Path, namespace: Option<&str>) {
        let text = kubeconfig(self.address, &self.state.token(), namespace);
        fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Looks at the world.
    pub fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        self.state.read(read)
    }

    /// Changes the world; the watches tell it.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.state.change(change)
    }

    /// What it tells about now.
    pub fn saved(&self) -> Saved {
        Saved(self.read(World::clone))
    }

    /// Is as it was then, as when etcd is restored: what clients have seen since is in the future. The watches end.
    pub async fn restore(&self, saved: &Saved) {
        self.change(|world| world.clone_from(&saved.0));
        self.end_watches(Disturbance::End).await;
    }

    /// From now on only this token is known.
    pub fn replace_token(&self, token: &str) {
        self.state.replace_token(token);
    }

    /// Answers all requests in this way.
    pub fn fault(&self, fault: Fault) {
        self.fault_only(Scope::everything(), fault);
    }

    /// Answers the requests in this scope in this way. There is one fault at a time.
    pub fn fault_only(&self, scope: Scope, fault: Fault) {
        self.state.fault.send_replace(Some((scope, fault)));
    }

    /// Mends whatever fault there is.
    pub fn clear_fault(&self) {
        self.state.fault.send_replace(None);
    }

    /// Disturbs all watches that run. What happened before and is not told yet, is told later if at all.
    pub fn disturb(&self, disturbance: Disturbance) {
        self.state.disturb(None, disturbance);
    }

    /// Disturbs the watches of this namespace that run.
    pub fn disturb_only(&self, namespace: &str, disturbance: Disturbance) {
        self.state.disturb(Some(namespace), disturbance);
    }

    /// Disturbs all watches in a way that ends them, and returns when those have ended that ran.
    pub async fn end_watches(&self, disturbance: Disturbance) {
        let old: BTreeSet<u64> = self.state.running.borrow().keys().copied().collect();
        self.disturb(disturbance);
        let ended = self
            .state
            .running
            .subscribe()
            .wait_for(|now| old.iter().all(|old| !now.contains_key(old)))
            .await
            .map(drop);
        ended.expect("the sender lives as long as the server");
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.borrow().clone()
    }

    /// Waits until the requests so far are enough.
    ///
    /// # Panics
    ///
    /// When that takes longer than `within`.
    pub async fn await_asked(&self, mut enough: impl FnMut(&[Asked]) -> bool, within: Duration) {
        let mut asked = self.state.asked.subscribe();
        let result = time::timeout(within, asked.wait_for(|asked| enough(asked))).await.map(drop);
        assert!(result.is_ok(), "within {within:?} there were only these requests: {:#?}", self.asked());
    }

    /// Waits until a watch of this namespace runs that has told everything.
    ///
    /// # Panics
    ///
    /// When that takes longer than `within`.
    pub async fn await_watched(&self, namespace: &str, within: Duration) {
        let mut running = self.state.running.subscribe();
        let watched = running.wait_for(|running| {
            let version = self.state.version();
            running.values().any(|watch| watch.namespace == namespace && watch.told >= version)
        });
        let result = time::timeout(within, watched).await.map(drop);
        assert!(result.is_ok(), "within {within:?} no watch of {namespace} has told everything");
    }

    /// Stops it: its port refuses, its connections are closed. The world stays.
    pub async fn stop(&self) {
        if let Some(listening) = self.listening.lock().await.take() {
            listening.close().await;
        }
    }

    /// Starts it again, at the same address.
    ///
    /// # Panics
    ///
    /// When another program has taken its port in the meantime.
    pub async fn restart(&self) {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            *listening = Some(open(&self.state, self.address).await);
        }
    }
}

async fn open(state: &Arc<State>, address: SocketAddr) -> Listening {
    let state = Arc::clone(state);
    let listening = Listening::open(address, move |stream, _| {
        let state = Arc::clone(&state);
        async move { serve(&state, stream).await }
    });
    listening.await.unwrap_or_else(|error| panic!("the API server cannot listen on {address}: {error}"))
}
