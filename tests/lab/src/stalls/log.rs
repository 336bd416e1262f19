//! The lines that a child process writes.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::fd::OwnedFd,
    sync::Arc,
    thread,
};

use tokio::sync::watch;

/// All lines of one stream so far, each turned into a `T`.
///
/// A thread reads them, not a task: whatever the test does meanwhile, the child never waits for room
/// in the pipe.
#[derive(Debug)]
pub(super) struct Lines<T>(Arc<watch::Sender<Seen<T>>>);

#[derive(Debug)]
struct Seen<T> {
    lines: Vec<T>,
    ended: bool,
}

impl<T: Clone + Send + Sync + 'static> Lines<T> {
    /// Reads the stream to its end, in the background.
    pub(super) fn read(stream: OwnedFd, parse: impl Fn(&str) -> T + Send + 'static) -> Self {
        let sender = Arc::new(watch::Sender::new(Seen { lines: Vec::new(), ended: false }));
        let lines = Self(Arc::clone(&sender));
        thread::spawn(move || {
            for line in BufReader::new(File::from(stream)).split(b'\n').map_while(Result::ok) {
                let line = parse(&String::from_utf8_lossy(&line));
                sender.send_modify(|seen| seen.lines.push(line));
            }
            sender.send_modify(|seen| seen.ended = true);
        });
        lines
    }

    pub(super) fn all(&self) -> Vec<T> {
        self.0.borrow().lines.clone()
    }

    pub(super) fn count(&self) -> usize {
        self.0.borrow().lines.len()
    }

    /// Reads on from line number `from` until something is found; `None` when the stream ends
    /// without it.
    pub(super) async fn find<R>(&self, from: usize, mut find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        let mut seen = self.0.subscribe();
        let mut next = from;
        let mut found = None;
        seen.wait_for(|seen| {
            let fresh = seen.lines.get(next..).unwrap_or_default();
            found = fresh.iter().find_map(&mut find);
            next = seen.lines.len().max(from);
            found.is_some() || seen.ended
        })
        .await
        .expect("the sender lives as long as the lines");
        found
    }

    /// Waits until the stream has ended.
    pub(super) async fn ended(&self) {
        self.0.subscribe().wait_for(|seen| seen.ended).await.expect("the sender lives as long as the lines");
    }
}
