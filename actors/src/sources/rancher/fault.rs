//! What can go wrong between the metadata server and us.

use std::time::Duration;

use thiserror::Error;

use crate::metadata::Fault;

/// Why the metadata could not be had. Every one is a fault of the moment: nothing is unmapped for it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataFault {
    /// No connection, or it broke.
    #[error("{path}: cannot be reached: {reason}")]
    Unreachable {
        /// The requested path.
        path: String,
        /// The client's words.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("{path}: no complete answer within {} ms", .limit.as_millis())]
    TimedOut {
        /// The requested path.
        path: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The answer has begun, and then nothing more of it came.
    #[error("{path}: the answer stopped, nothing more came for {} ms", .limit.as_millis())]
    Stalled {
        /// The requested path.
        path: String,
        /// How long was waited.
        limit: Duration,
    },
    /// 404.
    ///
    /// The server also says so of every path before it has its first data, and at times of services that do
    /// exist (rancher/rancher issues 7060 and 13120).
    #[error("{path}: not found ({message}); if this lasts, check SERVICE_NAME and STACK_NAME")]
    NotFound {
        /// The requested path.
        path: String,
        /// The server's words.
        message: String,
    },
    /// Any other status than 200 and 404.
    #[error("{path}: answered with status {status}")]
    Status {
        /// The requested path.
        path: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The body is larger than anything sensible.
    #[error("{path}: the answer exceeds {limit_bytes} bytes; is METADATA_URL a metadata service?")]
    TooLarge {
        /// The requested path.
        path: String,
        /// The limit, in bytes.
        limit_bytes: usize,
    },
    /// The body is not JSON.
    #[error("{path}: not JSON: {reason}")]
    NotJson {
        /// The requested path.
        path: String,
        /// The parser's words.
        reason: String,
    },
    /// The body is JSON of another shape than the document we asked for.
    #[error("{path}: not the expected document: {reason}")]
    WrongShape {
        /// The requested path.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// What the server answers for every path before it has its first data.
const NO_DATA_YET: &str = "Invalid version";

impl MetadataFault {
    /// Whether the server says that there is nothing at this path, and has data to say so from.
    pub(super) fn is_verdict(&self) -> bool {
        matches!(self, Self::NotFound { message, .. } if message != NO_DATA_YET)
    }

    /// The path that was asked for.
    pub fn path(&self) -> &str {
        match self {
            Self::Unreachable { path, .. }
            | Self::TimedOut { path, .. }
            | Self::Stalled { path, .. }
            | Self::NotFound { path, .. }
            | Self::Status { path, .. }
            | Self::TooLarge { path, .. }
            | Self::NotJson { path, .. }
            | Self::WrongShape { path, .. } => path,
        }
    }

    /// All kinds.
    pub const KINDS: [&str; 7] =
        ["unreachable", "timed_out", "not_found", "status", "too_large", "not_json", "wrong_shape"];

    /// The bounded label for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } | Self::Stalled { .. } => "timed_out",
            Self::NotFound { .. } => "not_found",
            Self::Status { .. } => "status",
            Self::TooLarge { .. } => "too_large",
            Self::NotJson { .. } => "not_json",
            Self::WrongShape { .. } => "wrong_shape",
        }
    }
}

impl From<MetadataFault> for Fault {
    fn from(fault: MetadataFault) -> Self {
        let (subject, text) = (fault.path().to_owned(), fault.to_string());
        let reason = text.strip_prefix(&format!("{subject}: ")).unwrap_or(&text).to_owned();
        Self { kind: fault.kind(), subject, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_listed_once() {
        let text = String::new;
        let all = [
            MetadataFault::Unreachable { path: text(), reason: text() },
            MetadataFault::TimedOut { path: text(), limit: Duration::ZERO },
            MetadataFault::Stalled { path: text(), limit: Duration::ZERO },
            MetadataFault::NotFound { path: text(), message: text() },
            MetadataFault::Status { path: text(), status: 500 },
            MetadataFault::TooLarge { path: text(), limit_bytes: 1 },
            MetadataFault::NotJson { path: text(), reason: text() },
            MetadataFault::WrongShape { path: text(), reason: text() },
        ];
        let mut kinds = all.map(|fault| fault.kind()).to_vec();
        kinds.dedup();
        assert_eq!(kinds, MetadataFault::KINDS);
    }
}
