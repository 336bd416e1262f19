//! A connection that notices when too much comes, or nothing.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use crate::sources::docker::fault::Cut;

/// How much is read at once, in bytes.
const PIECE: usize = 8192;

/// What an answer may take, shared with its reader.
#[derive(Clone, Debug)]
pub(in crate::sources::docker) struct Bounds {
    /// From one piece of the answer to the next; `None` for an answer without end.
    pause: Option<Duration>,
    bytes: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    read: usize,
    cut: Option<Cut>,
}

impl Bounds {
    /// At most `pause` from one piece to the next, and `bytes` altogether, or since [`Self::begin_anew`].
    pub(in crate::sources::docker) fn new(pause: Option<Duration>, bytes: usize) -> Self {
        Self { pause, bytes, state: Arc::default() }
    }

    /// What has been read so far has been used, and does not count any more.
    pub(in crate::sources::docker) fn begin_anew(&self) {
        self.with(|state| state.read = 0);
    }

    /// Why the connection was cut short, if it was.
    pub(in crate::sources::docker) fn cut(&self) -> Option<Cut> {
        self.with(|state| state.cut)
    }

    /// Nothing came for `limit`.
    pub(in crate::sources::docker) fn note_stall(&self, limit: Duration) {
        self.with(|state| state.cut = Some(Cut::Stalled(limit)));
    }

    fn note_read(&self, bytes: usize) -> io::Result<()> {
        self.with(|state| {
            state.read += bytes;
            if state.read > self.bytes {
                state.cut = Some(Cut::TooLarge(self.bytes));
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(())
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection within bounds.
pub(super) struct Bounded<S> {
    stream: S,
    bounds: Bounds,
    /// Ends when the next piece is due.
    due: Option<Pin<Box<Sleep>>>,
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S, bounds: Bounds) -> Self {
        let due = bounds.pause.map(|pause| Box::pin(sleep(pause)));
        Self { stream, bounds, due }
    }
}

impl<S: AsyncRead + Unpin> Read for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut piece = [0; PIECE];
        let room = into.remaining().min(PIECE);
        let mut read = ReadBuf::new(&mut piece[..room]);
        if let Poll::Ready(result) = Pin::new(&mut this.stream).poll_read(cx, &mut read) {
            result?;
            this.bounds.note_read(read.filled().len())?;
            if let (Some(due), Some(pause)) = (&mut this.due, this.bounds.pause) {
                due.as_mut().reset(Instant::now() + pause);
            }
            into.put_slice(read.filled());
            return Poll::Ready(Ok(()));
        }
        if let (Some(due), Some(pause)) = (&mut this.due, this.bounds.pause) {
            ready!(due.as_mut().poll(cx));
            this.bounds.note_stall(pause);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Write for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
