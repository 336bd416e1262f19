//! Where the containers are known from: `SOURCE`, and the settings that belong to it. Others are ignored.

use std::{fmt, path::PathBuf};

#[cfg(feature = "docker")]
use stalls_actors::sources::docker::DockerSettings;
#[cfg(feature = "kubernetes")]
use stalls_actors::sources::kubernetes::{IpFamily, KubernetesSettings};

#[cfg(feature = "docker")]
use super::docker;
#[cfg(feature = "kubernetes")]
use super::kubernetes;
use super::{
    Host, Purpose, metadata_url,
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{METADATA_URL, SOURCE},
};
use crate::config_error::ConfigError;

const FILE: &str = "file:";

/// Where the containers are known from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceSetting {
    /// Rancher's metadata service.
    Rancher {
        /// `http://host[:port]/version`, without a slash at its end.
        metadata_url: String,
    },
    /// A file.
    File {
        /// Absolute.
        path: PathBuf,
    },
    /// A Docker engine, for its own containers.
    #[cfg(feature = "docker")]
    Docker(DockerSettings),
    /// A manager of a swarm, for the tasks of its services.
    #[cfg(feature = "docker")]
    Swarm(DockerSettings),
    /// A Kubernetes cluster, for the pods of its StatefulSets, or of label selectors.
    #[cfg(feature = "kubernetes")]
    Kubernetes(KubernetesSettings),
}

impl SourceSetting {
    /// Which kind of source it is, for people and programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rancher { .. } => "rancher",
            Self::File { .. } => "file",
            #[cfg(feature = "docker")]
            Self::Docker(_) => "docker",
            #[cfg(feature = "docker")]
            Self::Swarm(_) => "swarm",
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(_) => "kubernetes",
        }
    }

    /// Where it is, for people.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Rancher { metadata_url } => metadata_url.clone(),
            Self::File { path } => path.display().to_string(),
            #[cfg(feature = "docker")]
            Self::Docker(docker) | Self::Swarm(docker) => docker.engine.host.to_string(),
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.cluster(),
        }
    }
}

/// The settings of one source, by their names.
#[derive(Debug, Default)]
pub(super) struct SourceFields {
    pub(super) metadata_url: Option<String>,
    pub(super) docker_host: Option<String>,
    pub(super) docker_cert_path: Option<String>,
    pub(super) docker_network: Option<String>,
    pub(super) kubeconfig: Option<String>,
    pub(super) ip_family: Option<&'static str>,
}

impl SourceSetting {
    /// For the log.
    pub(super) fn fields(&self) -> SourceFields {
        match self {
            Self::Rancher { metadata_url } => {
                SourceFields { metadata_url: Some(metadata_url.clone()), ..SourceFields::default() }
            }
            Self::File { .. } => SourceFields::default(),
            #[cfg(feature = "docker")]
            Self::Docker(DockerSettings { engine, network })
            | Self::Swarm(DockerSettings { engine, network }) => SourceFields {
                docker_host: Some(engine.host.to_string()),
                docker_cert_path: engine.tls.as_ref().map(|path| path.display().to_string()),
                docker_network: network.clone(),
                ..SourceFields::default()
            },
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(KubernetesSettings { kubeconfig, family }) => SourceFields {
                kubeconfig: kubeconfig.as_ref().map(|path| path.display().to_string()),
                ip_family: family.map(IpFamily::name),
                ..SourceFields::default()
            },
        }
    }
}

/// As `SOURCE` has it.
impl fmt::Display for SourceSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "{FILE}{}", path.display()),
            _ => f.write_str(self.name()),
        }
    }
}

/// The source, with the settings that belong to it.
#[cfg_attr(
    not(feature = "kubernetes"),
    expect(unused_variables, reason = "only a pod is known by the host that it is on")
)]
pub(super) fn source(
    parser: &mut SettingsParser<'_>,
    purpose: Purpose,
    host: &impl Host,
) -> Result<SourceSetting, Reported> {
    match parser.value(&SOURCE, kind)? {
        Kind::Rancher => parser
            .value(&METADATA_URL, metadata_url::parse)
            .map(|metadata_url| SourceSetting::Rancher { metadata_url }),
        Kind::File(path) => Ok(SourceSetting::File { path }),
        #[cfg(feature = "docker")]
        Kind::Docker => docker::settings(parser).map(SourceSetting::Docker),
        #[cfg(feature = "docker")]
        Kind::Swarm => docker::settings(parser).map(SourceSetting::Swarm),
        #[cfg(feature = "kubernetes")]
        Kind::Kubernetes => kubernetes::settings(parser, purpose, host).map(SourceSetting::Kubernetes),
    }
}

/// What `SOURCE` says.
enum Kind {
    Rancher,
    File(PathBuf),
    #[cfg(feature = "docker")]
    Docker,
    #[cfg(feature = "docker")]
    Swarm,
    #[cfg(feature = "kubernetes")]
    Kubernetes,
}

