//! The columns of the tables: what is measured side by side.

use std::collections::BTreeMap;

use serde::Serialize;

/// What drives HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Column {
    /// stalls with the built-in template.
    Stalls,
    /// Another build of stalls, in the same way.
    Before,
    /// stalls while ten clients have its events streamed and one scrapes its metrics each second.
    Watched,
    /// stalls with a template that makes each change a reload.
    StallsReload,
    /// As the original does it.
    Original,
    /// Nothing: HAProxy runs alone, with the configuration that stalls writes.
    Alone,
}

/// One value for each column, from left to right.
pub(crate) type PerColumn<T> = BTreeMap<Column, T>;

impl Column {
    /// Its name in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stalls => "stalls",
            Self::Before => "stalls, before",
            Self::Watched => "stalls, watched",
            Self::StallsReload => "stalls, other template",
            Self::Original => "as the original",
            Self::Alone => "HAProxy alone",
        }
    }
}
