//! Parses settings one by one and collects their errors.

use super::{
    raw_setting::RawSetting,
    table::{Fallback, Setting},
};
use crate::{
    cli::Cli,
    config_error::{ConfigError, ConfigErrors},
};

/// A setting has an error, which the `SettingsParser` has kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported;

/// The command line and the environment, and the errors so far.
#[derive(Debug)]
pub(super) struct SettingsParser<'a> {
    cli: &'a Cli,
    errors: Vec<ConfigError>,
}

impl<'a> SettingsParser<'a> {
    pub(super) fn new(cli: &'a Cli) -> Self {
        Self { cli, errors: Vec::new() }
    }

    /// The command line.
    pub(super) fn cli(&self) -> &'a Cli {
        self.cli
    }

    /// The value of a setting that is required or has a default.
    pub(super) fn value<T>(
        &mut self,
        setting: &'static Setting,
        read: impl FnOnce(&RawSetting<'a>) -> Result<T, ConfigError>,
    ) -> Result<T, Reported> {
        let value = self.optional(setting, read)?;
        self.check(value.ok_or_else(|| missing(setting)))
    }

    /// The value of a setting that may be unset.
    pub(super) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        read: impl FnOnce(&RawSetting<'a>) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, Reported> {
        let value = text(self.cli, setting)
            .and_then(|text| text.map(|text| read(&RawSetting { setting, text })).transpose());
        self.check(value)
    }

    /// The text of a setting that is parsed elsewhere, where its errors are kept.
    pub(super) fn text(&self, setting: &'static Setting) -> Option<&'a str> {
        text(self.cli, setting).ok().flatten()
    }

    /// Keeps the error of `result`, if it is one.
    pub(super) fn check<T>(&mut self, result: Result<T, ConfigError>) -> Result<T, Reported> {
        result.map_err(|error| {
            self.report(error);
            Reported
        })
    }

    /// Keeps an error for [`finish`](Self::finish).
    pub(super) fn report(&mut self, error: ConfigError) {
        self.errors.push(error);
    }

    /// Returns `value` if no setting has an error, else all the errors.
    pub(super) fn finish<T>(self, value: Result<T, Reported>) -> Result<T, ConfigErrors> {
        match value {
            Ok(value) if self.errors.is_empty() => Ok(value),
            Ok(_) | Err(Reported) => Err(ConfigErrors(self.errors)),
        }
    }
}

/// The given text without surrounding blanks, else the default.
fn text<'a>(cli: &'a Cli, setting: &'static Setting) -> Result<Option<&'a str>, ConfigError> {
    let Some(raw) = cli.value(setting) else {
        return Ok(match setting.fallback {
            Fallback::Value(text) => Some(text),
            Fallback::RequiredUnless(_) | Fallback::Found(_) => None,
        });
    };
    let wrong = |text: &str, remedy| ConfigError::wrong(setting.name, text, remedy);
    let text = raw.to_str().ok_or_else(|| wrong(&raw.to_string_lossy(), "must be UTF-8"))?;
    match text.trim() {
        "" => Err(wrong(text, "must not be blank")),
        text => Ok(Some(text)),
    }
}

fn missing(setting: &Setting) -> ConfigError {
    let mut what = setting.to_string();
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    ConfigError::missing(setting.name, format_args!("give {what}"))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    use super::{
        super::table::{BACKEND_PORT, BASE_PORT, DRAIN_MS, STACK_NAME},
        *,
    };

    fn read(value: impl Into<OsString>) -> Result<Option<String>, String> {
        let cli = Cli::from_arguments(["--stack-name".into(), value.into()]).unwrap();
        let mut parser = SettingsParser::new(&cli);
        let value = parser.optional(&STACK_NAME, |raw| Ok(raw.text.to_owned()));
        parser.finish(value).map_err(|errors| errors.to_string())
    }

    #[test]
    fn an_empty_value_is_no_value() {
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn surrounding_blanks_are_removed() {
        assert_eq!(read(" a b\n"), Ok(Some("a b".into())));
        assert_eq!(read(" "), Err("STACK_NAME=\" \": must not be blank\n".into()));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        assert_eq!(
            read(OsString::from_vec(vec![b'a', 0xff])),
            Err("STACK_NAME=\"a\u{fffd}\": must be UTF-8\n".into())
        );
    }

    #[test]
    fn all_errors_are_kept_in_order() {
        let cli = Cli::from_arguments(["--base-port=x"]).unwrap();
        let mut parser = SettingsParser::new(&cli);
        assert_eq!(parser.value(&BACKEND_PORT, RawSetting::port), Err(Reported));
        assert_eq!(parser.value(&BASE_PORT, RawSetting::port), Err(Reported));
        assert_eq!(parser.value(&DRAIN_MS, RawSetting::milliseconds).unwrap().as_secs(), 8, "the default");
        let errors = parser.finish(Ok(())).unwrap_err().to_string();
        let lines: Vec<_> = errors.lines().map(|line| line.split([' ', '=']).next().unwrap()).collect();
        assert_eq!(lines, ["BACKEND_PORT", "BASE_PORT"]);
    }
}
