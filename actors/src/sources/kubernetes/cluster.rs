//! Asking the API server, by kube.

use std::{cell::RefCell, path::PathBuf, time::Duration};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture};
use kube::{
    Client, Config, Error,
    api::{ListParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{runtime::Handle, task::spawn_blocking, time::timeout};

use super::{
    IpFamily, KubernetesSettings,
    answer::ApiPod,
    fault::{ApiFault, Refusal},
    follower::{Api, Change, Event, Events, Listed},
    pod::Pod,
    selection::Selection,
};

/// From a request to its answer: a page of a list, or the head of a watch.
const LIMIT: Duration = Duration::from_secs(10);
/// The pods of a page. One takes about 10 kB, so a page takes a few megabytes while it is read.
const PAGE: u32 = 250;
/// The seconds after which the API server ends a watch.
const WATCH_S: u32 = 290;

/// An API server.
pub(super) struct Cluster {
    settings: KubernetesSettings,
    /// Made when it is needed, and anew after a fault.
    client: RefCell<Option<Client>>,
}

impl Cluster {
    /// Asks for nothing by itself.
    pub(super) fn new(settings: KubernetesSettings) -> Self {
        Self { settings, client: RefCell::new(None) }
    }

    /// Which one, and how it is asked.
    pub(super) fn settings(&self) -> &KubernetesSettings {
        &self.settings
    }

    /// Gives what `ask` gives within [`LIMIT`].
    async fn ask<T>(
        &self,
        request: &'static str,
        selection: &Selection,
        ask: impl AsyncFnOnce(kube::Api<ApiPod>) -> Result<T, Error>,
    ) -> Result<T, Refusal> {
        let answer = async {
            let client = self.client().await?;
            let namespace = selection.namespace.as_deref().unwrap_or(client.default_namespace());
            Ok(ask(kube::Api::namespaced(client.clone(), namespace)).await?)
        };
        let answer = timeout(LIMIT, answer).await;
        let answer = answer.unwrap_or(Err(Refusal::Fault(ApiFault::TimedOut { request, limit: LIMIT })));
        if let Err(Refusal::Fault(fault)) = &answer
            && fault.may_be_of_client()
        {
            self.reconnect();
        }
        answer
    }

    async fn client(&self) -> Result<Client, ApiFault> {
        if let Some(client) = self.client.borrow().as_ref() {
            return Ok(client.clone());
        }
        let kubeconfig = self.settings.kubeconfig.clone();
        // A kubeconfig may name a program that gives the token.
        let made = spawn_blocking(move || Handle::current().block_on(client(kubeconfig))).await;
        let made = made.map_err(|error| ApiFault::Credentials(error.to_string()))??;
        self.client.replace(Some(made.clone()));
        Ok(made)
    }
}

impl Api for Cluster {
    fn list<'a>(&'a self, selection: &'a Selection) -> LocalBoxFuture<'a, Result<Listed, Refusal>> {
        async move {
            let mut params = ListParams::default().labels(&selection.label_selector).limit(PAGE);
            let mut pods = Vec::new();
            loop {
                let page = self.ask("list", selection, async |api| api.list(&params).await).await?;
                pods.extend(page.items.into_iter().map(|pod| Pod::read(pod, self.settings.family)));
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => params = params.continue_token(&token),
                    None => {
                        let version = page.metadata.resource_version.unwrap_or_default();
                        return Ok(Listed { pods, version });
                    }
                }
            }
        }
        .boxed_local()
    }

    fn watch<'a>(
        &'a self,
        selection: &'a Selection,
        version: &'a str,
    ) -> LocalBoxFuture<'a, Result<Events, Refusal>> {
        async move {
            let params = WatchParams::default().labels(&selection.label_selector).timeout(WATCH_S);
            let events = self.ask("watch", selection, async |api| api.watch(&params, version).await).await?;
            let family = self.settings.family;
            Ok(events.map(move |event| read(event?, family)).boxed_local())
        }
        .boxed_local()
    }

    fn reconnect(&self) {
        self.client.replace(None);
    }
}

fn read(event: WatchEvent<ApiPod>, family: Option<IpFamily>) -> Result<Event, Refusal> {
    let version = |pod: &ApiPod| pod.metadata.resource_version.clone().unwrap_or_default();
    Ok(match event {
        WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
            Event { version: version(&pod), change: Change::Put(Pod::read(pod, family)) }
        }
        WatchEvent::Deleted(pod) => {
            Event { version: version(&pod), change: Change::Deleted(Pod::read(pod, family)) }
        }
        WatchEvent::Bookmark(bookmark) => {
            Event { version: bookmark.metadata.resource_version, change: Change::Nothing }
        }
        WatchEvent::Error(status) => return Err((*status).into()),
    })
}

/// A client that reads a token's file again each minute, and that of the CA.
async fn client(kubeconfig: Option<PathBuf>) -> Result<Client, ApiFault> {
    let mut config = match kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(Error::from)?;
            let options = KubeConfigOptions::default();
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(Error::from)?
        }
        None => Config::incluster().map_err(|error| ApiFault::Credentials(error.to_string()))?,
    };
    config.connect_timeout = Some(LIMIT / 2);
    // Pauses are the poller's business.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}
