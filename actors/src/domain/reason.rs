//! Why something is as it is.

use std::{fmt, sync::Arc};

use serde::Serialize;

/// Why something is as it is: for the log, the API, the page, the metrics and the commands alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The stable, bounded label.
    pub kind: &'static str,
    /// A sentence: why, and what would do. It may quote what a source says, so it is text, never markup.
    #[serde(rename = "reason")]
    pub text: Arc<str>,
}

impl Reason {
    /// A reason of this kind.
    pub fn new(kind: &'static str, text: impl fmt::Display) -> Self {
        Self { kind, text: text.to_string().into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
