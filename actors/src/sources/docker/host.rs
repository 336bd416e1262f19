//! Where an engine listens, as `DOCKER_HOST` says it.

use std::{fmt, path::PathBuf, str::FromStr};

use thiserror::Error;

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// A host and its port.
    Tcp {
        /// A name or an IP address; one of IPv6 without brackets.
        name: String,
        /// The port; `None` is 2375, or 2376 with TLS.
        port: Option<u16>,
    },
}

/// Why a text is no [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HostError {
    /// Neither `unix://` nor `tcp://`.
    #[error("begins with neither unix:// nor tcp://, say unix:///var/run/docker.sock or tcp://HOST:2375")]
    Scheme,
    /// A socket's path that is not absolute.
    #[error("names no absolute path, say unix:///var/run/docker.sock")]
    Path,
    /// No host, or no port after a colon, or more than these.
    #[error("names no host and port, say tcp://HOST:2375")]
    Authority,
}

/// The engine's ports, without and with TLS (Docker's command line, `opts.DefaultHTTPPort`).
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

impl Host {
    /// The port of a host that names none.
    pub(super) fn default_port(has_tls: bool) -> u16 {
        if has_tls { TLS_PORT } else { PORT }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(HostError::Path) };
        }
        let authority = text.strip_prefix("tcp://").ok_or(HostError::Scheme)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (name, rest) = match authority.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').ok_or(HostError::Authority)?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port.parse().map_err(|_| HostError::Authority)?),
            None if rest.is_empty() => None,
            None => return Err(HostError::Authority),
        };
        let is_name = !name.is_empty() && !name.contains(|c: char| c == '/' || c == '@' || c.is_whitespace());
        if is_name { Ok(Self::Tcp { name: name.to_owned(), port }) } else { Err(HostError::Authority) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { name, port } => {
                let (open, close) = if name.contains(':') { ("[", "]") } else { ("", "") };
                write!(f, "tcp://{open}{name}{close}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_and_written() {
        for text in
            ["unix:///var/run/docker.sock", "tcp://proxy:2375", "tcp://10.0.0.1", "tcp://[fd00::1]:2376"]
        {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
        assert_eq!("tcp://proxy:1/".parse(), Ok(Host::Tcp { name: "proxy".into(), port: Some(1) }));
    }

    #[test]
    fn what_is_no_host_says_why() {
        let cases = [
            ("/var/run/docker.sock", HostError::Scheme),
            ("ssh://root@host", HostError::Scheme),
            ("unix://docker.sock", HostError::Path),
            ("tcp://", HostError::Authority),
            ("tcp://host:", HostError::Authority),
            ("tcp://host:70000", HostError::Authority),
            ("tcp://host:1/v1", HostError::Authority),
            ("tcp://me@host:1", HostError::Authority),
            ("tcp://[::1", HostError::Authority),
            ("tcp://[::1]1", HostError::Authority),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Host>(), Err(error), "{text}");
        }
    }
}
