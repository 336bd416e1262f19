//! Reads settings one by one and keeps what is wrong with any of them.

use std::ffi::OsString;

use super::given::Given;
use crate::mistake::{Mistake, Mistakes};

/// A setting had a mistake, which the `Reading` has noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted;

/// The mistakes so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    mistakes: Vec<Mistake>,
}

impl Reading {
    /// Notes the mistake that `result` may carry.
    pub(super) fn note<T>(&mut self, result: Result<T, Mistake>) -> Result<T, Noted> {
        result.map_err(|mistake| {
            self.mistakes.push(mistake);
            Noted
        })
    }

    /// A setting that may be unset.
    pub(super) fn optional<'a, T>(
        &mut self,
        name: &'static str,
        raw: &'a Option<OsString>,
        parse: impl FnOnce(&Given<'a>) -> Result<T, Mistake>,
    ) -> Result<Option<T>, Noted> {
        let value = given(name, raw).and_then(|given| given.as_ref().map(parse).transpose());
        self.note(value)
    }

    /// A setting that has to be set; `remedy` says to what.
    pub(super) fn required<'a, T>(
        &mut self,
        name: &'static str,
        raw: &'a Option<OsString>,
        remedy: &str,
        parse: impl FnOnce(&Given<'a>) -> Result<T, Mistake>,
    ) -> Result<T, Noted> {
        let value = self.optional(name, raw, parse)?;
        self.note(value.ok_or_else(|| Mistake::missing(name, remedy)))
    }

    /// A setting with a default. A wrong value reads as the default too: what is built from it is
    /// thrown away, since `finish` then fails.
    pub(super) fn with_default<'a, T>(
        &mut self,
        name: &'static str,
        raw: &'a Option<OsString>,
        default: T,
        parse: impl FnOnce(&Given<'a>) -> Result<T, Mistake>,
    ) -> T {
        self.optional(name, raw, parse).unwrap_or_default().unwrap_or(default)
    }

    /// `value`, unless there was a mistake anywhere.
    pub(super) fn finish<T>(self, value: Result<T, Noted>) -> Result<T, Mistakes> {
        match value {
            Ok(value) if self.mistakes.is_empty() => Ok(value),
            Ok(_) | Err(Noted) => Err(Mistakes(self.mistakes)),
        }
    }
}

/// `None` when nothing is given. Catalogs send an empty value for a question left blank.
fn given<'a>(name: &'static str, raw: &'a Option<OsString>) -> Result<Option<Given<'a>>, Mistake> {
    let Some(raw) = raw.as_ref().filter(|raw| !raw.is_empty()) else {
        return Ok(None);
    };
    let text = raw.to_str().ok_or_else(|| Mistake::wrong(name, &raw.to_string_lossy(), "must be UTF-8"))?;
    match text.trim() {
        "" => Err(Mistake::wrong(name, text, "must not be blank")),
        text => Ok(Some(Given { name, text })),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn read(raw: impl Into<OsString>) -> Result<Option<String>, String> {
        let mut reading = Reading::default();
        let value = reading.optional("X", &Some(raw.into()), |given| Ok(given.text.to_owned()));
        reading.finish(value).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn an_empty_value_is_no_value() {
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn blanks_around_a_value_are_not_part_of_it() {
        assert_eq!(read(" a b\n"), Ok(Some("a b".into())));
        assert_eq!(read(" "), Err("X=\" \": must not be blank\n".into()));
    }

    #[test]
    fn bytes_that_are_no_text_are_a_mistake() {
        assert_eq!(
            read(OsString::from_vec(vec![b'a', 0xff])),
            Err("X=\"a\u{fffd}\": must be UTF-8\n".into())
        );
    }

    #[test]
    fn every_mistake_is_kept_in_order() {
        let mut reading = Reading::default();
        let wrong = Some("x".into());
        let _ = reading.required("A", &None, "give it a port", Given::port);
        assert!(reading.with_default("B", &wrong, true, Given::yes_or_no), "the default");
        let told = reading.finish(Ok(())).unwrap_err().to_string();
        let lines: Vec<_> = told.lines().map(|line| &line[..2]).collect();
        assert_eq!(lines, ["A ", "B="]);
    }
}
