//! The name of a service.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which service is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceRef {
    /// The stack that the service belongs to; `None` is the stack that stalls itself runs in.
    pub stack: Option<String>,
    /// The service's name within its stack.
    pub service: String,
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stack {
            Some(stack) => write!(f, "{stack}/{}", self.service),
            None => f.write_str(&self.service),
        }
    }
}
