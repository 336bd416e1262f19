//! The commands, and what HAProxy says to them. Everything in which its versions differ stands here: 2.6 to 3.2
//! have been tried.

use std::{fmt, net::SocketAddr};

/// A command, made of constants, port numbers and parsed addresses only.
///
/// `p<port>` is both the frontend and the backend of a port, `c` its only server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// General facts; of interest here are pid and version of the process that answers.
    ShowInfo,
    /// All sessions, a line each.
    ShowSessions,
    /// The servers of one port or of all.
    ShowServers(Option<u16>),
    /// The frontend of one port or of all.
    ShowFrontends(Option<u16>),
    /// The backend of one port or of all, which also tells when it was last used.
    ShowBackends(Option<u16>),
    /// Have new connections go there. From 2.9 on that happens only some milliseconds after the reply; what
    /// [`Command::ShowServers`] shows is in force.
    SetAddress(u16, SocketAddr),
    /// Let the server be used.
    SetReady(u16),
    /// Give the server its share of the connections, which is all of them.
    SetFullWeight(u16),
    /// Take the server for healthy until a health check says otherwise.
    SetHealthy(u16),
    /// Let the server not be used; its connections live on.
    SetMaintenance(u16),
    /// Stop listening: connections are refused, established ones live on. The socket stays bound, but a
    /// program that sets SO_REUSEADDR, as most do, can take the port meanwhile.
    DisableFrontend(u16),
    /// Listen on the frontend's port again.
    EnableFrontend(u16),
    /// End all connections to the server.
    ShutdownSessions(u16),
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShowInfo => f.write_str("show info"),
            Self::ShowSessions => f.write_str("show sess"),
            Self::ShowServers(None) => f.write_str("show servers state"),
            Self::ShowServers(Some(port)) => write!(f, "show servers state p{port}"),
            // Of all proxies or of this one, frontends (1) only, whichever their server (-1).
            Self::ShowFrontends(None) => f.write_str("show stat -1 1 -1"),
            Self::ShowFrontends(Some(port)) => write!(f, "show stat p{port} 1 -1"),
            // Backends (2) only.
            Self::ShowBackends(None) => f.write_str("show stat -1 2 -1"),
            Self::ShowBackends(Some(port)) => write!(f, "show stat p{port} 2 -1"),
            Self::SetAddress(port, address) => {
                write!(f, "set server p{port}/c addr {} port {}", address.ip(), address.port())
            }
            Self::SetReady(port) => write!(f, "set server p{port}/c state ready"),
            Self::SetFullWeight(port) => write!(f, "set server p{port}/c weight 100%"),
            Self::SetHealthy(port) => write!(f, "set server p{port}/c health up"),
            Self::SetMaintenance(port) => write!(f, "set server p{port}/c state maint"),
            Self::DisableFrontend(port) => write!(f, "disable frontend p{port}"),
            Self::EnableFrontend(port) => write!(f, "enable frontend p{port}"),
            Self::ShutdownSessions(port) => write!(f, "shutdown sessions server p{port}/c"),
        }
    }
}

impl Command {
    /// Whether HAProxy says that it is so now. Most commands answer nothing then.
    pub(crate) fn succeeded(self, reply: &str) -> bool {
        match self {
            Self::ShowInfo => reply.starts_with("Name:"),
            // There is at least the session that asks.
            Self::ShowSessions => reply.starts_with("0x"),
            // The version of the format, which has been 1 so far.
            Self::ShowServers(_) => reply.starts_with("1\n"),
            Self::ShowFrontends(_) | Self::ShowBackends(_) => reply.starts_with("# pxname,"),
            Self::SetAddress(..) => {
                // 2.6 says "no need to change", later ones "nothing changed".
                let said = ["IP changed from", "port changed from", "no need to change", "nothing changed"];
                said.iter().any(|start| reply.starts_with(start))
            }
            Self::DisableFrontend(_) | Self::EnableFrontend(_) => {
                reply.is_empty() || reply.starts_with("All sockets are already")
            }
            Self::SetReady(_)
            | Self::SetFullWeight(_)
            | Self::SetHealthy(_)
            | Self::SetMaintenance(_)
            | Self::ShutdownSessions(_) => reply.is_empty(),
        }
    }

