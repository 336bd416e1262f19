//! The names of services and stacks.

use super::super::raw_setting::RawSetting;
use crate::config_error::ConfigError;

/// What a source takes a number for that stands where a name may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Rancher's metadata service parses each segment of a path with Go's `strconv.Atoi`, and takes a number for a
    /// list index.
    ArePositions,
    /// A name like any other.
    AreNames,
}

/// The name in a setting of its own.
///
/// # Errors
/// It has a slash, which `hint` says what to do about, or it cannot be a name.
pub(super) fn of(raw: &RawSetting<'_>, numbers: Numbers, hint: &str) -> Result<String, ConfigError> {
    if raw.text.contains('/') {
        return Err(raw.wrong(format_args!("must not contain a slash; {hint}")));
    }
    match objection(raw.text, numbers) {
        Some(objection) => Err(raw.wrong(objection)),
        None => Ok(raw.text.to_owned()),
    }
}

/// Why this cannot be a name, if it cannot.
pub(super) fn objection(name: &str, numbers: Numbers) -> Option<&'static str> {
    if name.chars().any(char::is_control) {
        return Some("must not contain control characters");
    }
    let is_position = numbers == Numbers::ArePositions && name.parse::<i64>().is_ok();
    is_position.then_some(
        "must not be a number, which the metadata service takes for a list index; use the uuid instead",
    )
}

#[cfg(test)]
mod tests {
    use super::{super::super::table::STACK_NAME, *};

    fn read(text: &str, numbers: Numbers) -> Result<String, String> {
        let raw = RawSetting { setting: &STACK_NAME, text };
        of(&raw, numbers, "use SERVICE_NAME for the service").map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(read("my web_1.2", Numbers::ArePositions).as_deref(), Ok("my web_1.2"));
        assert_eq!(read("2048-game", Numbers::ArePositions).as_deref(), Ok("2048-game"));
        assert!(read("stack/web", Numbers::ArePositions).unwrap_err().contains("SERVICE_NAME"));
        assert!(read("we\nb", Numbers::AreNames).unwrap_err().contains("control characters"));
    }

    #[test]
    fn a_number_is_a_name_unless_the_source_takes_it_for_a_position() {
        for number in ["0", "2048", "-1", "+1"] {
            assert!(read(number, Numbers::ArePositions).unwrap_err().contains("must not be a number"));
            assert_eq!(read(number, Numbers::AreNames).as_deref(), Ok(number));
        }
    }
}
