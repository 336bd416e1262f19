//! `stalls status`: what the instance whose `RUN_DIR` it is does with each port.

mod changes;
mod document;
mod table;

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use terminal_size::terminal_size;
use tokio::time::sleep;

use self::document::Document;
use crate::{exit::Exit, printable::Printable, socket_client::request};

/// Of an answer that need not be waited for.
const LIMIT: Duration = Duration::from_secs(5);
/// A long poll is answered after 25 s at the latest.
const LONG_POLL_LIMIT: Duration = Duration::from_secs(40);
/// The pause before an instance that does not answer is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// Of a terminal that does not tell its own, in lines.
const DEFAULT_HEIGHT: usize = 24;
/// Moves to the upper left corner and clears the screen (ECMA-48, CUP and ED).
const CLEAR: &str = "\x1b[H\x1b[2J";

/// How it is shown.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Go on: draw it again after each change, or where stdout is no terminal, print a line for each change.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print the document of GET /v1/mapping; with --watch, one a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints the state of the instance, until it is interrupted if it watches.
pub(crate) fn run(run_dir: &Path, options: Options) -> Exit {
    match actix_rt::System::new().block_on(show(run_dir, options)) {
        Ok(()) => Exit::Ok,
        Err(error) if is_closed(&error) => Exit::Ok,
        Err(error) => {
            report(&error);
            Exit::No
        }
    }
}

async fn show(run_dir: &Path, options: Options) -> anyhow::Result<()> {
    let shown = fetch(run_dir, None).await?;
    print(None, &shown, options)?;
    if options.watch {
        watch(run_dir, shown, options).await?;
    }
    Ok(())
}

/// Prints each change. An instance that is away for a while is asked again and again.
async fn watch(run_dir: &Path, mut shown: (String, Document), options: Options) -> io::Result<()> {
    let mut is_away = false;
    loop {
        match fetch(run_dir, Some(&shown.1.id)).await {
            Ok(next) => {
                is_away = false;
                if next.1.id != shown.1.id {
                    print(Some(&shown.1), &next, options)?;
                    shown = next;
                }
            }
            Err(error) => {
                if !is_away {
                    report(&error);
                }
                is_away = true;
                sleep(RETRY).await;
            }
        }
    }
}

/// The text of the document, and what is in it; with an id, once it is another one.
async fn fetch(run_dir: &Path, known: Option<&str>) -> anyhow::Result<(String, Document)> {
    let (path, limit) = match known {
        // An id has no characters that would have to be escaped.
        Some(id) => (format!("GET /v1/mapping?wait={id}"), LONG_POLL_LIMIT),
        None => ("GET /v1/mapping".to_owned(), LIMIT),
    };
    let response = request(run_dir, &path, limit).await?;
    if response.status != 200 {
        bail!("the instance answers with status {}: {}", response.status, response.body);
    }
    let document =
        serde_json::from_str(&response.body).context("the answer is of another version of stalls")?;
    Ok((response.body, document))
}

fn print(was: Option<&Document>, (json, is): &(String, Document), options: Options) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match was {
        _ if options.json => writeln!(stdout, "{}", json.trim_end())?,
        _ if options.watch && io::stdout().is_terminal() => {
            let height = terminal_size().map_or(DEFAULT_HEIGHT, |(_, height)| usize::from(height.0));
            write!(stdout, "{CLEAR}{}", table::fitting(&table::text(is), height))?;
        }
        None => write!(stdout, "{}", table::text(is))?,
        Some(was) => {
            for line in changes::lines(was, is) {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    stdout.flush()
}

/// Whether nobody reads on, such as `head`.
fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn report(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "stalls status: {}", Printable(&format!("{error:#}")));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Document;

    /// A document with these ports: number, state, and the name of a container.
    pub(super) fn document(ports: &[(u16, &str, Option<&str>)]) -> Document {
        let ports: Vec<_> = ports
            .iter()
            .map(|(port, state, name)| {
                json!({
                    "port": port, "service": "app/web", "state": state, "since": "2026-11-27T13:00:00.000Z",
                    "container": name.map(|name| json!({"name": name, "uuid": "u", "address": "10.42.0.7:8080", "index": 1})),
                    "kind": null, "reason": null, "sessions": name.map(|_| 3), "bytes_in": null, "bytes_out": null
                })
            })
            .collect();
        serde_json::from_value(json!({
            "id": "5f3a9c01-42", "revision": 17, "hash": "", "version": "0.1.0", "started": "2026-11-27T12:00:00.000Z",
            "at": "2026-11-27T13:01:02.345Z",
            "services": [{"service": "app/web", "base_port": 5000, "ports": 8, "backend_port": 8080,
                          "state": "ok", "since": "2026-11-27T12:00:00.000Z", "kind": null, "reason": null}],
            "source": {"kind": "rancher", "state": "ok", "since": "2026-11-27T12:00:00.000Z", "fault": null,
                       "reason": null},
            "haproxy": {"state": "running", "since": "2026-11-27T12:00:00.000Z", "pid": 7, "version": "2.6.12",
                        "started": "2026-11-27T12:00:00.000Z", "revision": 17, "kind": null, "reason": null,
                        "draining_processes": 0},
            "ports": ports, "unmapped": [], "findings": []
        }))
        .unwrap()
    }
}
