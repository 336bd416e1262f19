//! Asking an engine.

#[cfg(test)]
mod tests;

use std::{future::Future, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, BollardRequest, Docker, errors::Error, models::EventMessage,
    query_parameters::EventsOptions,
};
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream::LocalBoxStream,
};
use tokio::{sync::Notify, time::timeout};

use super::{
    EngineFault, Host,
    connection::{Bounds, Dial},
    tls,
};

/// Where an engine is, and how to get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// Where it listens.
    pub host: Host,
    /// The folder with `ca.pem`, and `cert.pem` and `key.pem` if the engine wants to see one; `None` without TLS.
    pub tls: Option<PathBuf>,
    /// What an answer may take.
    pub limits: EngineLimits,
}

/// How long an answer may take, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// From the first packet to the head of the answer.
    pub head: Duration,
    /// From one piece of the answer to the next.
    pub pause: Duration,
    /// From the first packet to the end of the answer.
    pub whole: Duration,
    /// The size of an answer. A container of Compose takes about 3 kB, so 32 MiB hold 11,000 of them.
    pub bytes: usize,
    /// The size of one event.
    pub event_bytes: usize,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            pause: Duration::from_secs(5),
            whole: Duration::from_secs(30),
            bytes: 32 << 20,
            event_bytes: 1 << 20,
        }
    }
}

/// An engine that has said which version of the API it speaks. Each request has a connection of its own.
pub struct Engine {
    dial: Dial,
    limits: EngineLimits,
}

impl Engine {
    /// Asks for the engine's version. That one is spoken from now on, or bollard's if the engine's is newer. To be done
    /// again after a fault, since it may be another engine that answers then; the files for TLS are read anew, too.
    ///
    /// # Errors
    /// Every fault.
    pub async fn connect(settings: &EngineSettings) -> Result<Self, EngineFault> {
        let tls = settings.tls.as_deref().map(tls::connector).transpose()?;
        let dial = Dial { host: settings.host.clone(), tls, version: None, head_limit: settings.limits.head };
        let mut engine = Self { dial, limits: settings.limits };
        let negotiated = engine.ask("/version", Docker::negotiate_version).await?;
        engine.dial.version = Some(negotiated.client_version());
        Ok(engine)
    }

    /// Where it listens.
    pub fn host(&self) -> &Host {
        &self.dial.host
    }

    /// What `call` asks for; `path` is for people.
    ///
    /// # Errors
    /// Every fault.
    pub async fn ask<T, F>(
        &self,
        path: &'static str,
        call: impl FnOnce(Docker) -> F,
    ) -> Result<T, EngineFault>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let EngineLimits { pause, whole, bytes, .. } = self.limits;
        let bounds = Bounds::new(Some(pause), bytes);
        let answer = async { call(self.docker(&bounds, Arc::default())?).await };
        match timeout(whole, answer).await {
            Ok(answer) => answer.map_err(|error| self.fault(path, &error, &bounds)),
            Err(_) => Err(EngineFault::TimedOut { host: self.host().clone(), path, limit: whole }),
        }
    }

    /// Opens the stream of the events that `options` selects. Whatever happens from now on comes by it, except for what
    /// the engine loses.
    ///
    /// # Errors
    /// Every fault.
    pub async fn events(&self, options: EventsOptions) -> Result<EventStream, EngineFault> {
        const PATH: &str = "/events";
        let (bounds, opened) = (Bounds::new(None, self.limits.event_bytes), Arc::new(Notify::new()));
        let docker = self.docker(&bounds, Arc::clone(&opened));
        let docker = docker.map_err(|error| self.fault(PATH, &error, &bounds))?;
        let mut events = docker.events(Some(options)).boxed_local();
        // A first event says no more than that there is something to look at, which there always is at first.
        if let Either::Right((Some(Err(error)), _)) = select(pin!(opened.notified()), events.next()).await {
            return Err(self.fault(PATH, &error, &bounds));
        }
        Ok(EventStream { host: self.host().clone(), events, bounds })
    }

    /// A client of bollard's for one request; `opened` is notified of the head of an answer that is no error.
    fn docker(&self, bounds: &Bounds, opened: Arc<Notify>) -> Result<Docker, Error> {
        let (dial, bounds) = (self.dial.clone(), bounds.clone());
        let transport = move |request: BollardRequest| {
            let (dial, bounds, opened) = (dial.clone(), bounds.clone(), Arc::clone(&opened));
            async move {
                let answer = dial.send(request, bounds).await?;
                if answer.status().is_success() {
                    opened.notify_one();
                }
                Ok(answer)
            }
        };
        // `Dial` has the limit; bollard's own counts whole seconds.
        let limit = self.limits.head.as_secs() + 2;
        Docker::connect_with_custom_transport(transport, Some("http://docker"), limit, API_DEFAULT_VERSION)
    }

    fn fault(&self, path: &'static str, error: &Error, bounds: &Bounds) -> EngineFault {
        EngineFault::new(self.host(), path, error, bounds.cut())
    }
}

/// What happens at an engine, as it happens. The engine keeps 256 events for a reader that is slow, and loses the rest.
pub struct EventStream {
    host: Host,
    events: LocalBoxStream<'static, Result<EventMessage, Error>>,
    bounds: Bounds,
}

impl EventStream {
    /// The next event; `None` when the stream has ended. Why it did does not matter: proxies end silent ones, and
    /// what is wrong shows when it is opened again. May be dropped at any time.
    ///
    /// # Errors
    /// [`EngineFault::Malformed`] and [`EngineFault::TooLarge`].
    pub async fn next(&mut self) -> Result<Option<EventMessage>, EngineFault> {
        let next = self.events.next().await;
        self.bounds.begin_anew();
        match next {
            Some(Ok(event)) => Ok(Some(event)),
            None => Ok(None),
            Some(Err(error)) => match EngineFault::new(&self.host, "/events", &error, self.bounds.cut()) {
                fault @ (EngineFault::Malformed { .. } | EngineFault::TooLarge { .. }) => Err(fault),
                _ => Ok(None),
            },
        }
    }
}
