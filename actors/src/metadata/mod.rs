//! The first stage: following the source of the containers.

mod followed;
mod messages;
mod once;
mod pace;
mod poller;
mod source;
mod udp;

pub use messages::{MetadataReport, ReportMetadata, ServiceChanged, SourceFault};
pub use poller::{MetadataPoller, PollerSettings};
pub use source::{Answer, Answers, Fault, Listing, OwnPorts, Source, State, ask_once};
pub use udp::PublishedUdp;
