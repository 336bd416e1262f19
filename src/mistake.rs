//! What a person set wrong, told so that one reading is enough to mend it.

use std::fmt;

use crate::printable::Printable;

/// How much of a value is quoted, in characters: a line stays a line that can be read.
const QUOTED_CHARS: usize = 120;

/// One wrong or missing setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    setting: &'static str,
    value: Option<String>,
    remedy: String,
}

impl Mistake {
    /// `value` will not do for `setting`; `remedy` says what would.
    pub(crate) fn wrong(setting: &'static str, value: &str, remedy: impl fmt::Display) -> Self {
        Self { setting, value: Some(without_password(value)), remedy: remedy.to_string() }
    }

    /// `setting` has no value, and needs one; `remedy` says which.
    pub(crate) fn missing(setting: &'static str, remedy: impl fmt::Display) -> Self {
        Self { setting, value: None, remedy: remedy.to_string() }
    }
}

/// Of an address such as `http://user:password@host`, who asks is not told: logs are read by many.
fn without_password(value: &str) -> String {
    match value.rsplit_once('@') {
        Some((before, after)) if before.contains(':') => {
            let scheme = before.find("//").map_or("", |end| &before[..end + 2]);
            format!("{scheme}…@{after}")
        }
        _ => value.to_owned(),
    }
}

/// One line without its end. The value and what others said about it stand escaped, so that no newline
/// in them can forge a line.
impl fmt::Display for Mistake {
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

/// All the mistakes of a start, in the order of reading; at least one.
#[derive(Debug)]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

/// One line for each mistake, every one with its end.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mistake| writeln!(f, "{mistake}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_setting_its_value_and_what_would_do() {
        let wrong = Mistake::wrong("BASE_PORT", "70000", "must be a port from 1 to 65535");
        assert_eq!(wrong.to_string(), r#"BASE_PORT="70000": must be a port from 1 to 65535"#);
        let missing = Mistake::missing("BASE_PORT", "give it a port");
        assert_eq!(missing.to_string(), "BASE_PORT is not set: give it a port");
    }

    #[test]
    fn a_newline_cannot_forge_a_line() {
        let forged = Mistake::wrong("STATE_DIR", "x\nRUN_DIR=\"y\"\u{1b}[2J", "refused:\r\nall is well");
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
            assert_eq!(Mistake::wrong("X", value, "y").to_string(), format!("X={quoted:?}: y"));
        }
    }

    #[test]
    fn a_long_value_is_cut() {
        let line = Mistake::wrong("SERVICE_NAME", &"é".repeat(5000), "must be shorter").to_string();
        assert_eq!(
            line.chars().count(),
            "SERVICE_NAME=\"…\": must be shorter".chars().count() + QUOTED_CHARS
        );
    }
}
