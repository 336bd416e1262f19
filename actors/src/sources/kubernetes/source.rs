//! The seam to the poller: the pods of each followed service, when the API server tells of a change.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    mem,
    net::IpAddr,
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use slog::{Logger, warn};
use tokio::time::timeout;

use super::{
    cluster::Cluster,
    fault::ApiFault,
    follower::{Follower, Known, SharedKnown},
    listing::{listing, without_ordinal},
    selection::Selection,
};
use crate::{
    domain::ServiceRef,
    metadata::{Answer, Fault, Listing, Source, State},
};

/// How to follow pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSettings {
    /// A kubeconfig, whose current context counts; `None` in a pod, where its ServiceAccount counts.
    pub kubeconfig: Option<PathBuf>,
    /// Which of a pod's addresses is used; `None` for the first.
    pub family: Option<IpFamily>,
}

impl KubernetesSettings {
    /// Where the address of the API server comes from, for people.
    pub fn cluster(&self) -> String {
        let kubeconfig = self.kubeconfig.as_ref().map(|path| path.display().to_string());
        kubeconfig.unwrap_or_else(|| "the cluster of this pod".to_owned())
    }
}

/// A family of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpFamily {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }

    /// Whether the address is of this family.
    pub(super) fn has(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == (self == Self::V4)
    }
}

/// The pods of a cluster.
pub struct Kubernetes {
    cluster: Rc<Cluster>,
    selections: BTreeMap<Selection, Followed>,
    /// They wait for news. None of them is ever dropped while it asks.
    following: FuturesUnordered<LocalBoxFuture<'static, Outcome>>,
    /// Those that have failed, until they are to ask again.
    failed: Vec<Follower<Cluster>>,
    /// Whose pods without an ordinal the log has told of.
    told: BTreeSet<ServiceRef>,
    log: Logger,
}

/// A selection, and whose pods it has.
#[derive(Default)]
struct Followed {
    services: BTreeSet<ServiceRef>,
    known: SharedKnown,
    /// Whether it has been asked, for the first time or after a fault, and has not answered yet.
    is_asked: bool,
}

type Outcome = (Follower<Cluster>, Result<(), ApiFault>);

impl Kubernetes {
    /// Follows these services: StatefulSets, or label selectors in place of a name. A stack is a namespace.
    pub fn new(settings: KubernetesSettings, services: BTreeSet<ServiceRef>, log: Logger) -> Self {
        let cluster = Rc::new(Cluster::new(settings));
        let mut selections: BTreeMap<Selection, Followed> = BTreeMap::new();
        for service in services {
            selections.entry(Selection::of(&service)).or_default().services.insert(service);
        }
        let followers = selections.iter().map(|(selection, followed)| {
            Follower::new(Rc::clone(&cluster), selection.clone(), Rc::clone(&followed.known))
        });
        let mut kubernetes = Self {
            failed: followers.collect(),
            cluster,
            selections,
            following: FuturesUnordered::new(),
            told: BTreeSet::new(),
            log,
        };
        kubernetes.ask_failed();
        kubernetes
    }

    /// Waits for news for so long, and asks the failed ones again then. Gives the faults of those that fail meanwhile.
    async fn wait(&mut self, wait: Duration) -> BTreeMap<Selection, ApiFault> {
        let mut faults = BTreeMap::new();
        let before = async {
            if wait.is_zero() { None } else { timeout(wait, outcome(&mut self.following)).await.ok() }
        };
        match before.await {
            Some(outcome) => _ = self.settle(outcome, &mut faults),
            None => {
                self.ask_failed();
                while self.selections.values().any(|followed| followed.is_asked) {
                    let outcome = outcome(&mut self.following).await;
                    // An answer at once is one about all.
                    if self.settle(outcome, &mut faults) && !wait.is_zero() {
                        break;
                    }
                }
            }
        }
        // What is there already is told together.
        for _ in 0..self.selections.len() {
            let Some(outcome) = outcome(&mut self.following).now_or_never() else { break };
            self.settle(outcome, &mut faults);
        }
        faults
    }

    fn ask_failed(&mut self) {
        for follower in mem::take(&mut self.failed) {
            if let Some(followed) = self.selections.get_mut(follower.selection()) {
                followed.is_asked = true;
            }
            self.follow(follower);
        }
    }

    fn follow(&mut self, mut follower: Follower<Cluster>) {
        let outcome = async move {
            let outcome = follower.next().await;
            (follower, outcome)
        };
        self.following.push(outcome.boxed_local());
    }

    /// Takes note of what has come of a follower; whether it has news.
    fn settle(&mut self, (follower, outcome): Outcome, faults: &mut BTreeMap<Selection, ApiFault>) -> bool {
        if let Some(followed) = self.selections.get_mut(follower.selection()) {
            followed.is_asked = false;
        }
        match outcome {
            Ok(()) => {
                self.follow(follower);
                true
            }
            Err(fault) => {
                faults.insert(follower.selection().clone(), fault);
                self.failed.push(follower);
                false
            }
        }
    }

    /// What is known, but of those that have failed.
    fn state(&mut self, mut faults: BTreeMap<Selection, ApiFault>) -> State {
        let mut state = State::default();
        for (selection, Followed { services, known, .. }) in &self.selections {
            if let Some(fault) = faults.remove(selection) {
                let failed = Answer::Failed(fault.about(selection.to_string()));
                state.services.extend(services.iter().map(|service| (service.clone(), failed.clone())));
                continue;
            }
            let mut known = known.borrow_mut();
            let Some(Known { pods, heard }) = known.as_mut() else { continue };
            if self.failed.iter().any(|follower| follower.selection() == selection) {
                continue;
            }
            for service in services {
                let listing = Listing { age: heard.elapsed(), ..listing(pods, service) };
                tell_of_ordinals(&self.log, &mut self.told, service, &listing);
                state.services.insert(service.clone(), Answer::Listed(listing));
            }
            pods.forget_gone();
        }
        state
    }
}

impl Source for Kubernetes {
    fn fault_kinds(&self) -> &'static [&'static str] {
        &ApiFault::KINDS
    }

    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        async move {
            let faults = self.wait(wait).await;
            match faults.values().find(|fault| !fault.is_of_selection()) {
                Some(fault) => Err(fault.about(self.cluster.settings().cluster())),
                None => Ok(self.state(faults)),
            }
        }
        .boxed_local()
    }
}

/// The next one that has come to something; for ever if there is none.
async fn outcome(following: &mut FuturesUnordered<LocalBoxFuture<'static, Outcome>>) -> Outcome {
    match following.next().await {
        Some(outcome) => outcome,
        None => pending().await,
    }
}

/// Says once of each service that its pods have no ordinal.
fn tell_of_ordinals(
    log: &Logger,
    told: &mut BTreeSet<ServiceRef>,
    service: &ServiceRef,
    Listing { containers, other_services, .. }: &Listing,
) {
    if let Some((example, count)) = without_ordinal(containers)
        && other_services.is_empty()
        && told.insert(service.clone())
    {
        warn!(log, "pods have no ordinal, nodes may give them different ports";
            "service" => %service, "pods" => count, "example" => &*example.name);
    }
}
