//! The name of a container's port.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// No name is longer, in bytes.
const MAX_LENGTH: usize = 15;

/// The name of a container's port, such as `http`: a service name of RFC 6335. A clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PortName(Arc<str>);

/// A text is no name of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "must be a port's name, such as http: 1 to {MAX_LENGTH} lower-case letters, digits and hyphens, of them at least \
     one letter, with no hyphen at an end or beside another"
)]
pub struct NoPortName;

impl PortName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PortName {
    type Err = NoPortName;

    fn from_str(text: &str) -> Result<Self, NoPortName> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let has_lone_hyphens = text.split('-').all(|part| !part.is_empty());
        let is_name = text.len() <= MAX_LENGTH
            && text.bytes().all(is_allowed)
            && text.bytes().any(|byte| byte.is_ascii_lowercase())
            && has_lone_hyphens;
        if is_name { Ok(Self(text.into())) } else { Err(NoPortName) }
    }
}

impl TryFrom<String> for PortName {
    type Error = NoPortName;

    fn try_from(text: String) -> Result<Self, NoPortName> {
        text.parse()
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_letter_and_lone_hyphens() {
        for name in ["http", "h", "1a", "web-2", "a-b-c", "x23456789012345"] {
            assert_eq!(name.parse::<PortName>().unwrap().as_str(), name);
            assert!(serde_json::from_value::<PortName>(name.into()).is_ok(), "{name}");
        }
        for text in
            ["", "80", "1-2", "-a", "a-", "a--b", "Http", "a_b", "a.b", "é", "a b", "x234567890123456"]
        {
            assert_eq!(text.parse::<PortName>(), Err(NoPortName), "{text}");
            let refused = serde_json::from_value::<PortName>(text.into()).unwrap_err();
            assert_eq!(refused.to_string(), NoPortName.to_string());
        }
    }
}
