//! The document: everything at one moment.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};
use stalls_actors::domain::BackendPort;
use utoipa::{
    ToSchema,
    openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type},
};

use super::{PortStatus, Timestamp};
use crate::doctor::Finding;

/// Which state of all this is meant: another one after every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    /// Which stalls process.
    pub(crate) instance: u32,
    /// Grows by one with each change.
    pub(crate) number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.instance, self.number)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (instance, number) = text.split_once('-').ok_or(())?;
        let instance = u32::from_str_radix(instance, 16).map_err(drop)?;
        Ok(Self { instance, number: number.parse().map_err(drop)? })
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) id: EventId,
    pub(crate) at: Timestamp,
    pub(crate) started: Timestamp,
    /// Of the newest plan; 0 before the first.
    pub(crate) revision: u64,
    pub(crate) hash: Arc<str>,
    pub(crate) services: Vec<Service>,
    pub(crate) source: Source,
    pub(crate) haproxy: Haproxy,
    pub(crate) ports: BTreeMap<u16, Arc<PortStatus>>,
    pub(crate) unmapped: Vec<Unmapped>,
    pub(crate) findings: Arc<[Finding]>,
    /// Why the newest configuration cannot be rendered, or is not accepted.
    pub(crate) config_problem: Option<Arc<str>>,
}

/// A service that is mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Service {
    /// `stack/service`, or `service`.
    #[schema(value_type = String)]
    pub(crate) service: Arc<str>,
    /// The first port of its pool.
    #[schema(minimum = 1)]
    pub(crate) base_port: u16,
    /// The size of its pool.
    pub(crate) ports: u16,
    #[schema(schema_with = backend_port)]
    pub(crate) backend_port: BackendPort,
    /// Whether what the source says of it is new.
    pub(crate) state: SourceState,
    pub(crate) since: Timestamp,
    /// A stable label of what is wrong with what the source says of it; if nothing is, of the reason why none of its
    /// containers is mapped; none if one is.
    pub(crate) kind: Option<&'static str>,
    /// What is wrong with what the source says of it, or why none of its containers is mapped; and what would do.
    #[schema(value_type = Option<String>)]
    pub(crate) reason: Option<Arc<str>>,
    /// Whether none of its containers is mapped.
    #[serde(skip)]
    pub(crate) is_unmapped: bool,
}

fn backend_port() -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(65_535));
    let name = ObjectBuilder::new().schema_type(Type::String);
    let either = OneOfBuilder::new().item(number).item(name);
    either
        .description(Some(
            "The port that each container listens on: its number, or the name that each has for it.",
        ))
        .build()
        .into()
}

/// Where the containers are known from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Source {
    /// Which kind of source.
    pub(crate) kind: &'static str,
    pub(crate) state: SourceState,
    pub(crate) since: Timestamp,
    /// A stable label of what is wrong.
    pub(crate) fault: Option<&'static str>,
    /// What is wrong, and what would do.
    #[schema(value_type = Option<String>)]
    pub(crate) reason: Option<Arc<str>>,
}

/// Whether what the source says is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceState {
    /// It is.
    Ok,
    /// The last good mapping serves on.
    Stale,
}

impl SourceState {
    /// Its name in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
        }
    }
}

/// HAProxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Haproxy {
    pub(crate) state: HaproxyRuns,
    pub(crate) since: Timestamp,
    pub(crate) pid: Option<u32>,
    pub(crate) version: Option<String>,
    /// When its process was started.
    pub(crate) started: Option<Timestamp>,
    /// Of the newest plan that is in force.
    pub(crate) revision: Option<u64>,
    /// A stable label of what is wrong.
    pub(crate) kind: Option<&'static str>,
    /// Why it is down, or why the newest plan is not in force.
    #[schema(value_type = Option<String>)]
    pub(crate) reason: Option<Arc<str>>,
    /// How many processes still have connections after reloads.
    pub(crate) draining_processes: usize,
}

/// Whether HAProxy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HaproxyRuns {
    Running,
    Down,
    /// There is nothing to serve yet.
    Waiting,
}

impl HaproxyRuns {
    /// Its name in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Down => "down",
            Self::Waiting => "waiting",
        }
    }
}

/// A container that has no port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Unmapped {
    /// Its service.
    #[schema(value_type = String)]
    pub(crate) service: Arc<str>,
    pub(crate) container: UnmappedContainer,
    /// A stable label of the reason.
    pub(crate) kind: &'static str,
    /// Why, and what would do.
    #[schema(value_type = String)]
    pub(crate) reason: Arc<str>,
    pub(crate) since: Timestamp,
}

/// Which container has no port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct UnmappedContainer {
    /// Its name, for people; empty if it is not known.
    #[schema(value_type = String)]
    pub(crate) name: Arc<str>,
    /// Its identity; empty if it has none.
    #[schema(value_type = String)]
    pub(crate) uuid: Arc<str>,
}
