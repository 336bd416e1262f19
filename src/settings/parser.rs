//! Reads settings one by one and keeps what is wrong with any of them.

use super::{
    raw_setting::RawSetting,
    table::{Fallback, Setting},
};
use crate::{
    cli::Cli,
    mistake::{Mistake, Mistakes},
};

/// A setting had a mistake, which the `SettingsParser` has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported;

/// The settings as they were given, and the mistakes so far.
#[derive(Debug)]
pub(super) struct SettingsParser<'a> {
    cli: &'a Cli,
    mistakes: Vec<Mistake>,
}

impl<'a> SettingsParser<'a> {
    pub(super) fn new(cli: &'a Cli) -> Self {
        Self { cli, mistakes: Vec::new() }
    }

    /// The value of a setting that is required or has a default.
    pub(super) fn value<T>(
        &mut self,
        setting: &'static Setting,
        read: impl FnOnce(&RawSetting<'a>) -> Result<T, Mistake>,
    ) -> Result<T, Reported> {
        let value = self.optional(setting, read)?;
        self.report(value.ok_or_else(|| missing(setting)))
    }

    /// The value of a setting that may be unset.
    pub(super) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        read: impl FnOnce(&RawSetting<'a>) -> Result<T, Mistake>,
    ) -> Result<Option<T>, Reported> {
        let value = text(self.cli, setting)
            .and_then(|text| text.map(|text| read(&RawSetting { setting, text })).transpose());
        self.report(value)
    }

    /// Keeps the mistake that `result` may carry.
    pub(super) fn report<T>(&mut self, result: Result<T, Mistake>) -> Result<T, Reported> {
        result.map_err(|mistake| {
            self.add(mistake);
            Reported
        })
    }

    /// Keeps a mistake that does not keep others from being found.
    pub(super) fn add(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// `value`, unless there was a mistake anywhere.
    pub(super) fn finish<T>(self, value: Result<T, Reported>) -> Result<T, Mistakes> {
        match value {
            Ok(value) if self.mistakes.is_empty() => Ok(value),
            Ok(_) | Err(Reported) => Err(Mistakes(self.mistakes)),
        }
    }
}

/// What was given without the blanks around it, else the default.
fn text<'a>(cli: &'a Cli, setting: &'static Setting) -> Result<Option<&'a str>, Mistake> {
    let Some(raw) = cli.value(setting) else {
        return Ok(match setting.fallback {
            Fallback::Value(text) => Some(text),
            Fallback::Required | Fallback::Found(_) => None,
        });
    };
    let wrong = |text: &str, remedy| Mistake::wrong(setting.name, text, remedy);
    let text = raw.to_str().ok_or_else(|| wrong(&raw.to_string_lossy(), "must be UTF-8"))?;
    match text.trim() {
        "" => Err(wrong(text, "must not be blank")),
        text => Ok(Some(text)),
    }
}

fn missing(setting: &Setting) -> Mistake {
    let mut what = setting.to_string();
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Mistake::missing(setting.name, format_args!("give {what}"))
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
        parser.finish(value).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn an_empty_value_is_no_value() {
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn blanks_around_a_value_are_not_part_of_it() {
        assert_eq!(read(" a b\n"), Ok(Some("a b".into())));
        assert_eq!(read(" "), Err("STACK_NAME=\" \": must not be blank\n".into()));
    }

    #[test]
    fn bytes_that_are_no_text_are_a_mistake() {
        assert_eq!(
            read(OsString::from_vec(vec![b'a', 0xff])),
            Err("STACK_NAME=\"a\u{fffd}\": must be UTF-8\n".into())
        );
    }

    #[test]
    fn every_mistake_is_kept_in_order() {
        let cli = Cli::from_arguments(["--base-port=x"]).unwrap();
        let mut parser = SettingsParser::new(&cli);
        assert_eq!(parser.value(&BACKEND_PORT, RawSetting::port), Err(Reported));
        assert_eq!(parser.value(&BASE_PORT, RawSetting::port), Err(Reported));
        assert_eq!(parser.value(&DRAIN_MS, RawSetting::milliseconds).unwrap().as_secs(), 8, "the default");
        let told = parser.finish(Ok(())).unwrap_err().to_string();
        let lines: Vec<_> = told.lines().map(|line| line.split([' ', '=']).next().unwrap()).collect();
        assert_eq!(lines, ["BACKEND_PORT", "BASE_PORT"]);
    }
}