fn kind(raw: &RawSetting<'_>) -> Result<Kind, ConfigError> {
    match raw.text {
        "rancher" => Ok(Kind::Rancher),
        #[cfg(feature = "docker")]
        "docker" => Ok(Kind::Docker),
        #[cfg(feature = "docker")]
        "swarm" => Ok(Kind::Swarm),
        #[cfg(feature = "kubernetes")]
        "kubernetes" => Ok(Kind::Kubernetes),
        #[cfg(not(feature = "docker"))]
        "docker" | "swarm" => Err(not_built(raw, "docker")),
        #[cfg(not(feature = "kubernetes"))]
        "kubernetes" => Err(not_built(raw, "kubernetes")),
        text => match text.strip_prefix(FILE) {
            Some(path) => Ok(Kind::File(RawSetting { text: path, ..*raw }.absolute_path()?)),
            None => Err(raw.wrong(
                "must be rancher, docker, swarm, kubernetes, or file: with an absolute path such as \
                 file:/etc/stalls/services.yml",
            )),
        },
    }
}

#[cfg(not(all(feature = "docker", feature = "kubernetes")))]
fn not_built(raw: &RawSetting<'_>, feature: &str) -> ConfigError {
    raw.wrong(format_args!(
        "is not in this build, which was made without the feature {feature}; build it with --features {feature}"
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::FakeHost, *};
    use crate::cli::Cli;

    fn parsed(arguments: &[&str]) -> Result<SourceSetting, String> {
        let cli = Cli::from_arguments(arguments.iter().copied()).unwrap();
        let mut parser = SettingsParser::new(&cli);
        let source = source(&mut parser, Purpose::Run, &FakeHost::default());
        parser.finish(source).map_err(|errors| errors.to_string())
    }

    #[test]
    fn rancher_is_the_default() {
        let url = "http://rancher-metadata/2015-12-19";
        assert_eq!(parsed(&[]), Ok(SourceSetting::Rancher { metadata_url: url.to_owned() }));
        assert_eq!(parsed(&["--source=rancher"]).unwrap().address(), url);
    }

    #[test]
    fn a_file_has_an_absolute_path() {
        let file = parsed(&["--source=file:/etc/stalls/s.yml"]).unwrap();
        assert_eq!(file, SourceSetting::File { path: "/etc/stalls/s.yml".into() });
        assert_eq!((file.name(), &*file.to_string()), ("file", "file:/etc/stalls/s.yml"));
        assert!(parsed(&["--source=file:s.yml"]).unwrap_err().contains("must be an absolute path"));
        assert!(parsed(&["--source=file:"]).unwrap_err().contains("must be an absolute path"));
    }

    #[test]
    fn anything_else_is_refused_with_what_would_do() {
        assert_eq!(
            parsed(&["--source=consul"]),
            Err("SOURCE=\"consul\": must be rancher, docker, swarm, kubernetes, or file: with an absolute path \
                 such as file:/etc/stalls/services.yml\n"
                .to_owned())
        );
    }

    #[test]
    fn settings_of_other_sources_are_ignored() {
        let strange = ["--metadata-url=x", "--docker-host=ssh://x"];
        assert!(parsed(&["--source=file:/f", strange[0], strange[1]]).is_ok());
        assert!(parsed(&[strange[1]]).is_ok());
        assert!(parsed(&[strange[0]]).unwrap_err().starts_with("METADATA_URL="));
    }

    #[cfg(feature = "docker")]
    #[test]
    fn docker_and_swarm_have_an_engine() {
        for (name, is_swarm) in [("docker", false), ("swarm", true)] {
            let source = parsed(&["--source", name, "--metadata-url=x"]).unwrap();
            assert_eq!((source.name(), matches!(source, SourceSetting::Swarm(_))), (name, is_swarm));
            assert_eq!(source.address(), "unix:///var/run/docker.sock");
        }
        assert!(
            parsed(&["--source=docker", "--docker-host=ssh://x"]).unwrap_err().starts_with("DOCKER_HOST=")
        );
    }

    #[cfg(feature = "kubernetes")]
    #[test]
    fn kubernetes_has_a_cluster() {
        let source = parsed(&["--source=kubernetes", "--kubeconfig=/f", "--docker-host=ssh://x"]).unwrap();
        assert_eq!((source.name(), &*source.address()), ("kubernetes", "/f"));
        let error = parsed(&["--source=kubernetes", "--kubeconfig=f"]).unwrap_err();
        assert!(error.starts_with("KUBECONFIG="), "{error}");
    }

    #[cfg(not(feature = "docker"))]
    #[test]
    fn a_build_without_docker_says_so() {
        for name in ["docker", "swarm"] {
            assert!(parsed(&["--source", name]).unwrap_err().contains("is not in this build"));
        }
    }
}
