//! An API server that answers by a script.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::pending,
    rc::Rc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use tokio::time::{Instant, sleep};

use super::{
    super::{
        fault::{ApiFault, Refusal},
        pod::Pod,
        selection::Selection,
    },
    Api, Change, Event, Events, Listed,
};

pub(super) fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

pub(super) fn s(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// The answer to one request.
pub(super) enum Step {
    List(Result<Listed, Refusal>),
    /// Each line with the pause before it; after the last one nothing more comes.
    Watch(Result<Vec<(Duration, Line)>, Refusal>),
}

/// A line of a watch, or its end.
pub(super) type Line = Option<Result<Event, Refusal>>;

impl Step {
    pub(super) fn list(version: &str, pods: Vec<Pod>) -> Self {
        Self::List(Ok(Listed { pods, version: version.into() }))
    }

    pub(super) fn failed_list(fault: ApiFault) -> Self {
        Self::List(Err(fault.into()))
    }

    pub(super) fn watch(lines: impl IntoIterator<Item = (Duration, Line)>) -> Self {
        Self::Watch(Ok(lines.into_iter().collect()))
    }

    pub(super) fn failed_watch(fault: ApiFault) -> Self {
        Self::Watch(Err(fault.into()))
    }

    pub(super) fn expired_watch() -> Self {
        Self::Watch(Err(Refusal::Expired))
    }

    pub(super) fn put(version: &str, pod: Pod) -> Line {
        Some(Ok(Event { version: version.into(), change: Change::Put(pod) }))
    }

    pub(super) fn deleted(version: &str, pod: Pod) -> Line {
        Some(Ok(Event { version: version.into(), change: Change::Deleted(pod) }))
    }

    pub(super) fn bookmark(version: &str) -> Line {
        Some(Ok(Event { version: version.into(), change: Change::Nothing }))
    }

    pub(super) fn expired() -> Line {
        Some(Err(Refusal::Expired))
    }

    pub(super) fn failed(fault: ApiFault) -> Line {
        Some(Err(fault.into()))
    }

    pub(super) fn cut() -> Line {
        Self::failed(ApiFault::Unreachable("connection reset".into()))
    }

    pub(super) fn end() -> Line {
        None
    }
}

/// An API server that answers by a script, and has noted what it was asked for, and when.
pub(super) struct FakeApi {
    script: RefCell<VecDeque<Step>>,
    asked: RefCell<Vec<String>>,
    started: Cell<Instant>,
}

impl FakeApi {
    pub(super) fn of(script: impl IntoIterator<Item = Step>) -> Rc<Self> {
        let script = RefCell::new(script.into_iter().collect());
        Rc::new(Self { script, asked: RefCell::default(), started: Cell::new(Instant::now()) })
    }

    /// Each request, with the milliseconds that had passed.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    fn note(&self, what: &str) {
        let passed = self.started.get().elapsed().as_millis();
        self.asked.borrow_mut().push(format!("{passed} {what}"));
    }

    fn next(&self) -> Option<Step> {
        self.script.borrow_mut().pop_front()
    }
}

impl Api for FakeApi {
    fn list<'a>(&'a self, _: &'a Selection) -> LocalBoxFuture<'a, Result<Listed, Refusal>> {
        self.note("list");
        match self.next() {
            Some(Step::List(answer)) => async { answer }.boxed_local(),
            Some(Step::Watch(_)) => panic!("a watch was expected"),
            None => pending().boxed_local(),
        }
    }

    fn watch<'a>(
        &'a self,
        _: &'a Selection,
        version: &'a str,
    ) -> LocalBoxFuture<'a, Result<Events, Refusal>> {
        self.note(&format!("watch {version}"));
        match self.next() {
            Some(Step::Watch(answer)) => async { answer.map(events) }.boxed_local(),
            Some(Step::List(_)) => panic!("a list was expected"),
            None => pending().boxed_local(),
        }
    }

    fn reconnect(&self) {
        self.note("reconnect");
    }
}

fn events(lines: Vec<(Duration, Line)>) -> Events {
    let lines = stream::iter(lines).then(|(pause, line)| async move {
        // Even a pause of no time is one.
        if !pause.is_zero() {
            sleep(pause).await;
        }
        line
    });
    // An end is told as such; without one, nothing more comes.
    let lines = lines.chain(stream::once(pending()));
    lines.take_while(|line| std::future::ready(line.is_some())).filter_map(std::future::ready).boxed_local()
}
