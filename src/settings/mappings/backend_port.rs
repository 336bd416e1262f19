//! The port of the containers: a number, or where ports have names, a name. Pure.

use std::num::NonZeroU16;

use stalls_actors::domain::BackendPort;

use super::name::Naming;

/// Why a text is no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPort {
    /// What would be one, behind the words "a port".
    pub(super) allowed: &'static str,
    /// More about it, for the end of the sentence; may be empty.
    pub(super) note: &'static str,
}

/// Reads the port of the containers.
///
/// # Errors
/// It is none.
pub(super) fn read(text: &str, naming: Naming) -> Result<BackendPort, NoPort> {
    if let Some(number) = nonzero_u16(text) {
        return Ok(number.into());
    }
    match (text.parse(), naming.has_port_names()) {
        (Ok(name), true) => Ok(BackendPort::Name(name)),
        (Ok(_), false) => {
            Err(NoPort { allowed: "from 1 to 65535", note: "; names of ports are for SOURCE=kubernetes" })
        }
        (Err(_), true) => Err(NoPort {
            allowed: "from 1 to 65535, or the name of one such as http",
            note: "; a name has 1 to 15 lower-case letters, digits and single hyphens between them, and a letter at least",
        }),
        (Err(_), false) => Err(NoPort { allowed: "from 1 to 65535", note: "" }),
    }
}

/// Decimal digits alone: a sign is rather a typing error than meant.
pub(super) fn nonzero_u16(text: &str) -> Option<NonZeroU16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
