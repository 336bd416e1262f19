//! The adapter of the source that the settings name.

#[cfg(feature = "docker")]
use std::collections::{BTreeMap, BTreeSet};

use slog::Logger;
#[cfg(feature = "kubernetes")]
use stalls_actors::sources::kubernetes::Kubernetes;
#[cfg(feature = "docker")]
use stalls_actors::{
    domain::Mapping,
    sources::{
        docker::{Docker, DockerSettings},
        swarm::{Swarm, SwarmSettings},
    },
};
use stalls_actors::{
    metadata::Source,
    sources::{
        file::WatchedFile,
        rancher::{HttpMetadata, MetadataLimits, Rancher},
    },
};

use crate::settings::{Settings, SourceSetting};

/// The adapter, to be made on the thread that uses it. Whether it asks what stalls' own container publishes is told by
/// `needs_own_ports`.
pub(crate) fn source(settings: &Settings, needs_own_ports: bool, log: Logger) -> Box<dyn Source> {
    let services = settings.services();
    match &settings.source {
        SourceSetting::Rancher { metadata_url } => {
            let server = HttpMetadata::new(metadata_url.clone(), MetadataLimits::default(), log.clone());
            Box::new(Rancher::new(server, services, needs_own_ports, log))
        }
        SourceSetting::File { path } => Box::new(WatchedFile::new(path.clone(), services)),
        #[cfg(feature = "docker")]
        SourceSetting::Docker(docker) => Box::new(Docker::new(docker.clone(), services, log)),
        #[cfg(feature = "kubernetes")]
        SourceSetting::Kubernetes(kubernetes) => Box::new(Kubernetes::new(kubernetes.clone(), services, log)),
        #[cfg(feature = "docker")]
        SourceSetting::Swarm(docker) => {
            let mut services: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
            for Mapping { service, backend_port, .. } in &settings.mappings {
                // The settings have let no name pass.
                services.entry(service.clone()).or_default().extend(backend_port.number());
            }
            let DockerSettings { engine, network } = docker.clone();
            Box::new(Swarm::new(SwarmSettings { engine, services, network }))
        }
    }
}
