//! The names of the levels.

use slog::Level;

/// The level with this name.
pub(crate) fn named(name: &str) -> Option<Level> {
    match name {
        "critical" => Some(Level::Critical),
        "error" => Some(Level::Error),
        "warning" | "warn" => Some(Level::Warning),
        "info" => Some(Level::Info),
        "debug" => Some(Level::Debug),
        "trace" => Some(Level::Trace),
        _ => None,
    }
}

/// The name of a level in JSON.
pub(super) const fn name(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_found_by_its_name() {
        use Level::{Critical, Debug, Error, Info, Trace, Warning};
        for level in [Critical, Error, Warning, Info, Debug, Trace] {
            assert_eq!(named(name(level)), Some(level));
        }
        assert_eq!(named("warn"), Some(Level::Warning));
        assert_eq!(named("loud"), None);
    }
}
