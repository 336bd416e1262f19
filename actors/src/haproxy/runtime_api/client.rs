//! Commands sent and replies received.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::Command;
use crate::{excerpt::excerpt, shortage::is_shortage};

/// HAProxy 3.2 and later reject a line of 16 kB and more.
const MAX_LINE: usize = 8 * 1024;
/// A healthy HAProxy answers within milliseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// What HAProxy 3.2 shows of 65535 ports begins with 24 MB and grows with its counters.
const MAX_ANSWER_BYTES: u64 = 128 << 20;

/// Why commands were not, or not all, carried out.
#[derive(Debug, Error)]
pub enum CliError {
    /// HAProxy cannot be talked to.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// HAProxy refused a command; the others were carried out all the same.
    #[error("{}: {command}: {reply:?}", .socket.display())]
    Rejected {
        /// The socket.
        socket: PathBuf,
        /// The command.
        command: Command,
        /// The beginning of HAProxy's words.
        reply: String,
    },
}

/// Why HAProxy cannot be talked to.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// Here descriptors or memory have run out. HAProxy may be in the best of health.
    #[error("{}: it cannot be asked: {source}", .socket.display())]
    Exhausted {
        /// The socket.
        socket: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Nobody listens on the socket.
    #[error("{}: nobody listens: {source}", .socket.display())]
    NotListening {
        /// The socket.
        socket: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The connection broke.
    #[error("{}: {source}", .socket.display())]
    Io {
        /// The socket.
        socket: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// No complete answer in time: HAProxy is stopped or overloaded, or others hold all connections that its
    /// socket accepts.
    #[error("{}: no complete answer within {} ms", .socket.display(), .limit.as_millis())]
    TimedOut {
        /// The socket.
        socket: PathBuf,
        /// How long was waited.
        limit: Duration,
    },
}

/// Something that carries out commands.
pub trait RuntimeApi: 'static {
    /// Carries out `commands` in order on the HAProxy behind `socket`; gives one reply for each.
    ///
    /// # Errors
    /// The first trouble. A command that HAProxy refuses keeps none of the others from being carried out; when it
    /// does not answer at all, those that follow are given up.
    fn run(
        &self,
        socket: PathBuf,
        commands: Vec<Command>,
    ) -> impl Future<Output = Result<Vec<String>, CliError>> + 'static;
}

/// The runtime API over its Unix socket, with a connection of its own for each batch of commands: one that
/// stays open would keep a draining HAProxy alive.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixSocketApi;

impl RuntimeApi for UnixSocketApi {
    fn run(
        &self,
        socket: PathBuf,
        commands: Vec<Command>,
    ) -> impl Future<Output = Result<Vec<String>, CliError>> + 'static {
        run(socket, commands)
    }
}

async fn run(socket: PathBuf, commands: Vec<Command>) -> Result<Vec<String>, CliError> {
    let mut all = Vec::with_capacity(commands.len());
    let mut refused = None;
    for batch in batches(&commands) {
        let answer =
            match tokio::time::timeout(ANSWER_LIMIT, ask(&socket, &batch.line, MAX_ANSWER_BYTES)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(source)) => return Err(no_answer(socket, source).into()),
                Err(_) => return Err(Unavailable::TimedOut { socket, limit: ANSWER_LIMIT }.into()),
            };
        let mut replies = replies(&answer);
        for command in batch.commands {
            match replies.next() {
                Some(reply) if command.succeeded(&reply) => all.push(reply),
                Some(reply) => {
                    refused.get_or_insert_with(|| (*command, excerpt(&reply)));
                }
                // It has ended, or closed the connection, amid the answer.
                None => return Err(no_answer(socket, io::ErrorKind::UnexpectedEof.into()).into()),
            }
        }
    }
    match refused {
        None => Ok(all),
        Some((command, reply)) => Err(CliError::Rejected { socket, command, reply }),
    }
}

