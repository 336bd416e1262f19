//! The seam to the poller: looks at the file each second.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{FutureExt, LocalBoxFuture};
use rustix::fs::{Mode, OFlags, open};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::document::{Language, Services, parse};
use crate::{
    domain::ServiceRef,
    metadata::{Answer, Fault, Listing, OwnPorts, Source, State},
};

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Another content is believed once it has stayed as it is for so long: a program that writes into the file, rather than
/// renaming a new one over it, is in the middle of that for some milliseconds.
const SETTLED: Duration = Duration::from_millis(100);

/// How long it may take to settle.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// How long reading it may take: a network file system may hang.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// A container takes about 100 bytes.
const MAX_BYTES: u64 = 32 << 20;

/// The kinds of its faults.
const UNREADABLE: &str = "unreadable";
const TIMED_OUT: &str = "timed_out";
const TOO_LARGE: &str = "too_large";
const EMPTY: &str = "empty";
const SYNTAX: &str = "syntax";
const UNSETTLED: &str = "unsettled";

/// The containers as a file lists them.
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    language: Language,
    followed: BTreeSet<ServiceRef>,
    /// A file system that hangs keeps one thread, not one for each look.
    reading: Option<JoinHandle<io::Result<String>>>,
    /// What the file said last, and what that means.
    known: Option<(String, Services)>,
}

impl WatchedFile {
    /// Follows these services in the file at `path`, which is JSON if its name ends so and else YAML.
    pub fn new(path: PathBuf, followed: BTreeSet<ServiceRef>) -> Self {
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let language = if is_json { Language::Json } else { Language::Yaml };
        Self { path, language, followed, reading: None, known: None }
    }

    async fn look(&mut self, wait: Duration) -> Result<State, Fault> {
        let end = Instant::now() + wait;
        loop {
            let began = Instant::now();
            let text = self.read().await?;
            if self.known.as_ref().is_none_or(|(known, _)| *known != text) {
                let Some(text) = settled(text, async || self.read().await).await? else {
                    let limit = SETTLE_LIMIT.as_secs();
                    let reason = format!("it is written again and again, for {limit} s by now");
                    return Err(self.fault(UNSETTLED, reason));
                };
                let services = self.parse(&text)?;
                self.known = Some((text, services));
                return Ok(self.state());
            }
            if began >= end {
                return Ok(self.state());
            }
            sleep_until(end.min(began + INTERVAL)).await;
        }
    }

    async fn read(&mut self) -> Result<String, Fault> {
        let path = self.path.clone();
        let reading =
            self.reading.get_or_insert_with(|| tokio::task::spawn_blocking(move || contents(&path)));
        let Ok(read) = timeout(READ_LIMIT, &mut *reading).await else {
            let limit = READ_LIMIT.as_secs();
            return Err(self.fault(TIMED_OUT, format!("reading it takes more than {limit} s")));
        };
        self.reading = None;
        match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(self.fault(TOO_LARGE, format!("it exceeds {MAX_BYTES} bytes; is SOURCE the right file?")))
            }
            Err(error) => Err(self.fault(UNREADABLE, format!("cannot be read: {error}"))),
        }
    }

    fn parse(&self, text: &str) -> Result<Services, Fault> {
        if text.trim().is_empty() {
            let would_do = "it is empty; `services: {}` says that there are none";
            return Err(self.fault(EMPTY, would_do.to_owned()));
        }
        parse(text, self.language).map_err(|reason| self.fault(SYNTAX, reason))
    }

    fn fault(&self, kind: &'static str, reason: String) -> Fault {
        Fault { kind, subject: self.path.display().to_string(), reason }
    }

    fn state(&self) -> State {
        let none = BTreeMap::new();
        let services = self.known.as_ref().map_or(&none, |(_, services)| services);
        let answer = |service: &ServiceRef| Answer::Listed(listing(services, service));
        State {
            services: self.followed.iter().map(|service| (service.clone(), answer(service))).collect(),
            own: OwnPorts::default(),
        }
    }
}

fn listing(services: &Services, service: &ServiceRef) -> Listing {
    let name = service.to_string();
    let containers = services.get(&name).cloned();
    let why_empty = match &containers {
        None => Some(format!("the file does not list {name:?} among its services")),
        Some(none) if none.is_empty() => Some(format!("the file lists no container of {name:?}")),
        Some(_) => None,
    };
    Listing {
        containers: containers.unwrap_or_default(),
        absence_is_proof: true,
        why_empty: why_empty.map(Arc::from),
        ..Listing::default()
    }
}

/// The content, which was `text` just now, once it stays as it is; `None` if it does not in time.
async fn settled(
    mut text: String,
    mut read: impl AsyncFnMut() -> Result<String, Fault>,
) -> Result<Option<String>, Fault> {
    let give_up = Instant::now() + SETTLE_LIMIT;
    while Instant::now() < give_up {
        sleep(SETTLED).await;
        let again = read().await?;
        if again == text {
            return Ok(Some(text));
        }
        text = again;
    }
    Ok(None)
}

/// The whole file.
fn contents(path: &Path) -> io::Result<String> {
    // Opening a FIFO would wait for somebody to write into it.
    let file = File::from(open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    let length = file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    match length as u64 > MAX_BYTES {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(text),
    }
}

impl Source for WatchedFile {
    fn fault_kinds(&self) -> &'static [&'static str] {
        &[UNREADABLE, TIMED_OUT, TOO_LARGE, EMPTY, SYNTAX, UNSETTLED]
    }

    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        self.look(wait).boxed_local()
    }
}
