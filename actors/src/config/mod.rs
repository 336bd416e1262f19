//! The third stage: HAProxy's configuration on disk, that of the newest plan which HAProxy accepts.

mod checked_file;
mod render;
mod template;
mod writer;

pub use checked_file::{CheckedFile, ConfigStore, WriteError};
pub use render::{HaproxyConfig, ListenSettings, RenderError, render};
pub use template::{Template, TemplateError};
pub use writer::{ConfigWriter, WriterSettings};