    /// The port that it is about; `None` if it only asks about all.
    #[cfg(test)]
    pub(crate) fn port(self) -> Option<u16> {
        match self {
            Self::ShowInfo | Self::ShowSessions => None,
            Self::ShowServers(port) | Self::ShowFrontends(port) | Self::ShowBackends(port) => port,
            Self::SetAddress(port, _)
            | Self::SetReady(port)
            | Self::SetFullWeight(port)
            | Self::SetHealthy(port)
            | Self::SetMaintenance(port)
            | Self::DisableFrontend(port)
            | Self::EnableFrontend(port)
            | Self::ShutdownSessions(port) => Some(port),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_toggle_that_was_made_before_succeeds() {
        assert!(Command::DisableFrontend(1).succeeded(""));
        assert!(Command::DisableFrontend(1).succeeded("All sockets are already disabled."));
        assert!(Command::EnableFrontend(1).succeeded("All sockets are already enabled."));
        assert!(!Command::DisableFrontend(1).succeeded("No such frontend."));
        let conflict = "Failed to resume frontend, check logs for precise cause (port conflict?).";
        assert!(!Command::EnableFrontend(1).succeeded(conflict));
    }

    #[test]
    fn an_address_that_is_set_or_was_set_before_succeeds() {
        let command = Command::SetAddress(5000, "10.0.0.8:8081".parse().unwrap());
        for reply in [
            "IP changed from '10.0.0.7' to '10.0.0.8', port changed from '8080' to '8081' by 'stats socket command'",
            "no need to change the addr, port changed from '8080' to '8081' by 'stats socket command'",
            "no need to change the addr, no need to change the port by 'stats socket command'",
            "nothing changed",
        ] {
            assert!(command.succeeded(reply), "{reply}");
        }
        for reply in ["", "No such server.", "Invalid addr '10.0.0.300'", "Can't find backend."] {
            assert!(!command.succeeded(reply), "{reply}");
        }
    }

    #[test]
    fn an_address_of_either_family_is_written_as_haproxy_wants_it() {
        let set = |address: &str| Command::SetAddress(5000, address.parse().unwrap()).to_string();
        assert_eq!(set("10.0.0.8:80"), "set server p5000/c addr 10.0.0.8 port 80");
        assert_eq!(set("[fd00::8]:80"), "set server p5000/c addr fd00::8 port 80");
    }

    fn any_command() -> impl Strategy<Value = Command> {
        let port = || any::<u16>();
        prop_oneof![
            Just(Command::ShowInfo),
            Just(Command::ShowSessions),
            any::<Option<u16>>().prop_map(Command::ShowServers),
            any::<Option<u16>>().prop_map(Command::ShowFrontends),
            any::<Option<u16>>().prop_map(Command::ShowBackends),
            any::<(u16, SocketAddr)>().prop_map(|(port, address)| Command::SetAddress(port, address)),
            port().prop_map(Command::SetReady),
            port().prop_map(Command::SetFullWeight),
            port().prop_map(Command::SetHealthy),
            port().prop_map(Command::SetMaintenance),
            port().prop_map(Command::DisableFrontend),
            port().prop_map(Command::EnableFrontend),
            port().prop_map(Command::ShutdownSessions),
        ]
    }

    proptest! {
        #[test]
        fn a_command_is_one_of_haproxys_whatever_is_in_it(command in any_command()) {
            let text = command.to_string();
            // No second line, no second command, no other level, no payload.
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" /.:%-".contains(&byte)), "{text}");
        }
    }
}
