//! Which Docker engine is asked, by the variables that the `docker` command has, too.

use std::{fmt, path::PathBuf};

use super::{
    metadata_url::is_authority,
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{DOCKER_CERT_PATH, DOCKER_HOST, DOCKER_NETWORK, DOCKER_TLS_VERIFY},
};
use crate::config_error::ConfigError;

/// An engine, and which addresses of its containers count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DockerSettings {
    /// Where it answers.
    pub(crate) host: DockerHost,
    /// The network whose addresses count; `None` is the only one that a container has.
    pub(crate) network: Option<String>,
}

/// Where an engine answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DockerHost {
    /// At a socket; the path is absolute.
    Unix(PathBuf),
    /// Over TCP.
    Tcp {
        /// `host:port` or `[address]:port`.
        address: String,
        /// The directory of `ca.pem`, `cert.pem` and `key.pem`, absolute; `None` is no TLS. With TLS the engine's
        /// certificate is always verified.
        tls: Option<PathBuf>,
    },
}

/// As `DOCKER_HOST` has it.
impl fmt::Display for DockerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { address, .. } => write!(f, "tcp://{address}"),
        }
    }
}

/// The engine that the settings name.
pub(super) fn settings(parser: &mut SettingsParser<'_>) -> Result<DockerSettings, Reported> {
    let host = parser.value(&DOCKER_HOST, host);
    let network = parser.optional(&DOCKER_NETWORK, network);
    let host = match host? {
        DockerHost::Tcp { address, .. } => DockerHost::Tcp { address, tls: tls(parser)? },
        socket @ DockerHost::Unix(_) => socket,
    };
    Ok(DockerSettings { host, network: network? })
}

/// `DOCKER_TLS_VERIFY` counts as the `docker` command counts it: any value, 0 too, asks for TLS. But certificates alone
/// do so as well, and stalls has no TLS without verification.
fn tls(parser: &mut SettingsParser<'_>) -> Result<Option<PathBuf>, Reported> {
    let certificates = parser.optional(&DOCKER_CERT_PATH, RawSetting::absolute_path)?;
    if certificates.is_none() && parser.cli().value(&DOCKER_TLS_VERIFY).is_some() {
        let remedy = "give the directory of ca.pem, cert.pem and key.pem, which DOCKER_TLS_VERIFY asks for";
        return parser.check(Err(ConfigError::missing(DOCKER_CERT_PATH.name, remedy)));
    }
    Ok(certificates)
}

fn host(raw: &RawSetting<'_>) -> Result<DockerHost, ConfigError> {
    let Some((scheme, rest)) = raw.text.split_once("://") else {
        return Err(raw.wrong("must be unix:// with the path of a socket, or tcp:// with a host and a port"));
    };
    match scheme {
        "unix" => RawSetting { text: rest, ..*raw }
            .absolute_path()
            .map(DockerHost::Unix)
            .map_err(|_| raw.wrong("must have an absolute path such as unix:///var/run/docker.sock")),
        "tcp" => {
            let address = rest.trim_end_matches('/');
            let has_port =
                address.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'));
            match has_port && is_authority(address) {
                true => Ok(DockerHost::Tcp { address: address.to_owned(), tls: None }),
                false => Err(raw.wrong("must have a host and a port such as tcp://10.0.0.1:2376")),
            }
        }
        "ssh" => Err(raw.wrong(
            "must be unix:// or tcp://; have ssh forward the engine's socket (ssh -nNT -L \
             /run/engine.sock:/var/run/docker.sock HOST), and give unix:///run/engine.sock",
        )),
        _ => Err(raw.wrong("must be unix:// or tcp://")),
    }
}

/// A name or an id, which is compared and never sent.
fn network(raw: &RawSetting<'_>) -> Result<String, ConfigError> {
    match raw.text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        true => Err(raw.wrong("must be the name of one network")),
        false => Ok(raw.text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    fn parsed(arguments: &[&str]) -> Result<DockerSettings, String> {
        let cli = Cli::from_arguments(arguments.iter().copied()).unwrap();
        let mut parser = SettingsParser::new(&cli);
        let settings = settings(&mut parser);
        parser.finish(settings).map_err(|errors| errors.to_string())
    }

    fn tcp(tls: Option<&str>) -> Result<DockerHost, String> {
        Ok(DockerHost::Tcp { address: "10.0.0.1:2376".to_owned(), tls: tls.map(PathBuf::from) })
    }

    #[test]
    fn the_engines_usual_socket_is_the_default() {
        let host = DockerHost::Unix("/var/run/docker.sock".into());
        assert_eq!(parsed(&[]), Ok(DockerSettings { host, network: None }));
        let given = parsed(&["--docker-host=unix:///run/proxy.sock", "--docker-network=front"]).unwrap();
        assert_eq!(given.host.to_string(), "unix:///run/proxy.sock");
        assert_eq!(given.network.as_deref(), Some("front"));
    }

    #[test]
    fn over_tcp_certificates_mean_tls_whether_it_is_asked_for_or_not() {
        let host = |more: &[&str]| {
            let arguments = [&["--docker-host=tcp://10.0.0.1:2376"], more].concat();
            parsed(&arguments).map(|settings| settings.host)
        };
        assert_eq!(host(&[]), tcp(None));
        assert_eq!(host(&["--docker-cert-path=/certs"]), tcp(Some("/certs")));
        assert_eq!(host(&["--docker-cert-path=/certs", "--docker-tls-verify=0"]), tcp(Some("/certs")));
        assert_eq!(host(&["--docker-tls-verify="]), tcp(None));
        assert_eq!(
            host(&["--docker-tls-verify=0"]),
            Err("DOCKER_CERT_PATH is not set: give the directory of ca.pem, cert.pem and key.pem, which \
                 DOCKER_TLS_VERIFY asks for\n"
                .to_owned())
        );
        assert!(parsed(&["--docker-tls-verify=1"]).is_ok(), "a socket has no TLS");
    }

    #[test]
    fn what_is_no_engine_is_refused_with_what_would_do() {
        for (host, remedy) in [
            ("/var/run/docker.sock", "must be unix://"),
            ("10.0.0.1:2375", "must be unix://"),
            ("unix://docker.sock", "an absolute path"),
            ("unix://", "an absolute path"),
            ("tcp://10.0.0.1", "a host and a port"),
            ("tcp://:2375", "a host and a port"),
            ("tcp://h:", "a host and a port"),
            ("tcp://[::1]", "a host and a port"),
            ("tcp://h:2375/path", "a host and a port"),
            ("tcp://user@h:2375", "a host and a port"),
            ("ssh://me@h", "ssh -nNT -L"),
            ("npipe:////./pipe/docker_engine", "must be unix:// or tcp://"),
        ] {
            let error = parsed(&["--docker-host", host]).unwrap_err();
            assert!(error.starts_with("DOCKER_HOST=") && error.contains(remedy), "{error}");
        }
        for host in ["tcp://[::1]:2375", "tcp://engine.lan:2375/"] {
            assert!(parsed(&["--docker-host", host]).is_ok(), "{host}");
        }
        assert!(parsed(&["--docker-network=a b"]).unwrap_err().starts_with("DOCKER_NETWORK="));
    }

    #[test]
    fn an_engine_is_written_as_it_is_read() {
        for host in ["unix:///a", "tcp://[::1]:2375"] {
            assert_eq!(parsed(&["--docker-host", host]).unwrap().host.to_string(), host);
        }
    }
}
