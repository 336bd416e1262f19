//! Which Docker engine is asked, by the variables that the `docker` command has, too.

use stalls_actors::sources::docker::{DockerSettings, EngineLimits, EngineSettings, Host};

use super::{
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{DOCKER_CERT_PATH, DOCKER_HOST, DOCKER_NETWORK, DOCKER_TLS_VERIFY},
};
use crate::config_error::ConfigError;

/// The engine that the settings name.
pub(super) fn settings(parser: &mut SettingsParser<'_>) -> Result<DockerSettings, Reported> {
    let host = parser.value(&DOCKER_HOST, host);
    let network = parser.optional(&DOCKER_NETWORK, network);
    let host = host?;
    let tls = if matches!(host, Host::Tcp { .. }) { tls(parser)? } else { None };
    let engine = EngineSettings { host, tls, limits: EngineLimits::default() };
    Ok(DockerSettings { engine, network: network? })
}

/// `DOCKER_TLS_VERIFY` counts as the `docker` command counts it: any value, 0 too, asks for TLS. But certificates alone
/// do so as well, and stalls has no TLS without verification.
fn tls(parser: &mut SettingsParser<'_>) -> Result<Option<std::path::PathBuf>, Reported> {
    let certificates = parser.optional(&DOCKER_CERT_PATH, RawSetting::absolute_path)?;
    if certificates.is_none() && parser.cli().value(&DOCKER_TLS_VERIFY).is_some() {
        let remedy = "give the directory of ca.pem, cert.pem and key.pem, which DOCKER_TLS_VERIFY asks for";
        return parser.check(Err(ConfigError::missing(DOCKER_CERT_PATH.name, remedy)));
    }
    Ok(certificates)
}

fn host(raw: &RawSetting<'_>) -> Result<Host, ConfigError> {
    if raw.text.starts_with("ssh://") {
        return Err(raw.wrong(
            "must be unix:// or tcp://; have ssh forward the engine's socket (ssh -nNT -L \
             /run/engine.sock:/var/run/docker.sock HOST), and give unix:///run/engine.sock",
        ));
    }
    raw.text.parse().map_err(|error| raw.wrong(format_args!("{error}")))
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
    use std::path::PathBuf;

    use super::*;
    use crate::cli::Cli;

    fn parsed(arguments: &[&str]) -> Result<DockerSettings, String> {
        let cli = Cli::from_arguments(arguments.iter().copied()).unwrap();
        let mut parser = SettingsParser::new(&cli);
        let settings = settings(&mut parser);
        parser.finish(settings).map_err(|errors| errors.to_string())
    }

    fn tcp(tls: Option<&str>) -> Result<(String, Option<PathBuf>), String> {
        Ok(("tcp://10.0.0.1:2376".to_owned(), tls.map(PathBuf::from)))
    }

    #[test]
    fn the_engines_usual_socket_is_the_default() {
        let usual = parsed(&[]).unwrap();
        assert_eq!(
            (usual.engine.host.to_string().as_str(), usual.network),
            ("unix:///var/run/docker.sock", None)
        );
        let given = parsed(&["--docker-host=unix:///run/proxy.sock", "--docker-network=front"]).unwrap();
        assert_eq!(given.engine.host.to_string(), "unix:///run/proxy.sock");
        assert_eq!(given.network.as_deref(), Some("front"));
    }

    #[test]
    fn over_tcp_certificates_mean_tls_whether_it_is_asked_for_or_not() {
        let host = |more: &[&str]| {
            let arguments = [&["--docker-host=tcp://10.0.0.1:2376"], more].concat();
            parsed(&arguments).map(|settings| (settings.engine.host.to_string(), settings.engine.tls))
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
            ("/var/run/docker.sock", "neither unix:// nor tcp://"),
            ("10.0.0.1:2375", "neither unix:// nor tcp://"),
            ("unix://docker.sock", "no absolute path"),
            ("unix://", "no absolute path"),
            ("tcp://:2375", "no host and port"),
            ("tcp://h:", "no host and port"),
            ("tcp://h:2375/path", "no host and port"),
            ("tcp://user@h:2375", "no host and port"),
            ("ssh://me@h", "ssh -nNT -L"),
            ("npipe:////./pipe/docker_engine", "neither unix:// nor tcp://"),
        ] {
            let error = parsed(&["--docker-host", host]).unwrap_err();
            assert!(error.starts_with("DOCKER_HOST=") && error.contains(remedy), "{error}");
        }
        for host in ["tcp://[::1]:2375", "tcp://engine.lan:2375/"] {
            assert!(parsed(&["--docker-host", host]).is_ok(), "{host}");
        }
        assert!(parsed(&["--docker-network=a b"]).unwrap_err().starts_with("DOCKER_NETWORK="));
    }
}
