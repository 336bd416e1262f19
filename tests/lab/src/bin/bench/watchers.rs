//! People and programs that look at stalls while it is measured: ten streams of events, and a scrape each second.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task::JoinSet,
    time::{interval, sleep},
};

const STREAMS: usize = 10;
const SCRAPE_EVERY: Duration = Duration::from_secs(1);
/// How soon it is tried again whether stalls listens.
const RETRY: Duration = Duration::from_millis(20);

/// They look for as long as this lives.
#[derive(Debug)]
pub(crate) struct Watchers(#[expect(dead_code, reason = "they end when it is dropped")] JoinSet<()>);

impl Watchers {
    /// Looks at the stalls with this `RUN_DIR`, as soon as it listens.
    pub(crate) fn of(run_dir: &Path) -> Self {
        let mut all = JoinSet::new();
        let socket = run_dir.join("admin.sock");
        for _ in 0..STREAMS {
            all.spawn(again_and_again(socket.clone(), "/v1/events"));
        }
        all.spawn(async move {
            let mut due = interval(SCRAPE_EVERY);
            loop {
                due.tick().await;
                let _ = read(&socket, "/metrics").await;
            }
        });
        Self(all)
    }
}

async fn again_and_again(socket: PathBuf, path: &str) {
    loop {
        let _ = read(&socket, path).await;
        sleep(RETRY).await;
    }
}

/// Reads an answer to its end.
async fn read(socket: &Path, path: &str) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: stalls\r\n\r\n").as_bytes()).await?;
    let mut buffer = vec![0; 1 << 16];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
