//! The versions of the metadata API, and in what they differ.

use serde_json::{Map, Value, json};

/// A version of the API; `latest` is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ApiVersion {
    V2015_07_25,
    V2015_12_19,
    V2016_07_29,
}

impl ApiVersion {
    pub(super) const ALL: [Self; 3] = [Self::V2015_07_25, Self::V2015_12_19, Self::V2016_07_29];

    pub(super) fn parse(name: &str) -> Option<Self> {
        if name == "latest" {
            return Self::ALL.last().copied();
        }
        Self::ALL.into_iter().find(|version| version.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V2015_07_25 => "2015-07-25",
            Self::V2015_12_19 => "2015-12-19",
            Self::V2016_07_29 => "2016-07-29",
        }
    }

    /// Whether documents contain their parts; 2015-07-25 has only the parts' names.
    pub(super) fn nests(self) -> bool {
        self > Self::V2015_07_25
    }

    /// Makes a container's document this version's (`applyVersionToData` in
    /// rancher/rancher-metadata, `config/generator.go`).
    pub(super) fn shape_container(self, container: &mut Map<String, Value>, agent_ip: &str) {
        let published = container["ports"].as_array().cloned().unwrap_or_default();
        let default_ip = if self == Self::V2016_07_29 { "0.0.0.0" } else { agent_ip };
        let ports: Vec<_> = published
            .iter()
            .filter_map(Value::as_str)
            .map(|port| {
                if port.matches(':').count() == 2 { port.to_owned() } else { format!("{default_ip}:{port}") }
            })
            .collect();
        container["ports"] = json!(ports);
        if self == Self::V2016_07_29 {
            null_if_empty(container, "ports");
            lower_case(container, &["name", "service_name", "stack_name"]);
        }
    }

    /// Makes a service's document this version's.
    pub(super) fn shape_service(self, service: &mut Map<String, Value>) {
        null_if_empty(service, "containers");
        if self == Self::V2016_07_29 {
            null_if_empty(service, "sidekicks");
            if service["links"].is_null() {
                service["links"] = json!({});
            }
            lower_case(service, &["name", "stack_name", "primary_service_name"]);
        }
    }

    /// Makes a stack's document this version's.
    pub(super) fn shape_stack(self, stack: &mut Map<String, Value>) {
        null_if_empty(stack, "services");
        if self == Self::V2016_07_29 {
            lower_case(stack, &["name"]);
        }
    }

    /// Makes a host's document this version's.
    pub(super) fn shape_host(self, host: &mut Map<String, Value>) {
        if self == Self::V2016_07_29 {
            host.remove("hostId");
        }
    }
}

/// Go marshals a slice that nobody has appended to as `null`.
fn null_if_empty(document: &mut Map<String, Value>, field: &str) {
    if document[field].as_array().is_some_and(Vec::is_empty) {
        document[field] = Value::Null;
    }
}

fn lower_case(document: &mut Map<String, Value>, fields: &[&str]) {
    for field in fields {
        if let Some(name) = document[*field].as_str() {
            document[*field] = Value::from(name.to_lowercase());
        }
    }
}
