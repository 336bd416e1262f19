//! The port of each container that a mapping leads to.

use std::{fmt, num::NonZeroU16};

use serde::{Deserialize, Serialize};

use super::PortName;

/// The port of each container that a mapping leads to. In JSON it is a number or a text. A clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be a port from 1 to 65535, or the name of a port such as \"http\"")]
pub enum BackendPort {
    /// The same number for all of them, but for those that have a port of their own.
    Number(NonZeroU16),
    /// The port that each of them has under this name.
    Name(PortName),
}

impl BackendPort {
    /// The number, if it is one.
    pub fn number(&self) -> Option<NonZeroU16> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Name(_) => None,
        }
    }
}

impl From<NonZeroU16> for BackendPort {
    fn from(number: NonZeroU16) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for BackendPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_number_or_a_text_in_json() {
        for (json, shown) in [("8080", "8080"), ("65535", "65535"), ("\"http\"", "http")] {
            let port: BackendPort = serde_json::from_str(json).unwrap();
            assert_eq!(port.to_string(), shown);
            assert_eq!(serde_json::to_string(&port).unwrap(), json);
        }
        for json in ["0", "65536", "-1", "1.5", "\"8080\"", "\"HTTP\"", "\"\"", "null", "[8080]"] {
            let refused = serde_json::from_str::<BackendPort>(json).unwrap_err().to_string();
            assert!(refused.starts_with("must be a port from 1 to 65535, or"), "{json}: {refused}");
        }
    }
}
