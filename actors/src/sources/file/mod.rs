//! A file that lists the containers of each service, as JSON or YAML. A person writes it, or a program such as
//! consul-template.
//!
//! It is looked at each second by its content: the events of the kernel miss a file that is mounted alone, one behind
//! symbolic links that are swapped (Kubernetes' ConfigMaps), and all of NFS.

mod document;
mod watched;

pub use watched::WatchedFile;
