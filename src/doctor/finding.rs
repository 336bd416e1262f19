//! What a check has found.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Something that keeps stalls from doing its work, or may come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Finding {
    /// What it is, for programs.
    #[schema(value_type = String)]
    pub(crate) kind: Kind,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it concerns, such as `ports 5000-5063`.
    pub(crate) subject: String,
    /// What is wrong with that: a sentence without a full stop.
    pub(crate) reason: String,
    /// What would do: a sentence without a full stop.
    pub(crate) remedy: String,
}

/// How bad it is; the worst one is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// stalls cannot do its work.
    Error,
    /// Some ports do not work, or may come not to.
    Warning,
    /// Nothing has to be done.
    Note,
}

impl Severity {
    /// All of them, the worst first.
    pub(crate) const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    /// As in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident => $label:literal,)*) => {
        /// What is found. The labels are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[doc = $doc])* $kind,)* }

        impl Kind {
            /// The label in JSON and in the log.
            pub(crate) const fn label(self) -> &'static str {
                match self { $(Self::$kind => $label,)* }
            }
        }

        #[cfg(test)]
        const LABELS: &[&str] = &[$($label,)*];
    };
}

kinds! {
    /// Outgoing connections may take ports of a pool.
    EphemeralRange => "ephemeral_range",
    /// The pools need more descriptors than there may be.
    TooFewDescriptors => "too_few_descriptors",
    /// The ports share few connections.
    FewConnections => "few_connections",
    /// Another program listens on ports of a pool.
    PortTaken => "port_taken",
    /// Docker's proxy listens on ports of a pool.
    UserlandProxy => "userland_proxy",
    /// Rules of the host lead connections elsewhere.
    Dnat => "dnat",
    /// Containers are on ports that stalls' own container does not publish.
    Unpublished => "unpublished",
    /// HAProxy cannot be run.
    HaproxyMissing => "haproxy_missing",
    /// HAProxy is older than what is supported.
    HaproxyTooOld => "haproxy_too_old",
    /// This version of HAProxy has a known fault that people may notice.
    HaproxyFault => "haproxy_fault",
    /// `RUN_DIR` or `STATE_DIR` cannot be used.
    Directory => "directory",
    /// Other users may write to `RUN_DIR` or `STATE_DIR`.
    DirectoryOpen => "directory_open",
    /// The source gives no usable answer.
    Source => "source",
    /// The quota is less than one processor.
    Quota => "quota",
    /// The clock is not synchronised.
    Clock => "clock",
    /// Something could not be looked at.
    NotLooked => "not_looked",
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_documented() {
        let documented = include_str!("../../docs/commands.md");
        for label in LABELS {
            assert!(
                documented.contains(&format!("| `{label}` |")),
                "docs/commands.md has no row for {label}"
            );
        }
    }

    #[test]
    fn as_json_it_has_labels() {
        let finding = Finding {
            kind: Kind::EphemeralRange,
            severity: Severity::Warning,
            subject: "ports 5000-5063".to_owned(),
            reason: "a".to_owned(),
            remedy: "b".to_owned(),
        };
        assert_eq!(
            serde_json::to_value(finding).unwrap(),
            serde_json::json!({
                "kind": "ephemeral_range", "severity": "warning", "subject": "ports 5000-5063", "reason": "a",
                "remedy": "b"
            })
        );
    }
}
