//! The third stage: HAProxy's configuration.
//!
//! A configuration is a [`Frame`], which is all that only a new process can change, and the *routes*, which say
//! which container each port leads to. A plan that only changes routes concerns HAProxy alone, which is told so over
//! its runtime API; the writer's part is the frame. It proposes a new one whenever the ports differ, and has
//! `haproxy -c` check it when the supervisor asks for that. The file `haproxy.cfg` is a copy for people: neither
//! HAProxy nor stalls ever reads it.

mod check;
mod config_file;
mod copy;
mod frame;
mod limits;
mod problems;
mod render;
mod servers;
mod template;
mod writer;

pub use check::{CheckError, Checker};
pub use config_file::{ConfigError, ConfigFile, ConfigStore};
pub use frame::{Frame, FrameDigest, HaproxyConfig, Routes};
pub use limits::{Limits, MAX_CONNECTIONS, MAX_IDLE_TIMEOUT};
pub use render::{ListenSettings, RenderError, Renderer};
pub use template::{CLI_SOCKET_VARIABLE, Template, TemplateError};
pub use writer::{ConfigReport, ConfigWriter, ConfigWritten, ReportConfig, Verdict, WriterSettings};
