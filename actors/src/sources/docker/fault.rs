//! What can go wrong between the engine and us.

use std::{io, time::Duration};

use bollard::errors::Error;
use thiserror::Error as ThisError;

use super::{Host, tls};
use crate::excerpt::{excerpt, with_causes};

/// Why the engine gave no answer that is of use; the text leaves out the [`subject`](EngineFault::subject). Every one is
/// a fault of the moment: nothing is unmapped for it.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum EngineFault {
    /// No connection, or it broke.
    #[error("cannot be reached: {reason}{hint}")]
    Unreachable {
        /// Where the engine listens.
        host: Host,
        /// The client's words.
        reason: String,
        /// What would do, for the errors that have one cause nearly always.
        hint: &'static str,
    },
    /// The socket may not be opened.
    #[error(
        "permission denied; give stalls the group of the socket, in a container with --group-add or \
         group_add and the number that `stat -c %g` says of it"
    )]
    Permission {
        /// Where the engine listens.
        host: Host,
    },
    /// A proxy before the engine does not let the request through.
    #[error("{path} is forbidden; a socket proxy has to allow it, for containers with CONTAINERS=1")]
    Forbidden {
        /// Where the engine listens.
        host: Host,
        /// The requested path.
        path: &'static str,
    },
    /// The answer did not come in time.
    #[error("no complete answer to {path} within {} ms", .limit.as_millis())]
    TimedOut {
        /// Where the engine listens.
        host: Host,
        /// The requested path.
        path: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// Any other status than success.
    #[error("{path} answered with status {status}: {message}")]
    Status {
        /// Where the engine listens.
        host: Host,
        /// The requested path.
        path: &'static str,
        /// The HTTP status code.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// The answer is larger than anything sensible.
    #[error("the answer to {path} exceeds {limit_bytes} bytes; is it a container engine?")]
    TooLarge {
        /// Where the engine listens.
        host: Host,
        /// The requested path.
        path: &'static str,
        /// The limit, in bytes.
        limit_bytes: usize,
    },
    /// The answer is not the document that was asked for.
    #[error("the answer to {path} is not a container engine's: {reason}")]
    Malformed {
        /// Where the engine listens.
        host: Host,
        /// The requested path.
        path: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// The files for TLS cannot be used.
    #[error(
        "{file}: {reason}; DOCKER_CERT_PATH has to have ca.pem, and both or none of cert.pem and key.pem"
    )]
    Certificate {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

/// What would do, for the errors that have one cause nearly always.
fn hint(host: &Host, error: &io::Error) -> &'static str {
    match (host, error.kind()) {
        (Host::Unix(_), io::ErrorKind::ConnectionRefused) => {
            "; the engine is not running, or has made its socket anew since that was mounted: mount its folder, not \
             the file"
        }
        (Host::Unix(_), io::ErrorKind::NotFound) => "; mount the engine's socket, or set DOCKER_HOST",
        (Host::Tcp { .. }, io::ErrorKind::ConnectionRefused) => "; check DOCKER_HOST",
        _ => tls::hint(error),
    }
}

/// How a request has ended that its own connection has cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing more came for so long.
    Stalled(Duration),
    /// More came than this, in bytes.
    TooLarge(usize),
}

impl EngineFault {
    /// All kinds.
    pub const KINDS: [&str; 8] = [
        "unreachable",
        "permission",
        "forbidden",
        "timed_out",
        "status",
        "too_large",
        "malformed",
        "certificate",
    ];

    /// The bounded label for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Permission { .. } => "permission",
            Self::Forbidden { .. } => "forbidden",
            Self::TimedOut { .. } => "timed_out",
            Self::Status { .. } => "status",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed { .. } => "malformed",
            Self::Certificate { .. } => "certificate",
        }
    }

    /// What the fault is about: where the engine listens, or a file.
    pub fn subject(&self) -> String {
        match self {
            Self::Unreachable { host, .. }
            | Self::Permission { host }
            | Self::Forbidden { host, .. }
            | Self::TimedOut { host, .. }
            | Self::Status { host, .. }
            | Self::TooLarge { host, .. }
            | Self::Malformed { host, .. } => host.to_string(),
            Self::Certificate { file, .. } => file.clone(),
        }
    }

    /// What bollard says of a request for `path`, and its connection, if that has cut it short.
    pub(super) fn new(host: &Host, path: &'static str, error: &Error, cut: Option<Cut>) -> Self {
        let host = host.clone();
        match (cut, error) {
            (Some(Cut::Stalled(limit)), _) => Self::TimedOut { host, path, limit },
            (Some(Cut::TooLarge(limit_bytes)), _) => Self::TooLarge { host, path, limit_bytes },
            // A proxy's own page; the engine itself never says so of a GET.
            (None, Error::DockerResponseServerError { status_code: 403, .. }) => {
                Self::Forbidden { host, path }
            }
            (None, Error::DockerResponseServerError { status_code, message }) => {
                Self::Status { host, path, status: *status_code, message: excerpt(message.trim()) }
            }
            (None, Error::IOError { err }) if err.kind() == io::ErrorKind::PermissionDenied => {
                Self::Permission { host }
            }
            (
                None,
                Error::JsonDataError { .. } | Error::JsonSerdeError { .. } | Error::APIVersionParseError {},
            ) => Self::Malformed { host, path, reason: excerpt(&error.to_string()) },
            (None, _) => {
                let hint = io_error(error).map_or("", |error| hint(&host, error));
                Self::Unreachable { host, reason: with_causes(error), hint }
            }
        }
    }
}

/// What the system has said, or TLS.
fn io_error(error: &Error) -> Option<&io::Error> {
    match error {
        Error::IOError { err } => Some(err),
        _ => std::error::Error::source(error)?.downcast_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_fault(host: &str, kind: io::ErrorKind) -> EngineFault {
        let host = host.parse().unwrap();
        EngineFault::new(&host, "/version", &Error::IOError { err: kind.into() }, None)
    }

    #[test]
    fn each_kind_is_listed_once() {
        let host = || Host::Unix("/x".into());
        let (path, text) = ("/version", String::new);
        let all = [
            EngineFault::Unreachable { host: host(), reason: text(), hint: "" },
            EngineFault::Permission { host: host() },
            EngineFault::Forbidden { host: host(), path },
            EngineFault::TimedOut { host: host(), path, limit: Duration::ZERO },
            EngineFault::Status { host: host(), path, status: 503, message: text() },
            EngineFault::TooLarge { host: host(), path, limit_bytes: 1 },
            EngineFault::Malformed { host: host(), path, reason: text() },
            EngineFault::Certificate { file: text(), reason: text() },
        ];
        assert_eq!(all.map(|fault| fault.kind()), EngineFault::KINDS);
    }

    #[test]
    fn a_socket_that_cannot_be_used_says_what_would_do() {
        let text = |kind| io_fault("unix:///run/docker.sock", kind).to_string();
        assert!(text(io::ErrorKind::ConnectionRefused).contains("mount its folder, not the file"));
        assert!(text(io::ErrorKind::NotFound).contains("mount the engine's socket"));
        assert!(text(io::ErrorKind::PermissionDenied).contains("the group of the socket"));
        let tcp = io_fault("tcp://proxy:2375", io::ErrorKind::ConnectionRefused).to_string();
        assert!(tcp.contains("check DOCKER_HOST") && !tcp.contains("folder"), "{tcp}");
    }
}