async fn ask(socket: &Path, line: &str, largest_bytes: u64) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(line.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(largest_bytes + 1).read_to_end(&mut answer).await?;
    if answer.len() as u64 > largest_bytes {
        return Err(io::Error::other(format!("the answer exceeds {largest_bytes} bytes")));
    }
    // What is not ours, such as a proxy of the user's own template, may be in any encoding.
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn no_answer(socket: PathBuf, source: io::Error) -> Unavailable {
    if is_shortage(&source) {
        return Unavailable::Exhausted { socket, source };
    }
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Unavailable::NotListening { socket, source }
        }
        _ => Unavailable::Io { socket, source },
    }
}

struct Batch<'a> {
    line: String,
    commands: &'a [Command],
}

/// Packs commands into as few lines as their limit allows.
fn batches(commands: &[Command]) -> impl Iterator<Item = Batch<'_>> {
    let mut rest = commands;
    std::iter::from_fn(move || {
        let mut line = rest.first()?.to_string();
        let mut count = 1;
        for command in &rest[1..] {
            let text = command.to_string();
            if line.len() + text.len() + "; \n".len() > MAX_LINE {
                break;
            }
            line.push_str("; ");
            line.push_str(&text);
            count += 1;
        }
        line.push('\n');
        let (commands, later) = rest.split_at(count);
        rest = later;
        Some(Batch { line, commands })
    })
}

/// Splits an answer: each reply ends with an empty line, and may be nothing but that.
fn replies(answer: &str) -> impl Iterator<Item = String> + '_ {
    let mut lines = answer.lines();
    std::iter::from_fn(move || {
        let mut reply: Vec<&str> = Vec::new();
        loop {
            match lines.next() {
                Some("") => return Some(reply.join("\n")),
                Some(line) => reply.push(line),
                None => return (!reply.is_empty()).then(|| reply.join("\n")),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::net::UnixListener;

    use super::*;
    use crate::testing::mangled::mangled;

    #[test]
    fn replies_are_matched_to_commands_by_the_empty_line_that_ends_each() {
        let answer = "\nNo such frontend.\n\nName: HAProxy\nPid: 3111\n\n\n";
        let replies: Vec<_> = replies(answer).collect();
        assert_eq!(replies, ["", "No such frontend.", "Name: HAProxy\nPid: 3111", ""]);
    }

    proptest! {
        #[test]
        fn batches_keep_the_order_and_the_line_limit(count in 0..2000_u16) {
            let commands: Vec<_> = (0..count).map(Command::DisableFrontend).collect();
            let mut unpacked = Vec::new();
            for batch in batches(&commands) {
                prop_assert!(batch.line.len() <= MAX_LINE && batch.line.ends_with('\n'));
                prop_assert_eq!(batch.line.trim_end().split("; ").count(), batch.commands.len());
                unpacked.extend_from_slice(batch.commands);
            }
            prop_assert_eq!(unpacked, commands);
        }

        #[test]
        fn any_answer_is_split_into_no_more_than_it_is(answer in mangled("\nNo such frontend.\n\nPid: 1\n\n\n".repeat(5))) {
            let answer = String::from_utf8_lossy(&answer);
            let replies: Vec<_> = replies(&answer).collect();
            prop_assert!(replies.len() <= answer.lines().count());
            prop_assert!(replies.iter().map(String::len).sum::<usize>() <= answer.len());
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("cli");
        let listener = UnixListener::bind(&socket).unwrap();
        let talker = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut sent = 0;
            while connection.write_all(&[b'x'; 4096]).await.is_ok() {
                sent += 4096;
            }
            sent
        });
        let error = ask(&socket, "show info\n", 1 << 20).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer exceeds 1048576 bytes");
        // What is beyond the limit has stayed in the socket's buffer.
        let sent = talker.await.unwrap();
        assert!((1 << 20..32 << 20).contains(&sent), "{sent} bytes");
    }
}
