//! What can go wrong between the API server and us.

use std::{error::Error as StdError, time::Duration};

use kube::{Error, core::Status};
use thiserror::Error as ThisError;

use crate::{
    excerpt::{excerpt, with_causes},
    metadata::Fault,
};

/// Why the API server gave no answer that is of use. Every one is a fault of the moment: nothing is unmapped for it.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub(super) enum ApiFault {
    /// The kubeconfig, the token or the certificates cannot be used.
    #[error("{0}; in a pod they come by its ServiceAccount, elsewhere KUBECONFIG names a kubeconfig")]
    Credentials(String),
    /// No connection, or it broke.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// The answer did not come in time.
    #[error("no complete answer to {request} within {} ms", .limit.as_millis())]
    TimedOut {
        /// `list` or `watch`.
        request: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The API server does not know the one that asks.
    #[error("the API server does not accept the token: {0}")]
    Unauthorized(String),
    /// A right is missing.
    #[error(
        "{0}; it takes a Role with list and watch on pods in that namespace, and a RoleBinding to stalls' \
             ServiceAccount"
    )]
    Forbidden(String),
    /// The API server has too much to do.
    #[error("the API server has too much to do: {0}")]
    Throttled(String),
    /// Any other status than success.
    #[error("the API server answered with status {code}: {message}")]
    Status {
        /// The HTTP status code.
        code: u16,
        /// The API server's words.
        message: String,
    },
    /// The answer is not what was asked for.
    #[error("the answer is not an API server's: {0}")]
    Malformed(String),
}

/// Why a request has not done what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The API server does not remember as much: a new list tells what there is.
    Expired,
    /// Anything else.
    Fault(ApiFault),
}

impl ApiFault {
    /// All kinds.
    pub(super) const KINDS: [&str; 8] = [
        "credentials",
        "unreachable",
        "timed_out",
        "unauthorized",
        "forbidden",
        "throttled",
        "status",
        "malformed",
    ];

    /// The bounded label for logs and metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::Throttled(_) => "throttled",
            Self::Status { .. } => "status",
            Self::Malformed(_) => "malformed",
        }
    }

    /// Whether it says nothing of other pods than those that were asked for.
    pub(super) fn is_of_selection(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Forbidden(_) | Self::Status { .. })
    }

    /// Whether another connection, or what the files say by now, might do.
    pub(super) fn may_be_of_client(&self) -> bool {
        !matches!(self, Self::Forbidden(_) | Self::Throttled(_) | Self::Status { .. })
    }

    /// For the poller; `subject` is what was asked for, or which cluster.
    pub(super) fn about(&self, subject: String) -> Fault {
        Fault { kind: self.kind(), subject, reason: self.to_string() }
    }
}

impl From<Error> for ApiFault {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(status) => Self::from(*status),
            Error::SerdeError(_)
            | Error::FromUtf8(_)
            | Error::LinesCodecMaxLineLengthExceeded
            | Error::HttpError(_)
            | Error::BuildRequest(_) => Self::Malformed(with_causes(&error)),
            // Their own words are no more than that there is an error.
            Error::HyperError(_) | Error::Service(_) | Error::ReadEvents(_) => {
                Self::Unreachable(with_causes(error.source().unwrap_or(&error)))
            }
            _ => Self::Credentials(with_causes(&error)),
        }
    }
}

impl From<Status> for ApiFault {
    fn from(Status { code, message, reason, .. }: Status) -> Self {
        let message = excerpt(if message.is_empty() { &reason } else { message.trim() });
        match code {
            401 => Self::Unauthorized(message),
            403 => Self::Forbidden(message),
            429 => Self::Throttled(message),
            _ => Self::Status { code, message },
        }
    }
}

impl From<ApiFault> for Refusal {
    fn from(fault: ApiFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(status) => Self::from(*status),
            error => Self::Fault(error.into()),
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        if status.code == 410 { Self::Expired } else { Self::Fault(status.into()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(code: u16, message: &str) -> Box<Status> {
        Box::new(serde_json::from_value(json!({"code": code, "message": message})).unwrap())
    }

    fn refusal(code: u16) -> Refusal {
        Error::Api(status(code, "words")).into()
    }

    #[test]
    fn each_kind_is_listed_once() {
        let text = String::new;
        let all = [
            ApiFault::Credentials(text()),
            ApiFault::Unreachable(text()),
            ApiFault::TimedOut { request: "list", limit: Duration::ZERO },
            ApiFault::Unauthorized(text()),
            ApiFault::Forbidden(text()),
            ApiFault::Throttled(text()),
            ApiFault::Status { code: 500, message: text() },
            ApiFault::Malformed(text()),
        ];
        assert_eq!(all.map(|fault| fault.kind()), ApiFault::KINDS);
    }

    #[test]
    fn a_status_has_a_kind() {
        let kind = |code| match refusal(code) {
            Refusal::Expired => "expired",
            Refusal::Fault(fault) => fault.kind(),
        };
        let kinds = [401, 403, 404, 410, 429, 500].map(kind);
        assert_eq!(kinds, ["unauthorized", "forbidden", "status", "expired", "throttled", "status"]);
    }

    #[test]
    fn a_missing_right_is_said_with_what_would_do_and_concerns_its_namespace_alone() {
        let Refusal::Fault(fault) = refusal(403) else { panic!() };
        assert!(fault.is_of_selection() && !fault.may_be_of_client());
        let text = fault.about("pods app=web in namespace games".into()).to_string();
        assert!(text.contains("words") && text.contains("list and watch on pods"), "{text}");
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_without_preamble() {
        let cause = std::io::Error::other("connection refused");
        let fault = ApiFault::from(Error::Service(Box::new(cause)));
        assert_eq!(fault.to_string(), "the API server cannot be reached: connection refused");
        assert!(!fault.is_of_selection() && fault.may_be_of_client());
    }

    #[test]
    fn a_long_answer_is_cut_off() {
        let Refusal::Fault(fault) = Error::Api(status(500, &"<html>".repeat(1000))).into() else { panic!() };
        assert!(fault.to_string().len() < 400);
    }
}
