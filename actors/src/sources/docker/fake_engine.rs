//! An engine that answers as a test wants, over a Unix socket of its own.

use std::{cell::RefCell, path::PathBuf, rc::Rc};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Notify, mpsc},
};

use super::{EngineLimits, EngineSettings, Host};

/// What the engine answers to a request.
pub(crate) enum Reply {
    /// A document.
    Json(String),
    /// An error, and its body.
    Status(u16, &'static str),
    /// These bytes, and nothing more for as long as the client waits.
    Stalls(String),
    /// These bytes, and the end of the connection.
    BreaksOff(String),
    /// The head of an endless answer, and each piece as it comes; the answer ends with the sender.
    Stream(mpsc::UnboundedReceiver<String>),
}

/// An engine on a socket; it ends with the test.
pub(crate) struct FakeEngine {
    folder: TempDir,
    asked: Rc<RefCell<Vec<String>>>,
    was_asked: Rc<Notify>,
    left: Rc<Notify>,
}

impl FakeEngine {
    /// One that speaks `version` of the API, and answers all else by `reply`: to the path without the version, and
    /// without the query.
    pub(crate) fn start(version: &'static str, mut reply: impl FnMut(&str) -> Reply + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Self { folder, asked: Rc::default(), was_asked: Rc::default(), left: Rc::default() };
        let listener = UnixListener::bind(engine.socket()).unwrap();
        let (asked, was_asked, left) =
            (Rc::clone(&engine.asked), Rc::clone(&engine.was_asked), Rc::clone(&engine.left));
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let request = head(&mut stream).await;
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let bare = path.split('?').next().unwrap_or_default();
                let bare = bare.strip_prefix(&format!("/v{version}")).unwrap_or(bare);
                let reply = match bare {
                    "/version" => Reply::Json(format!(r#"{{"ApiVersion":"{version}"}}"#)),
                    bare => reply(bare),
                };
                asked.borrow_mut().push(path);
                was_asked.notify_waiters();
                let left = Rc::clone(&left);
                actix_rt::spawn(async move {
                    answer(stream.into_inner(), reply).await;
                    left.notify_one();
                });
            }
        });
        engine
    }

    /// How to get there, within limits that a test need not wait for.
    pub(crate) fn settings(&self) -> EngineSettings {
        EngineSettings { host: Host::Unix(self.socket()), tls: None, limits: EngineLimits::default() }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// The paths that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Waits until `count` requests have come altogether.
    pub(crate) async fn until_asked(&self, count: usize) {
        loop {
            let asked = self.was_asked.notified();
            if self.asked.borrow().len() >= count {
                return;
            }
            asked.await;
        }
    }

    /// Waits until a client has left.
    pub(crate) async fn until_left(&self) {
        self.left.notified().await;
    }
}

/// The head of a request.
async fn head(stream: &mut BufReader<UnixStream>) -> String {
    let mut head = String::new();
    while stream.read_line(&mut head).await.unwrap() > 2 {}
    head
}

async fn answer(mut stream: UnixStream, reply: Reply) {
    let with_body = |status: u16, body: &str| {
        format!("HTTP/1.1 {status} OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    match reply {
        Reply::Json(body) => send(&mut stream, &with_body(200, &body)).await,
        Reply::Status(status, body) => send(&mut stream, &with_body(status, body)).await,
        Reply::BreaksOff(bytes) => send(&mut stream, &bytes).await,
        Reply::Stalls(bytes) => {
            send(&mut stream, &bytes).await;
            drop(stream.read_u8().await);
        }
        Reply::Stream(mut pieces) => {
            send(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            loop {
                tokio::select! {
                    piece = pieces.recv() => match piece {
                        Some(piece) => send(&mut stream, &format!("{:x}\r\n{piece}\r\n", piece.len())).await,
                        None => return send(&mut stream, "0\r\n\r\n").await,
                    },
                    _ = stream.read_u8() => return,
                }
            }
        }
    }
}

/// Sends as much as the client takes: it may leave at any time.
async fn send(stream: &mut UnixStream, bytes: &str) {
    drop(stream.write_all(bytes.as_bytes()).await);
}
