//! Errors in the settings. Each names the setting, its value and what would be right.

use std::{fmt, io};

use rustix::io::Errno;

use crate::{exit::Exit, printable::Printable, settings::table::MAPPINGS};

/// How much of a value is quoted, in characters, so that the line stays readable.
const QUOTED_CHARS: usize = 120;

/// One wrong or missing setting, or one that names what the machine does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    setting: &'static str,
    value: Option<String>,
    remedy: String,
    is_temporary: bool,
}

impl ConfigError {
    /// `value` is wrong for `setting`; `remedy` says what would be right.
    pub(crate) fn wrong(setting: &'static str, value: &str, remedy: impl fmt::Display) -> Self {
        let (value, remedy) = (Some(without_password(setting, value)), remedy.to_string());
        Self { setting, value, remedy, is_temporary: false }
    }

    /// `setting` needs a value and has none; `remedy` says which.
    pub(crate) fn missing(setting: &'static str, remedy: impl fmt::Display) -> Self {
        Self { setting, value: None, remedy: remedy.to_string(), is_temporary: false }
    }

    /// The value may be right, and the machine lacks something: the same start may succeed later.
    pub(crate) fn temporary(self) -> Self {
        Self { is_temporary: true, ..self }
    }

    /// [`temporary`](Self::temporary), unless `cause` comes of the path itself.
    pub(crate) fn caused_by(self, cause: &io::Error) -> Self {
        if is_of_the_path(cause) { self } else { self.temporary() }
    }
}

/// Whether the error is that of a path which is wrong, not of a machine that cannot do what it is asked for now.
fn is_of_the_path(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, Other};
    let kinds = [InvalidData, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, Other];
    // It has no stable kind of its own.
    let is_loop = Errno::from_io_error(error) == Some(Errno::LOOP);
    is_loop || kinds.contains(&error.kind())
}

/// Hides the user and the password of `http://user:password@host`: many people read logs. A mapping is written much
/// alike, `service:port@port`, and has none.
pub(crate) fn without_password(setting: &str, value: &str) -> String {
    match value.rsplit_once('@') {
        Some((before, after)) if before.contains(':') && setting != MAPPINGS.name => {
            let scheme = before.find("//").map_or("", |end| &before[..end + 2]);
            format!("{scheme}…@{after}")
        }
        _ => value.to_owned(),
    }
}

/// One line without a newline. The value and the remedy are escaped, so that no newline in them can forge a line.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.setting)?;
        match &self.value {
            Some(value) => {
                let mut quoted: String = value.chars().take(QUOTED_CHARS).collect();
                if quoted.len() < value.len() {
                    quoted.push('…');
                }
                write!(f, "={quoted:?}: ")?;
            }
            None => f.write_str(" is not set: ")?,
        }
        Printable(&self.remedy).fmt(f)
    }
}

/// All the errors of a start, at least one, in the order in which the settings are read.
#[derive(Debug)]
pub(crate) struct ConfigErrors(pub(crate) Vec<ConfigError>);

impl ConfigErrors {
    /// The exit code: a wrong value is wrong in the next start, too.
    pub(crate) fn exit(&self) -> Exit {
        if self.0.iter().all(|error| error.is_temporary) { Exit::Temporary } else { Exit::Config }
    }
}

/// One line for each error, with a newline at its end.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|error| writeln!(f, "{error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_setting_its_value_and_the_remedy() {
        let wrong = ConfigError::wrong("BASE_PORT", "70000", "must be a port from 1 to 65535");
        assert_eq!(wrong.to_string(), r#"BASE_PORT="70000": must be a port from 1 to 65535"#);
        let missing = ConfigError::missing("BASE_PORT", "give it a port");
        assert_eq!(missing.to_string(), "BASE_PORT is not set: give it a port");
    }

    #[test]
    fn only_what_the_machine_lacks_is_temporary() {
        let exit = |errors: &[ConfigError]| ConfigErrors(errors.to_vec()).exit();
        let wrong = ConfigError::wrong("RUN_DIR", "/x", "no");
        let lacking = wrong.clone().temporary();
        assert_eq!(exit(&[lacking.clone(), lacking.clone()]), Exit::Temporary);
        assert_eq!(exit(&[lacking, wrong.clone()]), Exit::Config);
        for errno in [Errno::NOSPC, Errno::ACCESS, Errno::ROFS, Errno::MFILE, Errno::NOENT, Errno::IO] {
            assert_eq!(exit(&[wrong.clone().caused_by(&errno.into())]), Exit::Temporary, "{errno}");
        }
        for errno in [Errno::NOTDIR, Errno::ISDIR, Errno::NAMETOOLONG, Errno::LOOP] {
            assert_eq!(exit(&[wrong.clone().caused_by(&errno.into())]), Exit::Config, "{errno}");
        }
        assert_eq!(exit(&[wrong.caused_by(&io::Error::other("not a regular file"))]), Exit::Config);
    }

    #[test]
    fn a_newline_cannot_forge_a_line() {
        let forged = ConfigError::wrong("STATE_DIR", "x\nRUN_DIR=\"y\"\u{1b}[2J", "refused:\r\nall is well");
        let line = forged.to_string();
        assert_eq!(
            line, r#"STATE_DIR="x\nRUN_DIR=\"y\"\u{1b}[2J": refused:\r\nall is well"#,
            "the escapes stand for what they escape"
        );
        assert!(!line.chars().any(char::is_control));
    }

    #[test]
    fn a_password_in_an_address_is_not_quoted() {
        for (value, quoted) in [
            ("http://user:secret@host/latest", "http://…@host/latest"),
            ("http://secret@host", "http://…@host"),
            ("https://user:sec@ret@host/", "https://…@host/"),
            ("user:secret@host", "…@host"),
            ("//user:sec//ret@host", "//…@host"),
            ("/srv/a@b", "/srv/a@b"),
        ] {
            assert_eq!(ConfigError::wrong("X", value, "y").to_string(), format!("X={quoted:?}: y"));
        }
    }

    #[test]
    fn a_long_value_is_cut() {
        let line = ConfigError::wrong("SERVICE_NAME", &"é".repeat(5000), "must be shorter").to_string();
        assert_eq!(
            line.chars().count(),
            "SERVICE_NAME=\"…\": must be shorter".chars().count() + QUOTED_CHARS
        );
    }
}
