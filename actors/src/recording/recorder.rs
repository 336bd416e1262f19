//! Has what the allocator decides from written, off its thread. A disk that is full or slow loses recordings, and never
//! holds back a change.

use std::{
    cell::Cell,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use slog::{Logger, error, info};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{
    RecordDir,
    encoder::Entry,
    format::Begin,
    segments::{Record, Segments},
};
use crate::{
    allocation::{AllocatorSettings, Decider, Decision, Input},
    atomic_file::off_thread,
    outage::Outage,
    state::SavedState,
};

/// How soon inputs are written. Clients wait for what they change, so that comes first.
const DELAY: Duration = Duration::from_millis(5);
/// How many inputs may wait for the disk.
const MAX_WAITING: usize = 256;
/// How soon a new segment is tried after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// Takes the inputs.
#[derive(Debug)]
pub(crate) struct Recorder {
    records: mpsc::Sender<Record>,
    /// Whether the writer wants a new segment.
    wants_segment: Arc<AtomicBool>,
    /// Whether an input was lost since the segment began, so that what follows would not be true without a new one.
    has_lost: Cell<bool>,
}

impl Recorder {
    /// A recorder of an allocator that starts with these, and the work that writes to `dir`. When the recorder is
    /// dropped, the work writes what waits, and ends.
    pub(crate) fn new(
        dir: RecordDir,
        settings: AllocatorSettings,
        state: SavedState,
        log: Logger,
    ) -> (Self, impl Future<Output = ()> + 'static) {
        let (records, receiver) = mpsc::channel(MAX_WAITING);
        let wants_segment = Arc::new(AtomicBool::new(false));
        let begin = Record::Begin { at: Duration::ZERO, begin: Begin::Start { settings, state } };
        let recorder =
            Self { records, wants_segment: Arc::clone(&wants_segment), has_lost: Cell::new(false) };
        recorder.send(begin);
        (recorder, work(Segments::new(dir), receiver, wants_segment, log))
    }

    /// Records an input of this moment, and what came of it: `decider` has taken it.
    pub(crate) fn record(&self, at: Duration, input: Input, decision: &Decision, decider: &Decider) {
        if !self.has_lost.get() {
            self.send(Record::Input(Entry::new(at, input, decision)));
        }
        if !self.has_lost.get() && !self.wants_segment.load(Relaxed) {
            return;
        }
        // To copy the decider takes a while, so that is done only if there is room for it.
        if let Ok(room) = self.records.try_reserve() {
            room.send(Record::Begin { at, begin: Begin::Further(Box::new(decider.clone())) });
            self.wants_segment.store(false, Relaxed);
            self.has_lost.set(false);
        }
    }

    fn send(&self, record: Record) {
        if self.records.try_send(record).is_err() {
            self.has_lost.set(true);
        }
    }
}

async fn work(
    mut segments: Segments,
    mut receiver: mpsc::Receiver<Record>,
    wants_segment: Arc<AtomicBool>,
    log: Logger,
) {
    let mut outage = Outage::default();
    let mut failed_at: Option<Instant> = None;
    let mut records = Vec::new();
    while receiver.recv_many(&mut records, MAX_WAITING).await > 0 {
        sleep(DELAY).await;
        while let Ok(record) = receiver.try_recv() {
            records.push(record);
        }
        let batch = std::mem::take(&mut records);
        let written = off_thread(move || {
            let written = segments.write(batch);
            Ok((segments, written))
        });
        let written = match written.await {
            Ok((back, written)) => {
                segments = back;
                written
            }
            Err(error) => {
                error!(log, "decisions cannot be recorded"; "error" => %error);
                return;
            }
        };
        let now = Instant::now();
        if written.is_err() {
            failed_at = Some(now);
        }
        log_outage(&mut outage, &written, &segments, now, &log);
        let may_retry = failed_at.is_none_or(|at| now >= at + RETRY);
        if segments.is_full() || segments.has_none() && may_retry {
            wants_segment.store(true, Relaxed);
        }
    }
}

fn log_outage(
    outage: &mut Outage,
    written: &std::io::Result<()>,
    segments: &Segments,
    now: Instant,
    log: &Logger,
) {
    match written {
        Err(error) => {
            if outage.failed("io", now) {
                error!(log, "decisions cannot be recorded"; "kind" => "io", "error" => %error);
            }
        }
        Ok(()) if segments.has_none() => {}
        Ok(()) => {
            if let Some(ended) = outage.succeeded(now) {
                info!(log, "decisions are recorded again"; "lasted_ms" => ended.lasted.as_millis() as u64);
            }
        }
    }
}
