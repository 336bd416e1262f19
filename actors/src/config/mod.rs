//! The third stage: HAProxy's configuration on disk, that of the newest plan which HAProxy accepts.

mod checked_file;
mod haproxy_config;
mod maxconn;
mod render;
mod spare;
mod template;
mod text;
mod vetted;
mod writer;

pub use checked_file::{CheckedFile, ConfigStore, WriteError};
pub use haproxy_config::{Frame, HaproxyConfig, Routes};
pub use render::{ListenSettings, RenderError, Renderer};
pub use template::{Template, TemplateError};
pub use text::ConfigText;
pub use writer::{ConfigWriter, WriterSettings};
