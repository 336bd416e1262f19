//! A watch: lines that come as things happen.

use std::{future, io, time::Duration};

use serde_json::Value;
use tokio::time;

use super::{
    event::error,
    fault::Disturbance,
    request::Watch,
    serve::{json, line},
    state::{Entry, State},
    status::Status,
};
use crate::http::Connection;

/// How an answer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The connection is good for a next request.
    Whole,
    /// The connection is of no more use.
    Broken,
}

/// A watch that runs.
struct Stream<'a> {
    state: &'a State,
    connection: &'a mut Connection,
    watch: &'a Watch,
    entry: Entry<'a>,
    /// The version up to which everything is told.
    told: u64,
    is_mute: bool,
}

/// Tells what has happened since then, and what happens, until `timeoutSeconds` or a disturbance ends it.
pub(super) async fn stream(
    state: &State,
    connection: &mut Connection,
    watch: &Watch,
    (told, first): (u64, Vec<Value>),
) -> io::Result<Ended> {
    let entry = state.enter(&watch.namespace, told);
    let mut stream = Stream { state, connection, watch, entry, told, is_mute: false };
    stream.connection.begin_chunks(&json(200, "")).await?;
    stream.tell(&first).await?;
    stream.run().await
}

impl Stream<'_> {
    async fn run(mut self) -> io::Result<Ended> {
        let mut changes = self.state.changes();
        let seconds = self.watch.seconds.map(Duration::from_secs);
        let end = async {
            match seconds {
                Some(seconds) => time::sleep(seconds).await,
                None => future::pending().await,
            }
        };
        tokio::pin!(end);
        loop {
            changes.mark_unchanged();
            let is_behind = !self.is_mute && self.told < self.state.version();
            let disturbance = tokio::select! {
                biased;
                disturbance = self.entry.disturbed() => disturbance,
                () = future::ready(()), if is_behind => {
                    self.catch_up().await?;
                    continue;
                }
                _ = changes.changed() => continue,
                () = &mut end => {
                    self.disturb(Disturbance::Bookmark).await?;
                    Disturbance::End
                }
                () = self.connection.closed() => return Ok(Ended::Broken),
            };
            if let Some(ended) = self.disturb(disturbance).await? {
                return Ok(ended);
            }
        }
    }

    /// Does what the disturbance says, and says how the watch has ended if it has.
    async fn disturb(&mut self, disturbance: Disturbance) -> io::Result<Option<Ended>> {
        match disturbance {
            Disturbance::End => {}
            Disturbance::Cut => {
                let (_, lines) = self.state.since(self.told, self.watch);
                let whole = line(lines.first().unwrap_or(&self.state.bookmark(self.told)));
                self.connection.send_chunk(&whole[..whole.len() / 2]).await?;
                return Ok(Some(Ended::Broken));
            }
            Disturbance::Reset => {
                self.connection.end_by_reset()?;
                return Ok(Some(Ended::Broken));
            }
            Disturbance::Expire => {
                let status = Status::expired(self.told, self.state.version());
                self.tell(&[error(&status.document)]).await?;
            }
            Disturbance::Fail => self.tell(&[error(&Status::internal_error().document)]).await?,
            Disturbance::Line(text) => {
                self.connection.send_chunk(format!("{text}\n").as_bytes()).await?;
                return Ok(None);
            }
            Disturbance::Bookmark => {
                if self.watch.has_bookmarks && !self.is_mute {
                    self.catch_up().await?;
                    self.tell(&[self.state.bookmark(self.told)]).await?;
                }
                return Ok(None);
            }
            Disturbance::Mute => {
                self.is_mute = true;
                return Ok(None);
            }
        }
        self.connection.end_chunks().await?;
        Ok(Some(Ended::Whole))
    }

    async fn catch_up(&mut self) -> io::Result<()> {
        let (now, events) = self.state.since(self.told, self.watch);
        self.tell(&events).await?;
        self.told = now;
        self.entry.told(now);
        Ok(())
    }

    async fn tell(&mut self, events: &[Value]) -> io::Result<()> {
        for event in events {
            self.connection.send_chunk(&line(event)).await?;
        }
        Ok(())
    }
}
